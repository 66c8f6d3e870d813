/* The first failure of several calls, kept with its sentence: other calls may be made before ranks agree on it. */
#ifndef EPLB_MPI_MIGRATE_FAILURE_H
#define EPLB_MPI_MIGRATE_FAILURE_H

#include <eplb/status.h>
#include <stdio.h>

typedef struct eplb_failure {
  eplb_status_t status; /* EPLB_SUCCESS: nothing has failed */
  char sentence[EPLB_ERROR_MAX];
} eplb_failure_t;

/* Keeps `status` and eplb_last_error(), unless it is EPLB_SUCCESS or a failure is kept already. */
static inline void eplb_failure_keep(eplb_failure_t *failure, eplb_status_t status) {
  if (status == EPLB_SUCCESS || failure->status != EPLB_SUCCESS)
    return;
  failure->status = status;
  snprintf(failure->sentence, sizeof failure->sentence, "%s", eplb_last_error());
}

#endif
