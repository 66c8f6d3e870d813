/* The collective calls that save a session and create one from a file. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "mpi/session/in_step.h"
#include "mpi/session/options.h"
#include "mpi/session/saved_state.h"
#include <eplb/saved.h>
#include <limits.h>

/* ---- save ---- */

/* On rank 0, which always plans and so has the windows. */
static eplb_status_t write_state(const eplb_session_t *s, const char *path) {
  const eplb_placement_t *p = s->placement;
  eplb_windows_t windows;
  eplb_saved_state_t state = {.num_layers = p->num_layers,
                              .num_experts = p->num_experts,
                              .num_ranks = s->num_ranks,
                              .num_slots = p->num_slots,
                              .windows_since = s->windows_since,
                              .slot_begin = s->topology->slot_begin,
                              .physical_to_logical = p->physical_to_logical};
  eplb_windows_init(&windows);
  if (eplb_history_length(s->history) > 0 && !eplb_history_windows(s->history, &windows))
    state.num_windows = windows.num_windows;
  for (int w = 0; w < state.num_windows; w++)
    state.load[w] = windows.load[w];
  char *bytes;
  size_t size;
  eplb_status_t status = eplb_saved_state_pack(&state, &bytes, &size);
  if (status)
    return status;
  status = eplb_saved_file_write(path, bytes, size);
  free(bytes);
  return status;
}

eplb_status_t eplb_session_save(eplb_session_t *session, const char *path) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t status = path ? EPLB_SUCCESS : eplb_fail(EPLB_ERR_ARGUMENT, "path is NULL");
  if (!status && session->rebalancing)
    status =
        eplb_fail(EPLB_ERR_STATE, "a session cannot be saved while a rebalance is open; call eplb_rebalance_end first");
  status = eplb_in_step(session, EPLB_CALL_SAVE, status, 0, 0);
  if (status)
    return status;
  return eplb_agree(session->comm, session->rank == 0 ? write_state(session, path) : EPLB_SUCCESS);
}

/* ---- restore ---- */

/* Rank 0's bytes on every rank, the caller's to free. Collective. */
static eplb_status_t share_bytes(eplb_comm_t *comm, eplb_status_t mine, char **bytes, size_t *size) {
  eplb_status_t status = eplb_agree(comm, mine);
  uint64_t length = *size;
  if (status)
    return status;
  eplb_comm_ok(comm, MPI_Bcast(&length, 1, MPI_UINT64_T, 0, comm->mpi), "broadcasting the size of a saved session");
  if (comm->rank)
    *bytes = EPLB_NEW(char, length);
  status = *bytes ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status && length > INT_MAX)
    status = eplb_fail(EPLB_ERR_SHAPE, "a saved session of %s; expected fewer than 2^31", eplb_count(length, "byte"));
  status = eplb_agree(comm, status);
  if (status)
    return status;
  eplb_comm_ok(comm, MPI_Bcast(*bytes, (int)length, MPI_BYTE, 0, comm->mpi), "broadcasting a saved session");
  *size = (size_t)length;
  return eplb_agree(comm, EPLB_SUCCESS);
}

static eplb_status_t check_restorable(const char *path, const eplb_session_options_t *o,
                                      const eplb_saved_state_t *state) {
  if (o->initial)
    return eplb_fail(EPLB_ERR_ARGUMENT, "initial is set; expected NULL: the file says what the slots hold");
  if (o->num_layers != state->num_layers || o->num_experts != state->num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%s has %s of %s; expected %d of %d", path, eplb_count(state->num_layers, "layer"),
                     eplb_count(state->num_experts, "expert"), o->num_layers, o->num_experts);
  return EPLB_SUCCESS;
}

/* Ranks with these slots, in one node: enough to carry a placement over. */
static eplb_status_t topology_of_slots(int num_ranks, const int32_t *slot_begin, eplb_topology_t **topology) {
  int *domain = EPLB_NEW(int, num_ranks), *slots = EPLB_NEW(int, num_ranks);
  for (int r = 0; slots && r < num_ranks; r++)
    slots[r] = slot_begin[r + 1] - slot_begin[r];
  eplb_topology_parts_t parts;
  eplb_topology_parts_init(&parts);
  parts.num_devices = num_ranks;
  parts.num_levels = 1;
  parts.level_name = (const char *const[]){"node"};
  parts.domain = domain;
  parts.slots = slots;
  parts.declared = 1;
  eplb_status_t status = domain && slots ? eplb_topology_create(&parts, topology) : EPLB_ERR_MEMORY;
  free(domain);
  free(slots);
  return status;
}

