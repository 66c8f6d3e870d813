/* The parts of `eplb plan`: options, results, printing. */
#ifndef EPLB_TOOLS_PLAN_PLAN_H
#define EPLB_TOOLS_PLAN_PLAN_H

#include "tools/common/planner_options.h"
#include "tools/common/recording_options.h"
#include <eplb/eplb.h>

/* Values of plan_options_t.window besides a number. */
enum { PLAN_WINDOW_LAST = -1, PLAN_WINDOW_SUM = -2, PLAN_WINDOW_ALL = -3 };

typedef struct plan_options {
  recording_options_t recording;
  const char *output;  /* NULL: only a summary */
  const char *current; /* placement to start from, or NULL */
  int window;
  int json;
  int token_groups, token_experts; /* what a token picks; groups 0: half of them */
  planner_options_t planner;
} plan_options_t;

/* How a placement does on the windows that are scored, per layer and in the mean; NAN for a layer without any load, and
 * for the mean where no layer has any. */
typedef struct plan_score {
  double mean;
  double *layer; /* [num_layers] */
} plan_score_t;

/* From the placement that was to the one that is planned: transfers of all layers by eplb_link_t, and the seconds that
 * each way is expected to take. */
typedef struct plan_change {
  int64_t transfers[EPLB_NUM_LINKS];
  double gain, cost; /* with payback; of all layers together */
} plan_change_t;

typedef struct plan_result {
  const plan_options_t *options;
  eplb_loads_t *loads;
  double *load;             /* [num_layers][num_experts]: what was planned for */
  int num_summed;           /* windows that it is the sum of */
  int idle_layers;          /* of it: without any load */
  eplb_plan_options_t plan; /* resolved for this topology */
  eplb_payback_t payback;   /* of so much load as all summed windows have */
  eplb_topology_t *topology;
  eplb_placement_t *before, *placement; /* before: the current one; else slot s holds expert s modulo num_experts */
  plan_score_t was, planned, bound;     /* of before; of placement; of any placement */
  plan_change_t change;                 /* where there is a current one */
  double remote_was, remote;            /* other nodes that a token visits, mean over layers; only with groups */
  double off_home;                      /* the part of all load that is away from its group's node */
  double milliseconds;
} plan_result_t;

/* Whether the planner is given window after window, not one load made of them. */
int plan_uses_each_window(const plan_result_t *result);

/* The scores, and the change. Allocates what result needs. */
eplb_status_t plan_compute_scores(plan_result_t *result);

/* The summary for people, on stdout. EPLB_ERR_MEMORY. */
eplb_status_t plan_print(const plan_result_t *result);

#endif
