/* DeepSeek's EPLB a second time, after the published Python, as plainly as can be: to compare the planner with. */
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include <stdint.h>

enum { NAIVE_MAX_SLOTS = 256 };

/* What rebalance_experts returns for one layer, its sort made stable, for at most NAIVE_MAX_SLOTS slots.
 * physical_to_logical[num_slots]; replica[num_slots] numbers the replicas of an expert from 0; count[num_experts]. */
void naive_eplb(int num_experts, int num_slots, int num_groups, int num_nodes, int num_devices, const double *load,
                int32_t *physical_to_logical, int32_t *replica, int32_t *count);

#endif
