/* The calls of a rebalance: begin decides and derives, test and wait move a round of layers and agree on it, commit
 * puts a layer in place, end gives everything back. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/migrate/migration.h"
#include "mpi/session/plan_step.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>

typedef enum phase {
  MOVING, /* a round is under way */
  READY,  /* all ranks have all of the round; its layers are being committed */
  DONE,   /* no round is left */
  FAILED  /* the round under way failed on some rank; nothing more will be committed */
} phase_t;

/* What ranks agree on at each test, by its minimum. */
typedef struct vote {
  int finished; /* 1: this rank's part of the round is finished */
  int status;
} vote_t;

struct eplb_rebalancing {
  phase_t phase;
  eplb_placement_t *after;
  eplb_migration_plan_t moves;
  eplb_migration_t migration;
  int round;     /* the one under way or ready */
  int next_part; /* of moves.part: the first that is not committed */
  double began;
  MPI_Request agreement; /* on `mine`, into `all`: so both stay where they are */
  vote_t mine, all;
  eplb_report_t report;
};

static void release(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  if (!r)
    return;
  eplb_migration_free(&r->migration);
  eplb_migration_plan_free(&r->moves);
  eplb_placement_destroy(&r->after);
  free(r);
  s->rebalancing = NULL;
}

/* ---- begin ---- */

static eplb_status_t open_rebalance(eplb_session_t *s) {
  if (s->rebalancing)
    return eplb_fail(EPLB_ERR_STATE, "a rebalance is open already; call eplb_rebalance_end first");
  for (int l = 0; l < s->options.num_layers; l++) {
    if (!s->layer[l].num_tensors)
      return eplb_fail(EPLB_ERR_STATE, "layer %d has no registered tensor; expected those of every layer", l);
    eplb_status_t status = eplb_tensors_find_pools(&s->layer[l], l, s->pool, s->num_pools);
    if (status)
      return status;
  }
  eplb_rebalancing_t *r = EPLB_NEW(eplb_rebalancing_t, 1);
  if (!r)
    return EPLB_ERR_MEMORY;
  s->rebalancing = r;
  r->agreement = MPI_REQUEST_NULL;
  eplb_status_t status =
      eplb_placement_create(s->options.num_layers, s->options.num_experts, s->placement->num_slots, &r->after);
  return status ? status : eplb_session_fault(s, EPLB_STEP_REDUCE, NULL, 0);
}

/* Finds the layer for whose sake ranks disagree on their tensors. Collective; ends with the same sentence on every
 * rank. */
static eplb_status_t name_unlike_layer(eplb_session_t *s) {
  for (int l = 0; l < s->options.num_layers; l++) {
    char bytes[64], names[96];
    snprintf(bytes, sizeof bytes, "numbers of bytes per expert in layer %d", l);
    snprintf(names, sizeof names, "names, sizes, order or spares of tensors in layer %d", l);
    const eplb_compared_t both[] = {{bytes, (int64_t)s->layer[l].expert_bytes, 0},
                                    {names, eplb_tensors_signature(&s->layer[l], s->pool), 1}};
    eplb_status_t status = eplb_agree_on(s->comm, EPLB_SUCCESS, both, 2);
    if (status)
      return status;
  }
  return eplb_fail(EPLB_ERR_INTERNAL, "ranks disagree on tensors, but in no layer");
}

/* Ranks agree to go on, and that they registered the same. */
static eplb_status_t agree_to_begin(eplb_session_t *s, eplb_status_t mine) {
  uint64_t signature = 0;
  for (int l = 0; l < s->options.num_layers && !mine; l++)
    signature = signature * 31 + (uint64_t)eplb_tensors_signature(&s->layer[l], s->pool);
  const eplb_compared_t tensors = {"tensors", (int64_t)(signature >> 2), 1};
  eplb_status_t status = eplb_agree_on(s->comm, mine, &tensors, 1);
  return status == EPLB_ERR_MISMATCH ? name_unlike_layer(s) : status;
}

static int verifies(const eplb_session_t *s) {
  return s->options.verify == EPLB_VERIFY_ALWAYS || (s->options.verify == EPLB_VERIFY_FIRST && !s->has_verified);
}

/* Local: this rank's part, and the memory to move it. */
static eplb_status_t derive(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_status_t status = eplb_migration_plan_derive(s, r->after, verifies(s), &r->moves);
  if (!status)
    status = eplb_session_fault(s, EPLB_STEP_DERIVE, NULL, 0);
  if (!status)
    status = eplb_migration_prepare(&r->migration, s, &r->moves);
  return status ? status : eplb_session_fault(s, EPLB_STEP_STAGE, NULL, 0);
}

static void start_flight(eplb_rebalancing_t *r, int round) {
  r->round = round;
  r->phase = round < r->moves.num_rounds ? MOVING : DONE;
  if (r->phase == MOVING)
    eplb_migration_start(&r->migration, round);
}

