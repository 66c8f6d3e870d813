/* Prints one host: packages, memory, accelerators and links. */
#include "tools/topo/topo_host.h"
#include "core/util/count.h"
#include "tools/common/human.h"
#include <stdio.h>
#include <string.h>

const char *topo_device(const eplb_accelerator_t *a, char name[TOPO_DEVICE_MAX]) {
  if (a->num_partitions && a->bus_id[0])
    snprintf(name, TOPO_DEVICE_MAX, "%s/%d", a->bus_id, a->partition);
  else if (a->bus_id[0] && strncmp(a->uuid, "MIG-", 4) != 0)
    snprintf(name, TOPO_DEVICE_MAX, "%s", a->bus_id);
  else
    snprintf(name, TOPO_DEVICE_MAX, "%s", a->uuid[0] ? a->uuid : "-");
  return name;
}

void topo_print_parts(const eplb_host_t *h) {
  printf("%d package%s, %d NUMA node%s, %d core%s, %d accelerator%s\n", h->num_packages, eplb_plural(h->num_packages),
         h->num_numa, eplb_plural(h->num_numa), h->num_cores, eplb_plural(h->num_cores), h->num_accelerators,
         eplb_plural(h->num_accelerators));
}

static int count_islands(const eplb_host_t *h) {
  int islands = 0;
  for (int a = 0; a < h->num_accelerators; a++)
    if (h->accelerator[a].island >= islands)
      islands = h->accelerator[a].island + 1;
  return islands;
}

void topo_print_links(const eplb_host_t *h, int indent) {
  int n = h->num_accelerators, linked = 0, islands = count_islands(h);
  double least = 0, most = 0;
  for (int i = 0; i < n * n; i++)
    if (h->bandwidth[i] > 0) {
      least = linked++ && least < h->bandwidth[i] ? least : h->bandwidth[i];
      most = most > h->bandwidth[i] ? most : h->bandwidth[i];
    }
  if (!linked)
    return;
  printf("%*s%s, ", indent, "", h->link_name);
  if (linked == n * (n - 1))
    printf("all to all, ");
  else
    printf("%d of %s, %d island%s, ", linked / 2, eplb_count(n * (n - 1) / 2, "pair"), islands, eplb_plural(islands));
  if (least < most)
    printf("%.4g to ", least / 1e9);
  printf("%.4g GB/s\n", most / 1e9);
}

void topo_print_host(const eplb_host_t *h, const char *declared_by) {
  char name[HUMAN_TEXT_MAX], from[HUMAN_TEXT_MAX];
  printf("%s, declared by %s: ", human_text(h->name, name), human_text(declared_by, from));
  topo_print_parts(h);
  if (h->num_accelerators)
    printf("  index  PCI bus id    NUMA  island  device\n");
  for (int i = 0; i < h->num_accelerators; i++) {
    const eplb_accelerator_t *a = &h->accelerator[i];
    char numa[12] = "-", device[TOPO_DEVICE_MAX];
    if (a->numa >= 0)
      snprintf(numa, sizeof numa, "%d", a->numa);
    printf("  %5d  %-12s  %4s  %6d  %.40s%s%s%s\n", i, topo_device(a, device), numa, a->island,
           human_text(a->name, name), *a->backends ? " (" : "", a->backends, *a->backends ? ")" : "");
  }
  topo_print_links(h, 2);
}

int topo_same_hardware(const eplb_host_t *a, const eplb_host_t *b) {
  if (a->num_packages != b->num_packages || a->num_numa != b->num_numa || a->num_pus != b->num_pus ||
      a->num_accelerators != b->num_accelerators)
    return 0;
  for (int i = 0; i < a->num_accelerators; i++)
    if (strcmp(a->accelerator[i].bus_id, b->accelerator[i].bus_id) ||
        strcmp(a->accelerator[i].name, b->accelerator[i].name) ||
        a->accelerator[i].num_partitions != b->accelerator[i].num_partitions ||
        a->accelerator[i].numa != b->accelerator[i].numa || a->accelerator[i].island != b->accelerator[i].island)
      return 0;
  return 1;
}
