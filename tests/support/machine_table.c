#include "machine_table.h"
#include "tap.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <string.h>

/* The accelerators in the order of their bus ids. */
static const eplb_accelerator_t *by_bus(const eplb_host_t *h, int place) {
  for (int i = 0; i < h->num_accelerators; i++) {
    int before = 0;
    for (int k = 0; k < h->num_accelerators; k++) {
      int order = strcmp(h->accelerator[k].bus_id, h->accelerator[i].bus_id);
      before += order < 0 || (order == 0 && k < i);
    }
    if (before == place)
      return &h->accelerator[i];
  }
  return NULL;
}

static void check_accelerators(const machine_expected_t *e, const eplb_host_t *h) {
  char numa[128] = "";
  int islands = 0;
  for (int i = 0; i < h->num_accelerators; i++) {
    const eplb_accelerator_t *a = &h->accelerator[i];
    size_t length = strlen(numa);
    snprintf(numa + length, sizeof numa - length, "%s%d", i ? " " : "", by_bus(h, i)->numa);
    islands = a->island >= islands ? a->island + 1 : islands;
    CU_ASSERT(strstr(a->name, e->name) != NULL);
    for (int k = 0; k < i; k++)
      CU_ASSERT(!a->bus_id[0] || strcmp(a->bus_id, h->accelerator[k].bus_id) ||
                a->partition != h->accelerator[k].partition);
    char kinds[64];
    snprintf(kinds, sizeof kinds, "%s", e->backends);
    char *rest = NULL;
    for (char *kind = strtok_r(kinds, " ", &rest); kind; kind = strtok_r(NULL, " ", &rest))
      CU_ASSERT(strstr(a->backends, kind) != NULL);
  }
  if (strcmp(numa, e->numa) || islands != e->islands)
    printf("# %s: NUMA nodes %s, %d islands\n", e->file, numa, islands);
  CU_ASSERT(!strcmp(numa, e->numa));
  CU_ASSERT(islands == e->islands);
}

static void check_peers(const machine_expected_t *e, const eplb_host_t *h) {
  double least = 0, most = 0;
  for (int i = 0; i < h->num_accelerators; i++) {
    int peers = 0;
    for (int k = 0; k < h->num_accelerators; k++) {
      double rate = h->bandwidth[i * h->num_accelerators + k] / 1e6;
      peers += rate > 0;
      least = rate > 0 && (least <= 0 || rate < least) ? rate : least;
      most = rate > most ? rate : most;
    }
    CU_ASSERT(peers == e->peers);
  }
  CU_ASSERT_DOUBLE_EQUAL(least, e->least, 0.5);
  CU_ASSERT_DOUBLE_EQUAL(most, e->most, 0.5);
  CU_ASSERT((h->link_name[0] != 0) == (e->peers > 0));
}

void machine_check(const machine_expected_t *e, const char *path) {
  eplb_host_t *h = NULL;
  CU_ASSERT(eplb_host_detect(path, &h) == EPLB_SUCCESS);
  if (!h) {
    printf("# %s\n", eplb_last_error());
    return;
  }
  CU_ASSERT(h->declared);
  check_accelerators(e, h);
  check_peers(e, h);
  eplb_host_destroy(&h);
  CU_ASSERT(h == NULL);
}