static void start_report(eplb_rebalancing_t *r) {
  r->report.layers_planned = r->moves.num_layers;
  r->report.commits_planned = r->moves.num_parts;
  r->report.busiest_sender = r->moves.busiest_sender;
  r->report.busiest_receiver = r->moves.busiest_receiver;
  r->report.staging_limit = r->moves.staging_limit;
  r->report.staging_peak = r->moves.staging_peak;
  r->began = MPI_Wtime();
}

eplb_status_t eplb_rebalance_begin(eplb_session_t *session) {
  eplb_session_t *s = session;
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  int was_open = s->rebalancing != NULL;
  eplb_status_t status = agree_to_begin(s, open_rebalance(s));
  eplb_rebalancing_t *r = s->rebalancing;
  if (!status)
    status = eplb_plan_step(s, r->after, &r->report);
  if (!status) {
    double since = MPI_Wtime();
    status = eplb_agree(s->comm, derive(s));
    r->report.seconds_derive = MPI_Wtime() - since;
  }
  if (status) {
    if (!was_open)
      release(s);
    return status;
  }
  if (s->rank == 0) {
    eplb_history_add(s->history, s->load); /* which planning has found good */
    s->windows_since = r->moves.num_layers > 0 ? 0 : s->windows_since + 1;
  }
  memset(s->window, 0, (size_t)s->options.num_layers * (size_t)s->options.num_experts * sizeof *s->window);
  start_report(r);
  start_flight(r, 0);
  r->report.seconds_migrate = MPI_Wtime() - r->began;
  return EPLB_SUCCESS;
}

/* ---- test and wait ---- */

/* Progress of this rank; gives the processor away when there was none, for the ranks that share it. */
static void progress_or_yield(eplb_rebalancing_t *r) {
  if (!eplb_migration_progress(&r->migration))
    sched_yield();
}

static vote_t own_vote(const eplb_rebalancing_t *r) {
  return (vote_t){eplb_migration_finished(&r->migration), r->migration.status};
}

static void start_vote(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  r->mine = own_vote(r);
  MPI_Iallreduce(&r->mine, &r->all, 2, MPI_INT, MPI_MIN, s->comm->mpi, &r->agreement);
}

/* Waits for the vote that is under way, if any, and says whether all ranks had finished by then. */
static int finish_vote(eplb_rebalancing_t *r) {
  if (r->agreement == MPI_REQUEST_NULL)
    return 0;
  for (int done = 0; MPI_Test(&r->agreement, &done, MPI_STATUS_IGNORE), !done;)
    progress_or_yield(r);
  return r->all.finished;
}

/* Slots of the round that got experts directly, without a commit, hold nothing that the map could name. On every rank
 * alike. */
static void empty_direct_slots(eplb_session_t *s) {
  const eplb_migration_plan_t *m = &s->rebalancing->moves;
  int end = s->rebalancing->phase == DONE ? 0 : m->round[s->rebalancing->round].part_end;
  for (int p = s->rebalancing->next_part; p < end; p++) {
    int32_t *row = eplb_placement_row(s->placement, m->part[p].layer);
    for (int c = m->part[p].change_begin; c < m->part[p].change_end; c++)
      if (m->change[c].direct)
        row[m->change[c].slot] = EPLB_EMPTY;
    eplb_placement_index_layer(s->placement, m->part[p].layer);
  }
}

/* All ranks have finished the round: either its parts can be committed, or none of them ever will. */
static eplb_status_t land(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  if (r->all.status == EPLB_SUCCESS) {
    r->phase = READY;
    return EPLB_SUCCESS;
  }
  empty_direct_slots(s);
  r->phase = FAILED;
  if (r->migration.status)
    eplb_fail(r->migration.status, "%s", r->migration.sentence);
  return eplb_share_failure(s->comm, r->migration.status, (eplb_status_t)r->all.status);
}

/* One vote is always under way while a round is, begun by one call and ended by the next: so every rank has the same
 * answer at the same call, and none waits for another's weights. */
static eplb_status_t vote_in_passing(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_migration_progress(&r->migration);
  if (finish_vote(r))
    return land(s);
  start_vote(s);
  return EPLB_SUCCESS;
}

/* Where ranks only wait, each votes when it is finished, once: there is nothing left to do meanwhile. */
static void wait_for_all(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  if (finish_vote(r))
    return;
  while (!eplb_migration_finished(&r->migration))
    progress_or_yield(r);
  r->mine = own_vote(r);
  MPI_Allreduce(&r->mine, &r->all, 2, MPI_INT, MPI_MIN, s->comm->mpi);
}

static eplb_status_t vote_when_finished(eplb_session_t *s) {
  wait_for_all(s);
  return land(s);
}

static eplb_status_t check_open(const eplb_session_t *s) {
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  if (!s->rebalancing)
    return eplb_fail(EPLB_ERR_STATE, "no rebalance is open; call eplb_rebalance_begin first");
  return EPLB_SUCCESS;
}

/* The layer to name, once a round is ready. */
static int next_layer(const eplb_rebalancing_t *r) {
  if (r->phase == DONE)
    return EPLB_LAYER_DONE;
  return r->phase == READY ? r->moves.part[r->next_part].layer : EPLB_LAYER_NONE;
}

