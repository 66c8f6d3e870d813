/* The fault callback. */
#include "mpi/migrate/context.h"
#include <stdio.h>

static const char *const step_name[EPLB_NUM_STEPS] = {
    [EPLB_STEP_CREATE] = "create",       [EPLB_STEP_REDUCE] = "reduce",   [EPLB_STEP_PLAN] = "plan",
    [EPLB_STEP_BROADCAST] = "broadcast", [EPLB_STEP_DERIVE] = "derive",   [EPLB_STEP_STAGE] = "stage",
    [EPLB_STEP_SEND] = "send",           [EPLB_STEP_RECEIVE] = "receive", [EPLB_STEP_ARRIVE] = "arrive"};

eplb_status_t eplb_migrate_fault(const eplb_migrate_context_t *c, eplb_step_t step, void *bytes, size_t size) {
  if (!c->fault)
    return EPLB_SUCCESS;
  char before[EPLB_ERROR_MAX];
  snprintf(before, sizeof before, "%s", eplb_last_error());
  eplb_fail(EPLB_SUCCESS, "%s", "");
  eplb_status_t status = c->fault(c->fault_arg, step, bytes, size);
  if (status == EPLB_SUCCESS)
    return eplb_fail(EPLB_SUCCESS, "%s", before);
  if ((int)status > 0 || (int)status < EPLB_ERR_INTERNAL)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the fault callback returned %d at step %s; expected a code of eplb/status.h",
                     (int)status, step_name[step]);
  if (!*eplb_last_error())
    eplb_fail(status, "the fault callback returned \"%s\" at step %s", eplb_status_name(status), step_name[step]);
  if (status == EPLB_ERR_MPI)
    eplb_comm_note(c->comm);
  return status;
}
