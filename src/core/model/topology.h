/* What planners ask of a topology. */
#ifndef EPLB_CORE_MODEL_TOPOLOGY_H
#define EPLB_CORE_MODEL_TOPOLOGY_H

#include <eplb/topology.h>

/* Whether all nodes have equally many devices. */
static inline int eplb_topology_nodes_are_equal(const eplb_topology_t *t) {
  for (int n = 1; n < eplb_topology_num_nodes(t); n++)
    if (t->node_begin[n + 1] - t->node_begin[n] != t->node_begin[1])
      return 0;
  return 1;
}

#endif
