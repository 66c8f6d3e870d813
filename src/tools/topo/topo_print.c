/* Prints a topology as a tree of domains, nodes and ranks; nodes that look alike are printed once. */
#include "core/util/count.h"
#include "core/util/escape.h"
#include "tools/common/human.h"
#include "tools/topo/topo.h"
#include "tools/topo/topo_host.h"
#include <stdio.h>
#include <string.h>

static const char *const rule_names[] = {"EPLB_DEVICE", "visible devices", "local rank", ""};
static const char *const domain_names[] = {"", "EPLB_DOMAIN", "EPLB_RACKS", "Slurm"};

/* ---- a rank ---- */

static int is_unusual(const topo_view_t *v, const eplb_rank_info_t *r) {
  return topo_sharing_rank(v->machine, r) >= 0 || topo_is_bound_elsewhere(r) || r->note[0];
}

static void print_rank(const topo_view_t *v, const eplb_rank_info_t *r, int indent) {
  char numa[12] = "all", device[TOPO_DEVICE_MAX], shown[HUMAN_TEXT_MAX];
  if (r->numa >= 0)
    snprintf(numa, sizeof numa, "%d", r->numa);
  printf("%*s%5d  %5d  %4d  %4s  ", indent, "", r->rank, r->local_rank, r->num_pus, numa);
  if (r->device_index >= 0)
    printf("%-12s %.30s", topo_device(&r->device, device), human_text(r->device.name, shown));
  else
    printf("%s", r->numa >= 0 ? "its NUMA node" : "the host's memory");
  printf("%s\n", is_unusual(v, r) ? " *" : "");
}

/* ---- a node ---- */

static int node_size(const eplb_topology_t *t, int node) {
  return t->node_begin[node + 1] - t->node_begin[node];
}

/* Whether two nodes' tables would read the same but for ranks and host names. */
static int are_alike(const topo_view_t *v, int a, int b) {
  const eplb_topology_t *t = v->topology;
  if (node_size(t, a) != node_size(t, b))
    return 0;
  for (int i = 0; i < node_size(t, a); i++) {
    int x = t->node_device[t->node_begin[a] + i], y = t->node_device[t->node_begin[b] + i];
    if (!v->machine) {
      if (t->slot_begin[x + 1] - t->slot_begin[x] != t->slot_begin[y + 1] - t->slot_begin[y] ||
          t->speed[x] < t->speed[y] || t->speed[x] > t->speed[y])
        return 0;
      continue;
    }
    const eplb_rank_info_t *p = &v->machine->rank[x], *q = &v->machine->rank[y];
    if (p->num_pus != q->num_pus || p->numa != q->numa || p->device_rule != q->device_rule ||
        p->device_index != q->device_index || p->device.partition != q->device.partition || strcmp(p->note, q->note))
      return 0;
  }
  return !v->host || topo_same_hardware(v->host[a], v->host[b]);
}

/* "0-3,8", of the ranks of nodes first to last, as far as there is room for. */
static void print_ranks(const eplb_topology_t *t, int first, int last) {
  int room = 30, begin = t->node_begin[first], end = t->node_begin[last + 1];
  for (int i = begin; i < end;) {
    char run[32];
    int next = i + 1;
    while (next < end && t->node_device[next] == t->node_device[next - 1] + 1)
      next++;
    if (next > i + 1)
      snprintf(run, sizeof run, "%d-%d", t->node_device[i], t->node_device[next - 1]);
    else
      snprintf(run, sizeof run, "%d", t->node_device[i]);
    room -= (int)strlen(run) + 1;
    printf("%s%s", i > begin ? "," : "", room < 0 ? "..." : run);
    i = room < 0 ? end : next;
  }
}

/* A host's name without its domain, cut to fit. */
static const char *short_name(const eplb_host_t *h, char shown[EPLB_SHOWN]) {
  size_t length = strcspn(h->name, ".");
  return eplb_escape(h->name, length < 16 ? length : 16, shown, EPLB_SHOWN);
}

static void print_alike(const topo_view_t *v, int like, int first, int last, int indent) {
  char from[EPLB_SHOWN], to[EPLB_SHOWN];
  if (first == last)
    printf("%*snode %d", indent, "", first);
  else
    printf("%*snodes %d-%d", indent, "", first, last);
  printf(": as node %d", like);
  if (v->host && first == last)
    printf(", %s", short_name(v->host[first], from));
  else if (v->host)
    printf(", %s to %s", short_name(v->host[first], from), short_name(v->host[last], to));
  printf(", %s ", v->machine ? "ranks" : "devices");
  print_ranks(v->topology, first, last);
  putchar('\n');
}

static void print_rule(const topo_view_t *v, int node, int indent) {
  const eplb_topology_t *t = v->topology;
  int rule = v->machine->rank[t->node_device[t->node_begin[node]]].device_rule;
  if (v->host[node]->num_accelerators == 0)
    printf("%*sno GPU: each rank's device is its NUMA node\n", indent, "");
  else if (rule != EPLB_DEVICE_IS_NUMA)
    printf("%*sdevices by %s\n", indent, "", rule_names[rule]);
}

static int island_of(const eplb_topology_t *t, int device) {
  return t->node_level + 1 < t->num_levels
             ? t->domain[(size_t)(t->num_levels - 1) * (size_t)t->num_devices + (size_t)device]
             : -1;
}

