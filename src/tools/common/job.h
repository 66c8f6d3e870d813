/* Options of all commands that run a job under mpirun: children of their argp. */
#ifndef EPLB_TOOLS_COMMON_JOB_H
#define EPLB_TOOLS_COMMON_JOB_H

#include "core/model/synthetic.h"
#include "tools/common/option_rows.h"
#include <argp.h>
#include <eplb/eplb_mpi.h>

/* Whose loads, on what. Help shows the values that are set before it is parsed as defaults. */
typedef struct job_options {
  const char *loads;     /* NULL: synthetic */
  const char *synthetic; /* an option that was given and is only for synthetic loads, or NULL */
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
  option_rows_t rows;
} moving_options_t;

/* Prepares moving_argp, once options->session has the command's defaults. */
void moving_options_init(moving_options_t *options);

/* Their inputs are a job_options_t and a moving_options_t. */
extern const struct argp job_argp, moving_argp;

/* The loads on every rank: of the file, or `num_windows` synthetic windows. Collective over MPI_COMM_WORLD. */
eplb_status_t job_loads(const job_options_t *options, int num_windows, eplb_loads_t **loads);

/* Slots of a layer on each of `num_ranks` ranks. */
int job_slots_per_rank(const job_options_t *options, int num_experts, int num_ranks);

/* The ranks as detected, or with options->nodes as declared. Collective over MPI_COMM_WORLD. */
eplb_status_t job_topology(const job_options_t *options, int slots_per_rank, eplb_topology_t **topology);

#endif
