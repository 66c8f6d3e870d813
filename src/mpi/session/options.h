/* A session's options, from the job and from the environment. */
#ifndef EPLB_MPI_SESSION_OPTIONS_H
#define EPLB_MPI_SESSION_OPTIONS_H

#include "core/util/option_table.h"
#include "mpi/comm/comm.h"
#include <eplb/session.h>

extern const eplb_option_table_t eplb_session_table;

/* Copies `given` with the overrides of this process's EPLB_ variables into *options, its trigger into *trigger, where
 * options->trigger then points, and checks it all, as far as one rank can. Local. EPLB_ERR_ARGUMENT names the option or
 * variable. *options is set, if only to defaults, on failure too. */
eplb_status_t eplb_options_resolve(const eplb_session_options_t *given, eplb_session_options_t *options,
                                   eplb_trigger_t *trigger);

/* Agrees on the ranks' statuses and, if all succeed, on their options. Collective over comm. */
eplb_status_t eplb_options_agree(eplb_comm_t *comm, eplb_status_t mine, const eplb_session_options_t *options);

#endif
