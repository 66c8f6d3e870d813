/* A session's options, from the job and from the environment. */
#ifndef EPLB_MPI_SESSION_OPTIONS_H
#define EPLB_MPI_SESSION_OPTIONS_H

#include "core/util/option_table.h"
#include "mpi/comm/comm.h"
#include <eplb/session.h>

extern const eplb_option_table_t eplb_session_table;

/* A session's options, and copies of the structs that they point to. */
typedef struct eplb_own_options {
  eplb_session_options_t session; /* its plan and, if there is one, its trigger are those below */
  eplb_plan_options_t plan;       /* its payback, if there is one, is the next */
  eplb_payback_t plan_payback;
  eplb_trigger_t trigger; /* its payback, if there is a trigger, is the next */
  eplb_payback_t trigger_payback;
} eplb_own_options_t;

/* Copies `given` with the overrides of this process's EPLB_ variables into *own, and checks it all, as far as one rank
 * can. Local. EPLB_ERR_ARGUMENT names the option or variable. *own is set, if only to defaults, on failure too. */
eplb_status_t eplb_options_resolve(const eplb_session_options_t *given, eplb_own_options_t *own);

/* Agrees on the ranks' statuses and, if all succeed, on their options. Collective over comm. */
eplb_status_t eplb_options_agree(eplb_comm_t *comm, eplb_status_t mine, const eplb_session_options_t *options);

#endif
