/* Trying what may crash, where that does no harm. */
#ifndef EPLB_DETECT_TRIAL_H
#define EPLB_DETECT_TRIAL_H

#include <eplb/status.h>

/* Runs attempt(arg) in a child process, quietly and for no more than some seconds, and says whether it came to its end. Local.
 * EPLB_ERR_FORMAT without a sentence: it did not; EPLB_ERR_MEMORY: no process could be had. */
eplb_status_t eplb_try(void (*attempt)(void *arg), void *arg);

#endif
