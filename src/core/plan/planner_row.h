/* What a planner is: what it is asked, what it uses of the options, its row in the table of planner.c.
 *
 * To add a planner:
 *   1. its value of eplb_planner_t in include/eplb/planner.h
 *   2. its name, at the same place, in planner_names of options.c, and in the help of the option `planner`, whose range
 *      follows from the names
 *   3. what it uses, below: a line of the enum and one of EPLB_PLANNERS_USING
 *   4. its row in planner.c
 *   5. how long it takes, in planning_work.c
 *   6. its file, with a function eplb_plan_fn and, if it does not take every shape, an eplb_plan_check_fn */
#ifndef EPLB_CORE_PLAN_PLANNER_ROW_H
#define EPLB_CORE_PLAN_PLANNER_ROW_H

#include <eplb/planner.h>

/* The input of a planner, already checked. */
typedef struct eplb_plan_request {
  const eplb_plan_options_t *options; /* resolved: policy is not AUTO */
  const eplb_topology_t *topology;
  const eplb_windows_t *windows;
  const eplb_placement_t *current; /* NULL: plan from scratch */
  const uint8_t *skip; /* [num_layers]: 1: nobody will read the layer's row, so it need not be planned; NULL: none */
} eplb_plan_request_t;

/* Whether the planner can plan for these sizes. EPLB_ERR_SHAPE, EPLB_ERR_UNSUPPORTED. */
typedef eplb_status_t eplb_plan_check_fn(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                         int num_experts);

/* Plans every layer into `placement`, which is a copy of request->current, or all slots empty. */
typedef eplb_status_t eplb_plan_fn(const eplb_plan_request_t *request, eplb_placement_t *placement);

typedef struct eplb_planner_row {
  eplb_plan_check_fn *check; /* NULL: any sizes */
  eplb_plan_fn *plan;
} eplb_planner_row_t;

/* What a planner may use of the options; all use the others. */
enum {
  EPLB_USES_HIERARCHY = 1,  /* policy hierarchical: expert groups stay on their nodes */
  EPLB_USES_FORECAST = 2,   /* forecast: it plans for one load, made of the windows; others use each window */
  EPLB_USES_EFFORT = 4,     /* effort */
  EPLB_USES_SPILL = 8,      /* spill */
  EPLB_USES_BALANCE = 16,   /* balance */
  EPLB_USES_MOVES = 32,     /* max_moves, node_cost, tokens_per_load: it plans from a current placement */
  EPLB_USES_MOVE_COST = 64, /* move_cost */
  EPLB_USES_PAYBACK = 128   /* payback */
};

enum {
  EPLB_AUTO_USES = EPLB_USES_EFFORT | EPLB_USES_MOVES | EPLB_USES_MOVE_COST,
  EPLB_DEEPSEEK_USES = EPLB_USES_HIERARCHY | EPLB_USES_FORECAST,
  EPLB_WINDOW_USES = EPLB_USES_HIERARCHY | EPLB_USES_FORECAST | EPLB_USES_EFFORT | EPLB_USES_SPILL | EPLB_USES_BALANCE |
                     EPLB_USES_MOVES | EPLB_USES_PAYBACK,
  EPLB_HISTORY_USES = EPLB_USES_EFFORT | EPLB_USES_MOVES | EPLB_USES_MOVE_COST,
  EPLB_CHAIN_USES = EPLB_USES_EFFORT | EPLB_USES_MOVES | EPLB_USES_MOVE_COST
};

/* The planners that use `what`, bit 1 << p for planner p: a constant, for the rows of options. */
#define EPLB_PLANNERS_USING(what)                                                                                      \
  ((EPLB_AUTO_USES & (what) ? 1u << EPLB_PLANNER_AUTO : 0) |                                                           \
   (EPLB_DEEPSEEK_USES & (what) ? 1u << EPLB_PLANNER_DEEPSEEK : 0) |                                                   \
   (EPLB_WINDOW_USES & (what) ? 1u << EPLB_PLANNER_WINDOW : 0) |                                                       \
   (EPLB_HISTORY_USES & (what) ? 1u << EPLB_PLANNER_HISTORY : 0) |                                                     \
   (EPLB_CHAIN_USES & (what) ? 1u << EPLB_PLANNER_CHAIN : 0))

static inline int eplb_planner_uses(eplb_planner_t planner, unsigned what) {
  return (int)(EPLB_PLANNERS_USING(what) >> planner & 1);
}

#endif
