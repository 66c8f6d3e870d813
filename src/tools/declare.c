#include "tools/declare.h"
#include "core/memory.h"
#include <eplb/formats.h>

eplb_status_t tool_declare(int num_nodes, int num_gpus, int num_slots, int num_experts, eplb_topology_t **topology) {
  int gpus = num_gpus ? num_gpus : 8 * num_nodes;
  int64_t wanted = num_experts + (num_experts + 7) / 8,
          slots = num_slots ? num_slots : (wanted + gpus - 1) / gpus * gpus;
  if (slots > INT32_MAX)
    return eplb_fail(EPLB_ERR_SHAPE, "%d experts on %d GPUs are too many slots", num_experts, gpus);
  if (num_nodes > gpus)
    return eplb_fail(EPLB_ERR_SHAPE, "--nodes is %d for %d GPUs; every node needs one", num_nodes, gpus);
  int *node = EPLB_NEW(int, gpus), *share = EPLB_NEW(int, gpus);
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (node && share) {
    for (int g = 0; g < gpus; g++) {
      node[g] = (int)((int64_t)g * num_nodes / gpus);
      share[g] = (int)slots / gpus + (g < slots % gpus);
    }
    status = eplb_topology_create(gpus, 1, (const char *const[]){"node"}, 0, node, share, NULL, 1, topology);
  }
  free(node);
  free(share);
  return status;
}

/* The slots of a GPU depend on how many GPUs there are, so that it is read twice. */
eplb_status_t tool_topology(const char *file, int num_slots, int num_experts, eplb_topology_t **topology) {
  int wanted = num_slots ? num_slots : num_experts + (num_experts + 7) / 8;
  eplb_status_t status = eplb_topology_read(file, 0, topology);
  if (!status || file[0] == '-')
    return status;
  status = eplb_topology_read(file, 1, topology);
  if (status)
    return status;
  int gpus = (*topology)->num_devices;
  eplb_topology_destroy(topology);
  return eplb_topology_read(file, (wanted + gpus - 1) / gpus, topology);
}