static eplb_status_t placement_of(const eplb_saved_state_t *state, eplb_placement_t **placement) {
  eplb_placement_t *p = NULL;
  eplb_status_t status = eplb_placement_create(state->num_layers, state->num_experts, state->num_slots, &p);
  if (status)
    return status;
  memcpy(p->physical_to_logical, state->physical_to_logical,
         (size_t)p->num_layers * (size_t)p->num_slots * sizeof *p->physical_to_logical);
  status = eplb_placement_index(p);
  if (status)
    eplb_placement_destroy(&p);
  else
    *placement = p;
  return status;
}

/* The saved placement on the ranks and slots of now: rank r goes on as rank r. */
static eplb_status_t carry_state(const eplb_saved_state_t *state, const eplb_topology_t *now,
                                 eplb_placement_t **initial) {
  eplb_topology_t *before = NULL;
  eplb_placement_t *saved = NULL;
  eplb_losses_t losses = {0};
  int *old_rank = EPLB_NEW(int, now->num_devices);
  for (int r = 0; old_rank && r < now->num_devices; r++)
    old_rank[r] = r < state->num_ranks ? r : -1;
  eplb_status_t status = old_rank ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status)
    status = topology_of_slots(state->num_ranks, state->slot_begin, &before);
  if (!status)
    status = placement_of(state, &saved);
  if (!status)
    status = eplb_placement_carry(before, saved, now, old_rank, initial, &losses);
  eplb_losses_free(&losses); /* the job loads every slot, not only these */
  eplb_placement_destroy(&saved);
  eplb_topology_destroy(&before);
  free(old_rank);
  return status;
}

/* What the slots hold at first. */
static eplb_status_t find_initial(const char *path, const eplb_session_options_t *o, int num_ranks,
                                  const eplb_saved_state_t *state, eplb_placement_t **initial) {
  eplb_topology_t *now = NULL;
  eplb_status_t status = check_restorable(path, o, state);
  if (status)
    return status;
  if (o->topology)
    return carry_state(state, o->topology, initial);
  status = eplb_topology_declare(1, num_ranks, o->slots_per_rank, &now);
  if (!status)
    status = carry_state(state, now, initial);
  eplb_topology_destroy(&now);
  return status;
}

/* Local: the windows, the oldest first. */
static eplb_status_t take_windows(eplb_session_t *s, const eplb_saved_state_t *state) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int w = state->num_windows - 1; w >= 0 && s->history && !status; w--)
    status = eplb_history_add(s->history, state->load[w]);
  s->windows_since = state->windows_since;
  return status;
}

/* Collective: the session with the state that every rank has. */
static eplb_status_t create_restored(eplb_comm_t *comm, const eplb_session_options_t *options, const char *path,
                                     const eplb_saved_state_t *state, eplb_session_t **session) {
  eplb_own_options_t own;
  eplb_placement_t *initial = NULL;
  eplb_session_t *s = NULL;
  eplb_status_t status = eplb_options_resolve(options, &own);
  if (!status)
    status = find_initial(path, &own.session, comm->size, state, &initial);
  status = eplb_agree(comm, status);
  if (!status) {
    eplb_session_options_t with = own.session;
    with.initial = initial;
    status = eplb_session_create(comm->mpi, &with, &s);
  }
  eplb_placement_destroy(&initial);
  if (status)
    return status;
  status = eplb_agree(s->comm, take_windows(s, state));
  if (status)
    eplb_session_destroy(&s);
  else
    *session = s;
  return status;
}

eplb_status_t eplb_session_restore(MPI_Comm comm, const eplb_session_options_t *options, const char *path,
                                   eplb_session_t **session) {
  eplb_comm_t given;
  eplb_saved_state_t state = {0};
  char *bytes = NULL;
  size_t size = 0;
  eplb_status_t status = eplb_comm_take(&given, comm);
  if (status)
    return status;
  if (!path || !session)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "session" : "path");
  else if (given.rank == 0)
    status = eplb_saved_file_read(path, &bytes, &size);
  if (!status && given.rank == 0)
    status = eplb_saved_state_read(path, bytes, size, &state);
  status = share_bytes(&given, status, &bytes, &size);
  if (!status)
    status = eplb_agree(&given, eplb_saved_state_read(path, bytes, size, &state));
  if (!status)
    status = create_restored(&given, options, path, &state, session);
  free(bytes);
  return status;
}
