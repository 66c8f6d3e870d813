/* The parts of `eplb bench session`: options and printing; the simulated session. */
#ifndef EPLB_TOOLS_BENCH_BENCH_SESSION_H
#define EPLB_TOOLS_BENCH_BENCH_SESSION_H

#include "tools/common/planner_options.h"
#include "tools/common/recording_options.h"
#include <eplb/eplb.h>

typedef struct session_options {
  recording_options_t recording;
  planner_options_t planner;
  int history, plan_ranks; /* as of eplb_session_options_t */
  int json;
} session_options_t;

/* What a rebalance after a window was worth and cost. Times are of one core each. */
typedef struct session_window {
  double now, next;               /* balance on this window and on the one that follows */
  int64_t moves, across;          /* slots filled from another device; of these from another node; all layers */
  int64_t map_bytes, moved_bytes; /* that each rank gets of the maps; of weights, of all ranks */
  double plan_seconds;            /* of the rank whose layers take longest */
  double map_seconds;             /* to list, take and check what changes */
  double derive_seconds;          /* of one rank */
  uint64_t digest;                /* of the placement */
} session_window_t;

/* A session without weights: one rank for each device of the topology. */
typedef struct session_run {
  const session_options_t *options;
  const eplb_loads_t *loads;
  const eplb_topology_t *topology;
  eplb_plan_options_t plan; /* resolved */
  int num_planning;         /* ranks that plan */
  session_window_t *window; /* [num_windows - 1] */
} session_run_t;

/* From the linear placement through all windows but the last, each of which is followed by a rebalance. Allocates
 * run->window. */
eplb_status_t session_simulate(session_run_t *run);

#endif
