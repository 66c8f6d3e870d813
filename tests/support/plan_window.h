/* A plan for one window, as most tests make it. */
#ifndef TESTS_PLAN_WINDOW_H
#define TESTS_PLAN_WINDOW_H

#include <eplb/planner.h>

static inline eplb_status_t plan_window(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                        eplb_windows_t window, const eplb_placement_t *current,
                                        eplb_placement_t **placement) {
  return eplb_plan(options, topology, &window, current, placement);
}

#endif
