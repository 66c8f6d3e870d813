/* Options from EPLB_ environment variables; the library reads them only here. */
#ifndef EPLB_MPI_SESSION_ENVIRONMENT_H
#define EPLB_MPI_SESSION_ENVIRONMENT_H

#include <eplb/session.h>

/* Overrides *options, and *trigger, which options->trigger points to then, by this process's variables: the rows of the
 * option tables by their names. Local. EPLB_ERR_ARGUMENT names the variable. */
eplb_status_t eplb_environment_override(eplb_session_options_t *options, eplb_trigger_t *trigger);

/* Reports each EPLB_ variable of this process that is not an option to options->log, if set. Local. */
void eplb_environment_warn(const eplb_session_options_t *options);

#endif
