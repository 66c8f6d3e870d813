/* Prints what is unusual about a job: GPUs that no rank drives, ranks that share one, ranks bound elsewhere. */
#include "core/util/count.h"
#include "tools/common/human.h"
#include "tools/topo/topo.h"
#include "tools/topo/topo_host.h"
#include <stdio.h>
#include <string.h>

int topo_sharing_rank(const eplb_machine_t *m, const eplb_rank_info_t *r) {
  const eplb_topology_t *t = m->topology;
  for (int i = t->node_begin[r->node]; i < t->node_begin[r->node + 1]; i++) {
    const eplb_rank_info_t *other = &m->rank[t->node_device[i]];
    if (other != r && eplb_rank_shares_device(other, r))
      return other->rank;
  }
  return -1;
}

int topo_is_bound_elsewhere(const eplb_rank_info_t *r) {
  return r->device_index >= 0 && r->numa >= 0 && r->device.numa >= 0 && r->numa != r->device.numa;
}

/* How many accelerators of a node no rank drives. */
static int count_idle(const eplb_machine_t *m, int node) {
  const eplb_topology_t *t = m->topology;
  int idle = m->host[node]->num_accelerators;
  for (int a = 0; a < m->host[node]->num_accelerators; a++)
    for (int i = t->node_begin[node]; i < t->node_begin[node + 1]; i++)
      if (m->rank[t->node_device[i]].device_index == a) {
        idle--;
        break;
      }
  return idle;
}

enum { SHOWN = 8 };

/* One line more; whether it is to be shown: a whole machine may be unusual. */
static int begin_line(int *lines) {
  if (*lines == 0)
    printf("unusual:\n");
  return (*lines)++ < SHOWN;
}

static void print_unusual_rank(const eplb_machine_t *m, const eplb_rank_info_t *r, int *lines) {
  int other = topo_sharing_rank(m, r);
  char shown[HUMAN_TEXT_MAX], device[TOPO_DEVICE_MAX];
  if (other > r->rank && begin_line(lines))
    printf("  ranks %d and %d use the same accelerator, %s\n", r->rank, other, topo_device(&r->device, device));
  if (topo_is_bound_elsewhere(r) && begin_line(lines))
    printf("  rank %d is bound to NUMA node %d; its accelerator is on NUMA node %d\n", r->rank, r->numa,
           r->device.numa);
  if (r->note[0] && begin_line(lines))
    printf("  rank %d: %s\n", r->rank, human_text(r->note, shown));
}

static void print_unusual_node(const eplb_machine_t *m, int node, int *lines) {
  const eplb_topology_t *t = m->topology;
  const eplb_host_t *h = m->host[node];
  int idle = count_idle(m, node), rank = t->node_device[t->node_begin[node]];
  if (idle && begin_line(lines))
    printf("  node %d: no rank uses %d of its %s\n", node, idle, eplb_count(h->num_accelerators, "accelerator"));
  if (node > 0 && !topo_same_hardware(m->host[0], h) && begin_line(lines))
    printf("  node %d differs from node 0: %d and %d processors, %d and %d accelerators\n", node, h->num_pus,
           m->host[0]->num_pus, h->num_accelerators, m->host[0]->num_accelerators);
  if (node > 0 && t->node_begin[node + 1] - t->node_begin[node] != t->node_begin[1] && begin_line(lines))
    printf("  node %d has %s, node 0 has %d\n", node, eplb_count(t->node_begin[node + 1] - t->node_begin[node], "rank"),
           t->node_begin[1]);
  for (int n = 0; n < node; n++)
    if (m->rank[rank].machine && m->rank[t->node_device[t->node_begin[n]]].machine == m->rank[rank].machine) {
      if (begin_line(lines))
        printf("  nodes %d and %d are on one machine, but cannot share memory\n", n, node);
      break;
    }
}

void topo_print_unusual(const eplb_machine_t *m) {
  int lines = 0;
  for (int r = 0; r < m->num_ranks; r++)
    print_unusual_rank(m, &m->rank[r], &lines);
  for (int n = 0; n < eplb_topology_num_nodes(m->topology); n++)
    print_unusual_node(m, n, &lines);
  if (lines > SHOWN)
    printf("  and %d more: --json lists all\n", lines - SHOWN);
}
