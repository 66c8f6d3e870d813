/* What jobs under mpirun are told, for every command that runs one: children of its argp. */
#ifndef EPLB_TOOLS_JOB_OPTIONS_H
#define EPLB_TOOLS_JOB_OPTIONS_H

#include <argp.h>
#include <eplb/eplb_mpi.h>

/* Whose loads, on what. Help shows the values that are set before it is parsed as defaults. */
typedef struct job_options {
  const char *loads; /* NULL: made up */
  eplb_generate_options_t generate;
  int slots;  /* of a layer, in all; 0: an eighth more than experts */
  int nodes;  /* declared; 0: detect */
  int rounds; /* 0: one for each window, at most 8 */
  int json;
} job_options_t;

/* The weights, and how the session moves them. */
typedef struct moving_options {
  int64_t expert_bytes;
  eplb_session_options_t session;
} moving_options_t;

/* Their inputs are a job_options_t and a moving_options_t. */
extern const struct argp job_argp, moving_argp;

/* Slots of a layer on each of `num_ranks` ranks. */
int job_slots_per_rank(const job_options_t *options, int num_experts, int num_ranks);

#endif