static void tell_progress(const eplb_session_t *s) {
  const eplb_migration_t *m = &s->rebalancing->migration;
  if (s->options.progress)
    s->options.progress(s->options.progress_arg, m->arrived, m->all);
}

static eplb_status_t advance(eplb_session_t *s, int *layer, eplb_status_t (*vote)(eplb_session_t *)) {
  eplb_status_t status = check_open(s);
  if (!status && !layer)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "layer is NULL");
  if (!status && s->rebalancing->phase == FAILED)
    status = eplb_fail(EPLB_ERR_STATE, "the rebalance has failed; call eplb_rebalance_end");
  if (status)
    return status;
  double since = MPI_Wtime();
  if (s->rebalancing->phase == MOVING)
    status = vote(s);
  s->rebalancing->report.seconds_migrate += MPI_Wtime() - since;
  tell_progress(s);
  if (!status)
    *layer = next_layer(s->rebalancing);
  return status;
}

eplb_status_t eplb_rebalance_test(eplb_session_t *session, int *layer) {
  return advance(session, layer, vote_in_passing);
}

eplb_status_t eplb_rebalance_wait(eplb_session_t *session, int *layer) {
  return advance(session, layer, vote_when_finished);
}

/* ---- commit and end ---- */

static void write_map(eplb_session_t *s, const eplb_commit_unit_t *part) {
  int32_t *row = eplb_placement_row(s->placement, part->layer);
  const eplb_change_t *change = s->rebalancing->moves.change;
  for (int c = part->change_begin; c < part->change_end; c++)
    row[change[c].slot] = change[c].expert;
  eplb_placement_index_layer(s->placement, part->layer);
}

static void count_part(const eplb_session_t *s, eplb_report_t *report, const eplb_commit_unit_t *part) {
  report->commits_done++;
  report->layers_committed += part->is_last;
  for (int link = 0; link < EPLB_NUM_LINKS; link++) {
    report->transfers[link] += part->transfers[link];
    report->bytes[link] += part->transfers[link] * (int64_t)s->layer[part->layer].expert_bytes;
    report->slots_changed += part->transfers[link];
  }
}

eplb_status_t eplb_rebalance_commit(eplb_session_t *session, int layer) {
  eplb_status_t status = check_open(session);
  if (status)
    return status;
  eplb_rebalancing_t *r = session->rebalancing;
  if (r->phase != READY)
    return eplb_fail(EPLB_ERR_STATE, "layer %d cannot be committed: no layer can be now", layer);
  const eplb_commit_unit_t *part = &r->moves.part[r->next_part];
  if (part->layer != layer)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d cannot be committed; expected %d, as test or wait named it", layer,
                     part->layer);
  double since = MPI_Wtime();
  eplb_migration_commit(&r->migration, r->next_part);
  status = r->migration.status; /* only of memory that is not the host's */
  write_map(session, part);
  count_part(session, &r->report, part);
  if (++r->next_part == r->moves.round[r->round].part_end)
    start_flight(r, r->round + 1);
  r->report.seconds_migrate += MPI_Wtime() - since;
  tell_progress(session);
  return status;
}

static void finish_report(eplb_rebalancing_t *r) {
  eplb_report_t *report = &r->report;
  for (int link = 0; link < EPLB_NUM_LINKS; link++)
    report->messages[link] = r->migration.messages[link];
  report->seconds_verify = r->migration.seconds_verify;
  report->seconds_open = MPI_Wtime() - r->began;
  report->verified = r->moves.verify && report->commits_done == report->commits_planned;
}

eplb_status_t eplb_rebalance_end(eplb_session_t *session, eplb_report_t *report) {
  eplb_status_t status = check_open(session);
  if (status)
    return status;
  eplb_rebalancing_t *r = session->rebalancing;
  double since = MPI_Wtime();
  if (r->phase == MOVING) /* others count on the messages of the round, and may read weights of this rank */
    wait_for_all(session);
  empty_direct_slots(session);
  r->report.seconds_migrate += MPI_Wtime() - since;
  finish_report(r);
  if (r->report.verified && r->report.slots_changed)
    session->has_verified = 1;
  if (report)
    *report = r->report;
  release(session);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_rebalance(eplb_session_t *session, eplb_report_t *report) {
  eplb_status_t status = eplb_rebalance_begin(session);
  if (status)
    return status;
  int layer;
  eplb_status_t commit = EPLB_SUCCESS;
  while (!(status = eplb_rebalance_wait(session, &layer)) && layer != EPLB_LAYER_DONE) {
    eplb_status_t here = eplb_rebalance_commit(session, layer);
    commit = here < commit ? here : commit;
  }
  if (!status && !session->memory->host_can_touch) /* else a commit cannot fail */
    status = eplb_agree(session->comm, commit);
  eplb_report_t result;
  eplb_rebalance_end(session, &result);
  if (!status && report)
    *report = result;
  return status;
}
