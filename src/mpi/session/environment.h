/* Options from EPLB_ environment variables; the library reads them only here. */
#ifndef EPLB_MPI_SESSION_ENVIRONMENT_H
#define EPLB_MPI_SESSION_ENVIRONMENT_H

#include "mpi/session/options.h"

/* Overrides *own by this process's variables: the rows of the option tables by their names. A variable of the trigger
 * makes one where there is none. Local. EPLB_ERR_ARGUMENT names the variable. */
eplb_status_t eplb_environment_override(eplb_own_options_t *own);

/* Reports each EPLB_ variable of this process that is not an option to options->log, if set. Local. */
void eplb_environment_warn(const eplb_session_options_t *options);

#endif
