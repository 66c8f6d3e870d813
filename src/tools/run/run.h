/* The parts of `eplb run`: options, results of a round, printing. */
#ifndef EPLB_TOOLS_RUN_RUN_H
#define EPLB_TOOLS_RUN_RUN_H

#include "tools/common/job.h"
#include "tools/common/planner_options.h"
#include "tools/common/weights.h"
#include <eplb/eplb_mpi.h>

typedef struct run_options {
  job_options_t job;
  moving_options_t moving;
  planner_options_t planner;
  eplb_trigger_t trigger; /* moving.session.trigger points here if options of the trigger were given */
  option_rows_t trigger_rows;
  int inject_step; /* an eplb_step_t, or -1 */
  int inject_rank;
  int inject_damage; /* flip a bit of what arrives instead */
} run_options_t;

/* Parses the command line; exits as argp does. */
void run_parse(int argc, char **argv, run_options_t *options);

/* What all is done with: the same on every rank, but for weights, and machine->rank, which rank 0 has. */
typedef struct run {
  const run_options_t *options;
  int rank, num_ranks;
  eplb_machine_t *machine;
  const eplb_topology_t *topology; /* the session's */
  int topology_declared;           /* not machine's, but by --nodes */
  eplb_loads_t *loads;
  double scale; /* tokens counted for a load of 1 */
  eplb_session_t *session;
  eplb_plan_options_t plan; /* what the session plans with */
  weights_t weights;
  int count, played; /* rounds */
  int injected;      /* the step of --inject came on this rank */
} run_t;

enum {
  RUN_REDUCE,
  RUN_PLAN,
  RUN_BROADCAST,
  RUN_DERIVE,
  RUN_MIGRATE,
  RUN_VERIFY, /* part of migrate */
  RUN_CHECK,  /* by the tool, of every byte */
  RUN_PHASES
};

typedef struct run_round {
  int window, next;                        /* next: -1 after the last */
  double now_before, now_after;            /* balancedness on this window, mean over layers with load; NAN: none has */
  double next_before, next_after;          /* on the next window; NAN also after the last window */
  eplb_report_t report;                    /* rank 0's */
  double milliseconds[RUN_PHASES];         /* of the slowest rank */
  uint64_t digest;                         /* of the placement after it */
  int64_t staging_peak, checked, wrong;    /* bytes: of the largest rank; of all */
  int wrong_rank, wrong_layer, wrong_slot; /* the first, if any */
} run_round_t;

/* Rank 0 only. */
void run_print_start(const run_t *run);
void run_print_round(const run_t *run, int number, const run_round_t *round);
/* `good`: whether the last round succeeded; else it was the failure, and says whether anything was lost. */
void run_print_end(const run_t *run, const run_round_t *rounds, int count, int good);

#endif
