/* Estimates how long a planner takes for a layer, so that a session can choose how many ranks plan. */
#include "core/plan/planning_work.h"

/* Measured on one core of an EPYC server, 256 experts, 288 to 2,048 slots on 32 to 1,024 devices, in seconds: for each
 * slot, and for each slot and device. */
static const struct {
  double slot, slot_and_device;
} work[] = {
    [EPLB_PLANNER_AUTO] = {3e-6, 1.6e-7}, /* the plans that it scores: of window and history, or chain instead */
    [EPLB_PLANNER_DEEPSEEK] = {8e-8, 0},   [EPLB_PLANNER_WINDOW] = {2e-6, 6e-8},
    [EPLB_PLANNER_HISTORY] = {1e-6, 7e-8}, [EPLB_PLANNER_CHAIN] = {7e-7, 2e-8},
};

double eplb_planning_work(const eplb_plan_options_t *resolved, const eplb_topology_t *topology) {
  double slots = eplb_topology_num_slots(topology), devices = topology->num_devices;
  double seconds = slots * (work[resolved->planner].slot + work[resolved->planner].slot_and_device * devices);
  return resolved->effort == EPLB_EFFORT_BEST ? 4 * seconds : seconds;
}

/* Below this many seconds for all layers one rank plans alone: what ranks wait for to bring plans together is worth
 * about a tenth of it. */
static const double SHORT = 2e-3;

int eplb_planning_num_ranks(const eplb_plan_options_t *resolved, const eplb_topology_t *topology, int num_layers,
                            int wanted) {
  int ranks = wanted;
  if (!ranks)
    ranks = num_layers * eplb_planning_work(resolved, topology) < SHORT ? 1 : num_layers;
  ranks = ranks < num_layers ? ranks : num_layers;
  return ranks < topology->num_devices ? ranks : topology->num_devices;
}