static void print_topo_node(const topo_view_t *v, int node, int indent) {
  const eplb_topology_t *t = v->topology;
  const int *rank = t->node_device + t->node_begin[node];
  int size = node_size(t, node);
  char shown[HUMAN_TEXT_MAX];
  printf("%*snode %d: ", indent, "", node);
  if (!v->machine) {
    int slots = t->slot_begin[*rank + 1] - t->slot_begin[*rank];
    printf("%d device%s of %d slot%s, ", size, eplb_plural(size), slots, eplb_plural(slots));
    print_ranks(t, node, node);
    putchar('\n');
    return;
  }
  printf("%.40s, %d rank%s\n%*s", human_text(v->host[node]->name, shown), size, eplb_plural(size), indent + 2, "");
  topo_print_parts(v->host[node]);
  topo_print_links(v->host[node], indent + 2);
  print_rule(v, node, indent + 2);
  printf("%*s rank  local  CPUs  NUMA  device\n", indent + 2, "");
  for (int i = 0; i < size; i++) {
    if (island_of(t, rank[i]) >= 0 && (i == 0 || island_of(t, rank[i]) != island_of(t, rank[i - 1])))
      printf("%*sisland %d\n", indent + 2, "", island_of(t, rank[i]));
    print_rank(v, &v->machine->rank[rank[i]], indent + 2);
  }
}

/* ---- domains ---- */

static int domain_at(const eplb_topology_t *t, int level, int device) {
  return t->domain[(size_t)level * (size_t)t->num_devices + (size_t)device];
}

/* Prints the nodes of a domain of the level above, or all nodes. Nodes that look like *shown, the last one that was
 * printed in full, take one line. */
static void print_nodes(const topo_view_t *v, int level, int domain, int indent, int *shown) {
  const eplb_topology_t *t = v->topology;
  int nodes = eplb_topology_num_nodes(t);
  for (int n = 0; n < nodes; n++) {
    if (level >= 0 && domain_at(t, level, t->node_device[t->node_begin[n]]) != domain)
      continue;
    if (*shown < 0 || !are_alike(v, *shown, n)) {
      print_topo_node(v, *shown = n, indent);
      continue;
    }
    int last = n;
    while (last + 1 < nodes && are_alike(v, *shown, last + 1) &&
           (level < 0 || domain_at(t, level, t->node_device[t->node_begin[last + 1]]) == domain))
      last++;
    print_alike(v, *shown, n, last, indent);
    n = last;
  }
}

/* What a domain is called: the rest of its path is in its parents. */
static const char *domain_name(const topo_view_t *v, int level, int device, char *name, size_t size) {
  const char *part = v->machine ? v->machine->rank[device].domain : "";
  for (; level > 0 && part; level--)
    part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL;
  if (!part && v->machine)
    part = v->machine->rank[device].device.fabric;
  size_t length = part ? strcspn(part, "/") : 0;
  const char *equals = part ? memchr(part, '=', length) : NULL;
  if (equals) {
    length -= (size_t)(equals + 1 - part);
    part = equals + 1;
  }
  return eplb_escape(part ? part : "", length, name, size);
}

/* Domains of one outer level within one of the level above, and so on down to nodes. */
static void print_level(const topo_view_t *v, int level, int parent, int indent, int *shown) {
  const eplb_topology_t *t = v->topology;
  if (level == t->node_level) {
    print_nodes(v, level - 1, parent, indent, shown);
    return;
  }
  for (int d = 0; d < t->num_domains[level]; d++) {
    int first = 0;
    char name[EPLB_DOMAIN_PATH_MAX];
    while (domain_at(t, level, first) != d)
      first++;
    if (level > 0 && domain_at(t, level - 1, first) != parent)
      continue;
    printf("%*s%s %d%s%.60s\n", indent, "", t->level_name[level], d, v->machine ? ": " : "",
           domain_name(v, level, first, name, sizeof name));
    print_level(v, level + 1, d, indent + 2, shown);
  }
}

static void print_counts(const topo_view_t *v) {
  const eplb_topology_t *t = v->topology;
  int nodes = eplb_topology_num_nodes(t);
  char shown[HUMAN_TEXT_MAX];
  printf("%d %s%s on %d node%s", t->num_devices, v->machine ? "rank" : "device", eplb_plural(t->num_devices), nodes,
         eplb_plural(nodes));
  for (int l = t->node_level - 1; l >= 0; l--)
    printf(" in %d %s%s", t->num_domains[l], t->level_name[l], eplb_plural(t->num_domains[l]));
  if (v->machine && v->machine->rank[0].domain_rule)
    printf(", by %s", domain_names[v->machine->rank[0].domain_rule]);
  if (v->declared_by)
    printf(", declared by %s", human_text(v->declared_by, shown));
  putchar('\n');
  if (v->planned && v->planned->node_level != t->node_level)
    printf("planners take each %s as a node\n", t->level_name[v->planned->node_level]);
}

static void print_measured(const topo_links_t *links) {
  printf("links between ranks, one pair at a time, medians\n");
  for (int i = 0; i < links->count; i++) {
    const topo_link_t *l = &links->link[i];
    if (l->pairs)
      printf("  %-14s %8.3g GB/s  %8.3g us  (%d pair%s)\n", l->name, l->bytes_per_second / 1e9, l->seconds * 1e6,
             l->pairs, eplb_plural(l->pairs));
  }
}

void topo_print(const topo_view_t *v) {
  if (!v->topology) {
    topo_print_host(v->host[0], v->declared_by);
    return;
  }
  print_counts(v);
  int shown = -1;
  print_level(v, 0, -1, 0, &shown);
  if (v->machine)
    topo_print_unusual(v->machine);
  if (v->links)
    print_measured(v->links);
}
