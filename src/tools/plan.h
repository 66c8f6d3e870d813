/* The parts of `eplb plan`: what it is told, what came out, and how that is printed. */
#ifndef EPLB_TOOLS_PLAN_H
#define EPLB_TOOLS_PLAN_H

#include <eplb/eplb.h>

/* Values of plan_options_t.window besides a number. */
enum { PLAN_WINDOW_LAST = -1, PLAN_WINDOW_MEAN = -2, PLAN_WINDOW_ALL = -3 };

typedef struct plan_options {
  const char *loads, *output; /* output NULL: only a summary */
  int nodes, gpus, slots;     /* in all; gpus, slots 0: chosen */
  int window;
  int json;
  eplb_plan_options_t plan;
} plan_options_t;

/* How a placement does on the windows that are judged, per layer and in the mean. */
typedef struct plan_score {
  double mean;
  double *layer; /* [num_layers] */
} plan_score_t;

typedef struct plan_result {
  const plan_options_t *options;
  eplb_loads_t *loads;
  double *load; /* [num_layers][num_experts]: what was planned for */
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  plan_score_t linear, planned,
      bound; /* of slot s holding expert s modulo num_experts; of placement; of any placement */
  double milliseconds;
} plan_result_t;

/* The summary for people, on stdout. EPLB_ERR_MEMORY. */
eplb_status_t plan_print(const plan_result_t *result);

#endif
