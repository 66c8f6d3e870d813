/* GPUs as a user declares them: by --nodes, --gpus and --slots, or by --topology. */
#ifndef EPLB_TOOLS_DECLARE_H
#define EPLB_TOOLS_DECLARE_H

#include <eplb/topology.h>

/* As many slots as asked for, dealt out evenly to the GPUs, those evenly to the nodes; the first get one more. With 0
 * GPUs 8 for each node; with 0 slots an eighth more than `num_experts`, rounded up to a multiple of the GPUs.
 * EPLB_ERR_SHAPE; EPLB_ERR_MEMORY. */
eplb_status_t tool_declare(int num_nodes, int num_gpus, int num_slots, int num_experts, eplb_topology_t **topology);

/* As the file or specification says. Slots that it does not tell: as many in all as asked for, or with 0 an eighth more
 * than `num_experts`, each GPU alike. Errors as eplb_topology_read. */
eplb_status_t tool_topology(const char *file, int num_slots, int num_experts, eplb_topology_t **topology);

#endif
