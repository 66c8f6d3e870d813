/* Slots, dispatch tables and routed batches of a session, at any number of ranks. */
#include "job.h"
#include "mpi_tap.h"
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 50, TOP_K = 3, CHOICES = TOKENS * TOP_K };

static int rank, num_ranks;

/* A row says for whom it is, and what it is of. */
typedef struct row {
  int32_t expert, rank, token;
} row_t;

/* Different numbers of tokens on the ranks; few experts are popular. */
static eplb_choices_t choose(int round, int32_t *expert) {
  eplb_choices_t c = {TOKENS - (rank * 7 + round) % 20, TOP_K, 4, expert};
  for (int i = 0; i < CHOICES; i++)
    expert[i] = (i * i + 5 * round + rank) % (i % 3 ? 5 : JOB_EXPERTS);
  return c;
}

/* Tokens reach slots of their experts on the ranks that have them. */
static void check_rows(const eplb_session_t *session, int layer, const eplb_routing_t *r, const int32_t *expert) {
  row_t token[TOKENS], *send = calloc(CHOICES, sizeof *send);
  row_t *in = calloc((size_t)r->num_received + 1, sizeof *in),
        *grouped = calloc((size_t)r->num_received + 1, sizeof *in);
  for (int t = 0; t < TOKENS; t++)
    token[t] = (row_t){-1, rank, t};
  eplb_routing_pack(r, token, sizeof *token, send);
  for (int i = 0; i < r->num_choices; i++)
    send[r->row[i]].expert = expert[i];
  MPI_Datatype row;
  MPI_Type_contiguous((int)sizeof *send, MPI_BYTE, &row);
  MPI_Type_commit(&row);
  MPI_Alltoallv(send, r->send_count, r->send_begin, row, in, r->receive_count, r->receive_begin, row, MPI_COMM_WORLD);
  MPI_Type_free(&row);
  eplb_routing_group(r, in, sizeof *in, grouped);
  int slots, wrong = 0;
  const int32_t *own = eplb_session_slots(session, layer, &slots);
  CHECK(slots == r->own_slots && r->group_begin[slots] == r->num_received);
  for (int s = 0; s < slots; s++)
    for (int i = r->group_begin[s]; i < r->group_begin[s + 1]; i++)
      wrong += grouped[i].expert != own[s];
  CHECK(!wrong);
  long long sent = r->num_sent, received = r->num_received, all[2], both[] = {sent, received};
  MPI_Allreduce(both, all, 2, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  CHECK(all[0] == all[1]);
  free(send);
  free(in);
  free(grouped);
}

/* The tables are those of the maps, also when a rebalance has changed them. */
static void rows_follow_the_maps(eplb_split_t split, const char *title) {
  eplb_session_options_t o = job_options();
  job_t job;
  int32_t expert[CHOICES];
  eplb_routing_t *routing = NULL;
  job_start(&job, &o);
  long long before = job_hash_of_maps(&job);
  CHECK(!eplb_session_routing_create(job.session, CHOICES, split, &routing));
  for (int round = 0; round < 4; round++) {
    for (int l = 0; l < JOB_LAYERS; l++) {
      eplb_choices_t choices = choose(round + l, expert);
      CHECK(!eplb_session_route(job.session, l, &choices, routing));
      check_rows(job.session, l, routing, expert);
      CHECK(!eplb_session_record(job.session, l, routing->count));
    }
    CHECK(!eplb_rebalance(job.session, NULL));
  }
  CHECK(job_hash_of_maps(&job) != before);
  CHECK(job_is_whole(&job));
  eplb_routing_destroy(&routing);
  job_finish(&job);
  mpi_tap_case(title);
}

/* Between two commits as well. */
static void tables_follow_each_commit(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  int layer = EPLB_LAYER_NONE;
  int32_t expert[CHOICES];
  eplb_routing_t *routing = NULL;
  job_start(&job, &o);
  CHECK(!eplb_session_routing_create(job.session, CHOICES, EPLB_SPLIT_SHARES, &routing));
  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  while (layer != EPLB_LAYER_DONE) {
    for (int l = 0; l < JOB_LAYERS; l++) {
      eplb_choices_t choices = choose(l, expert);
      CHECK(!eplb_session_route(job.session, l, &choices, routing));
      check_rows(job.session, l, routing, expert);
    }
    CHECK(!eplb_rebalance_test(job.session, &layer));
    if (layer >= 0)
      CHECK(!eplb_rebalance_commit(job.session, layer));
  }
  CHECK(!eplb_rebalance_end(job.session, NULL));
  eplb_routing_destroy(&routing);
  job_finish(&job);
  mpi_tap_case("rows follow the maps while a rebalance is open");
}

static void shares_level_ranks(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  int32_t expert[CHOICES];
  int64_t total[JOB_EXPERTS];
  float *share = calloc((size_t)o.slots_per_rank * (size_t)num_ranks, sizeof *share);
  eplb_routing_t *routing = NULL;
  eplb_dispatch_t *dispatch = NULL, *same = NULL;
  job_start(&job, &o);
  CHECK(!eplb_session_routing_create(job.session, CHOICES, EPLB_SPLIT_SHARES, &routing));
  eplb_choices_t choices = choose(0, expert);
  CHECK(!eplb_session_route(job.session, 0, &choices, routing));
  MPI_Allreduce(routing->count, total, JOB_EXPERTS, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  CHECK(!eplb_session_dispatch(job.session, &dispatch) && !eplb_session_dispatch(job.session, &same));
  CHECK(dispatch == same);
  CHECK(!eplb_dispatch_shares(dispatch, 0, total, share));
  int32_t *sent = calloc((size_t)routing->num_slots, sizeof *sent);
  memcpy(sent, routing->sent_to, (size_t)routing->num_slots * sizeof *sent);
  CHECK(!eplb_routing_plan(routing, 0, &choices, share));
  CHECK(!memcmp(sent, routing->sent_to, (size_t)routing->num_slots * sizeof *sent));
  free(sent);
  free(share);
  eplb_routing_destroy(&routing);
  job_finish(&job);
  mpi_tap_case("shares are those of all ranks' choices");
}

static void check_refused(eplb_status_t status, eplb_status_t expected, const char *text) {
  CHECK(status == expected && strstr(eplb_last_error(), text));
  int same = mpi_tap_same_text(eplb_last_error());
  CHECK(same);
}

/* Each rank in turn gives something that is wrong; the next batch is good again. */
static void what_one_rank_gives_wrong_fails_on_all(eplb_split_t split) {
  eplb_session_options_t o = job_options();
  job_t job;
  int32_t expert[CHOICES];
  eplb_routing_t *routing = NULL, *none = NULL;
  job_start(&job, &o);
  eplb_choices_t good = choose(0, expert), bad = good;
  check_refused(eplb_session_route(job.session, 0, &good, NULL), EPLB_ERR_STATE, "has no routing");
  CHECK(!eplb_session_routing_create(job.session, CHOICES, split, &routing));
  for (int wrong = 0; wrong < num_ranks; wrong++) {
    int mine = wrong == rank;
    bad.index_bytes = mine ? 3 : 4;
    check_refused(eplb_session_route(job.session, 0, &bad, routing), EPLB_ERR_ARGUMENT, "index_bytes is 3");
    check_refused(eplb_session_route(job.session, 0, &good, mine ? NULL : routing), EPLB_ERR_ARGUMENT,
                  "routing is NULL");
    check_refused(eplb_session_route(job.session, mine ? JOB_LAYERS : 0, &good, routing), EPLB_ERR_ARGUMENT,
                  "layer is 5; expected 0 to 4");
    expert[7] = mine ? JOB_EXPERTS : 0;
    check_refused(eplb_session_route(job.session, 0, &good, routing), EPLB_ERR_ARGUMENT, "expert 24");
    expert[7] = 0;
    if (num_ranks > 1)
      check_refused(eplb_session_route(job.session, mine, &good, routing), EPLB_ERR_MISMATCH, "rank 0 routes layer");
    CHECK(!eplb_session_route(job.session, 0, &good, routing));
  }
  check_refused(eplb_session_routing_create(job.session, rank ? CHOICES : -1, split, &none), EPLB_ERR_ARGUMENT,
                "max_choices is -1");
  check_refused(eplb_session_routing_create(job.session, CHOICES, EPLB_SPLIT_NEAREST, &none), EPLB_ERR_ARGUMENT,
                "as in the session's first routing");
  check_refused(eplb_session_routing_create(job.session, CHOICES, split, rank ? &none : NULL), EPLB_ERR_ARGUMENT,
                "routing is NULL");
  CHECK(!none || rank);
  eplb_routing_destroy(&none);
  eplb_routing_destroy(&routing);
  job_finish(&job);
  mpi_tap_case("what one rank gives wrong fails on all, once");
}

static void splits_that_differ(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  eplb_routing_t *none = NULL;
  job_start(&job, &o);
  if (num_ranks > 1)
    check_refused(eplb_session_routing_create(job.session, CHOICES, rank ? EPLB_SPLIT_EVEN : EPLB_SPLIT_SHARES, &none),
                  EPLB_ERR_MISMATCH, "different splits");
  CHECK(!none);
  job_finish(&job);
  mpi_tap_case("splits that differ between ranks");
}

static void own_slots(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  job_start(&job, &o);
  int slots = -1;
  const int32_t *own = eplb_session_slots(job.session, 2, &slots);
  const eplb_placement_t *p = eplb_session_placement(job.session);
  CHECK(slots == o.slots_per_rank && own == p->physical_to_logical + 2 * p->num_slots + rank * slots);
  CHECK(eplb_session_slots(job.session, 2, NULL) == own);
  CHECK(!eplb_session_slots(job.session, JOB_LAYERS, &slots) && slots == 0);
  CHECK(!eplb_session_slots(NULL, 0, &slots) && !eplb_session_slots(job.session, -1, NULL));
  job_finish(&job);
  mpi_tap_case("each rank sees its own slots");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  own_slots();
  rows_follow_the_maps(EPLB_SPLIT_SHARES, "rows reach slots of their experts, by shares");
  rows_follow_the_maps(EPLB_SPLIT_EVEN, "rows reach slots of their experts, by an even split");
  rows_follow_the_maps(EPLB_SPLIT_NEAREST, "rows reach slots of their experts, the nearest");
  tables_follow_each_commit();
  shares_level_ranks();
  what_one_rank_gives_wrong_fails_on_all(EPLB_SPLIT_SHARES);
  what_one_rank_gives_wrong_fails_on_all(EPLB_SPLIT_ROUND_ROBIN);
  splits_that_differ();
  return mpi_tap_end();
}
