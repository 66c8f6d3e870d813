/* The parts of `eplb replay`: options, the run of one policy over the windows, printing. */
#ifndef EPLB_TOOLS_REPLAY_REPLAY_H
#define EPLB_TOOLS_REPLAY_REPLAY_H

#include "tools/common/planner_options.h"
#include "tools/common/recording_options.h"
#include <eplb/eplb.h>

enum { REPLAY_MAX_POLICIES = 8 };

typedef enum replay_shares { REPLAY_SHARES_AUTO, REPLAY_SHARES_ON, REPLAY_SHARES_OFF } replay_shares_t;

typedef struct replay_options {
  recording_options_t recording;
  int history;      /* windows to plan with */
  int warmup;       /* windows that are not scored */
  int has_warmup;   /* --warmup was given */
  int batch_tokens; /* 0: whole windows */
  int from_scratch; /* plan every window from scratch */
  int as_session;   /* from the linear placement and the first window on, whichever are scored */
  int json;
  int has_seed; /* --seed was given */
  uint64_t seed;
  replay_shares_t shares;
  int num_policies;
  eplb_planner_t policy[REPLAY_MAX_POLICIES];
  const char *current; /* the placement that the first plan starts from, or NULL */
  planner_options_t planner;
} replay_options_t;

/* The score on one window of a plan that was made from earlier windows. */
typedef struct replay_step {
  int idle_layers;         /* without any load in the window; the others are scored */
  double mean, p10, worst; /* balance over these; NAN if no layer has load */
  int worst_layer;         /* index */
  int64_t moves, across;   /* slots filled from another device; of these from another node; all layers together */
  double milliseconds;     /* of planning */
  uint64_t digest;         /* of the placement */
} replay_step_t;

typedef struct replay_run {
  const replay_options_t *options;
  const eplb_loads_t *loads;
  const eplb_topology_t *topology;
  eplb_planner_t policy;    /* as asked for: AUTO may be resolved to another */
  eplb_plan_options_t plan; /* resolved: what this policy uses of the options */
  int with_shares;
  replay_step_t *step; /* [num_windows]; those before the first that is scored are not set */
} replay_run_t;

/* The first window that is scored. */
int replay_first(const replay_options_t *options, const eplb_loads_t *loads);

/* Takes a policy through all windows, and with `progress` says how far, of so many windows in all. Allocates
 * run->step. */
eplb_status_t replay_policy(replay_run_t *run, int done, int all);

/* Over the windows scored: means and sums, of balances over those with load; p10 of the windows' layers is the mean of
 * the windows' own; idle_layers is the least of any. */
replay_step_t replay_summary(const replay_run_t *run);

/* On stdout, for people or as JSON lines. */
void replay_print(const replay_run_t *run, int num_runs);
void replay_print_json(const replay_run_t *run, int num_runs);

#endif
