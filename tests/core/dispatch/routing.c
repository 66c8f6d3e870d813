/* From choices to messages, for all ranks of a job in one process. */
#include "shapes.h"
#include "tap.h"
#include <eplb/routing.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 2, LAYER = 1, MAX_TOKENS = 40, MAX_K = 4, MAX_CHOICES = MAX_TOKENS * MAX_K, EXPERTS = 60 };

typedef struct job {
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  eplb_dispatch_t *dispatch;
  int ranks, experts, slots;
  float *share;
  eplb_choices_t choices[SHAPE_MAX_DEVICES];
  int64_t wide[SHAPE_MAX_DEVICES][MAX_CHOICES];
  int32_t narrow[SHAPE_MAX_DEVICES][MAX_CHOICES];
  eplb_routing_t *routing[SHAPE_MAX_DEVICES];
} job_t;

/* About one choice of ten is padding. */
static void choose(rng_t *rng, job_t *job, int rank) {
  eplb_choices_t *c = &job->choices[rank];
  *c = (eplb_choices_t){rng_between(rng, 0, MAX_TOKENS), rng_between(rng, 1, MAX_K), 4, job->narrow[rank]};
  for (int i = 0; i < c->num_tokens * c->top_k; i++) {
    int expert = rng_between(rng, 0, 9) ? rng_between(rng, 0, job->experts - 1) : EPLB_EMPTY;
    job->wide[rank][i] = job->narrow[rank][i] = expert;
  }
  if (rng_between(rng, 0, 1)) {
    c->index_bytes = 8;
    c->expert = job->wide[rank];
  }
}

static job_t *job_make(rng_t *rng) {
  job_t *job = calloc(1, sizeof *job);
  job->topology = random_topology(rng, SHAPE_ANY);
  job->ranks = job->topology->num_devices;
  job->slots = eplb_topology_num_slots(job->topology);
  job->experts = rng_between(rng, 1, job->slots < EXPERTS ? job->slots : EXPERTS);
  job->placement = random_placement(rng, LAYERS, job->experts, job->slots, 10);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(job->topology, job->placement, &job->dispatch), EPLB_SUCCESS);
  job->share = calloc((size_t)job->slots, sizeof *job->share);
  for (int s = 0; s < job->slots; s++)
    job->share[s] = (float)rng_unit(rng);
  eplb_split_t split = (eplb_split_t)rng_between(rng, 0, EPLB_SPLIT_NEAREST);
  for (int r = 0; r < job->ranks; r++) {
    choose(rng, job, r);
    CU_ASSERT_EQUAL_FATAL(eplb_routing_create(job->dispatch, r, MAX_CHOICES, split, &job->routing[r]), EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(eplb_routing_plan(job->routing[r], LAYER, &job->choices[r], job->share), EPLB_SUCCESS);
  }
  return job;
}

static void job_end(job_t *job) {
  for (int r = 0; r < job->ranks; r++)
    eplb_routing_destroy(&job->routing[r]);
  eplb_dispatch_destroy(&job->dispatch);
  eplb_placement_destroy(&job->placement);
  eplb_topology_destroy(&job->topology);
  free(job->share);
  free(job);
}

/* Every choice goes to a replica of its expert, as many as the quotas say. */
static void check_replicas(const job_t *job, int rank) {
  const eplb_routing_t *r = job->routing[rank];
  int32_t *quota = calloc((size_t)job->slots, sizeof *quota), *used = calloc((size_t)job->slots, sizeof *used);
  const eplb_rank_tokens_t tokens = {sizeof tokens, rank, r->split, job->share, r->count};
  CU_ASSERT_EQUAL(eplb_dispatch_quotas(job->dispatch, LAYER, &tokens, quota), EPLB_SUCCESS);
  for (int i = 0; i < r->num_choices; i++) {
    int expert = job->narrow[rank][i];
    CU_ASSERT_EQUAL((r->slot[i] == EPLB_EMPTY), (expert == EPLB_EMPTY));
    if (r->slot[i] == EPLB_EMPTY) {
      CU_ASSERT_EQUAL(r->row[i], -1);
      continue;
    }
    CU_ASSERT_EQUAL(job->placement->physical_to_logical[LAYER * job->slots + r->slot[i]], expert);
    used[r->slot[i]]++;
  }
  const int32_t *slot = job->placement->replica_slot + LAYER * job->slots;
  for (int k = 0; k < job->placement->replica_begin[LAYER * (job->experts + 1) + job->experts]; k++)
    CU_ASSERT_EQUAL(used[slot[k]], quota[k]);
  CU_ASSERT(!memcmp(used, r->sent_to, (size_t)job->slots * sizeof *used));
  free(quota);
  free(used);
}

/* Rows are the choices, each once, by slot and so by rank, then by choice. */
static void check_rows(const job_t *job, int rank) {
  const eplb_routing_t *r = job->routing[rank];
  int rows = 0;
  for (int to = 0; to < job->ranks; to++) {
    CU_ASSERT_EQUAL(r->send_begin[to], rows);
    rows += r->send_count[to];
  }
  CU_ASSERT_EQUAL(rows, r->num_sent);
  for (int row = 0; row < r->num_sent; row++) {
    int i = r->choice[row], slot = r->slot[i], to = eplb_topology_device_of_slot(job->topology, slot);
    CU_ASSERT_EQUAL(r->row[i], row);
    CU_ASSERT(row >= r->send_begin[to] && row < r->send_begin[to] + r->send_count[to]);
    if (row)
      CU_ASSERT(r->slot[r->choice[row - 1]] < slot || (r->slot[r->choice[row - 1]] == slot && r->choice[row - 1] < i));
  }
}

static void rows_are_the_choices(rng_t *rng) {
  job_t *job = job_make(rng);
  for (int r = 0; r < job->ranks; r++) {
    check_replicas(job, r);
    check_rows(job, r);
  }
  job_end(job);
}

/* What an all-to-all of the plans would bring. */
static void receive(const job_t *job, int to) {
  eplb_routing_t *r = job->routing[to];
  int32_t *received = calloc((size_t)job->ranks * (size_t)r->own_slots + 1, sizeof *received);
  for (int from = 0; from < job->ranks; from++)
    for (int s = 0; s < r->own_slots; s++)
      received[from * r->own_slots + s] = job->routing[from]->sent_to[job->topology->slot_begin[to] + s];
  CU_ASSERT_EQUAL(eplb_routing_receive(r, received), EPLB_SUCCESS);
  free(received);
}

/* A row tells who sent it. */
typedef struct row {
  int32_t rank, token, result;
} row_t;

/* Rows of a rank, sent to all others, computed by slot, and sent back: MPI_Alltoallv in one process. */
static void check_journey(const job_t *job, row_t *const *send) {
  for (int to = 0; to < job->ranks; to++) {
    eplb_routing_t *r = job->routing[to];
    receive(job, to);
    row_t *in = calloc((size_t)r->num_received + 1, sizeof *in),
          *grouped = calloc((size_t)r->num_received + 1, sizeof *in);
    for (int from = 0; from < job->ranks; from++) {
      CU_ASSERT_EQUAL(r->receive_count[from], job->routing[from]->send_count[to]);
      memcpy(in + r->receive_begin[from], send[from] + job->routing[from]->send_begin[to],
             (size_t)r->receive_count[from] * sizeof *in);
    }
    eplb_routing_group(r, in, sizeof *in, grouped);
    CU_ASSERT_EQUAL(r->group_begin[r->own_slots], r->num_received);
    for (int s = 0; s < r->own_slots; s++)
      for (int i = r->group_begin[s]; i < r->group_begin[s + 1]; i++)
        grouped[i].result = job->topology->slot_begin[to] + s;
    eplb_routing_ungroup(r, grouped, sizeof *in, in);
    for (int from = 0; from < job->ranks; from++)
      memcpy(send[from] + job->routing[from]->send_begin[to], in + r->receive_begin[from],
             (size_t)r->receive_count[from] * sizeof *in);
    free(in);
    free(grouped);
  }
}

static void rows_come_back_from_their_slots(rng_t *rng) {
  job_t *job = job_make(rng);
  row_t *send[SHAPE_MAX_DEVICES], token[MAX_TOKENS];
  for (int r = 0; r < job->ranks; r++) {
    send[r] = calloc(MAX_CHOICES, sizeof *send[r]);
    for (int t = 0; t < MAX_TOKENS; t++)
      token[t] = (row_t){r, t, -1};
    eplb_routing_pack(job->routing[r], token, sizeof *token, send[r]);
  }
  check_journey(job, send);
  for (int r = 0; r < job->ranks; r++) {
    const eplb_routing_t *routing = job->routing[r];
    for (int i = 0; i < routing->num_choices; i++) {
      const row_t *row = &send[r][routing->row[i] < 0 ? 0 : routing->row[i]];
      CU_ASSERT(routing->row[i] < 0 || (row->rank == r && row->token == i / routing->top_k));
      CU_ASSERT(routing->row[i] < 0 || row->result == routing->slot[i]);
    }
    free(send[r]);
  }
  job_end(job);
}

static void any_shape_has_all_rows(void) {
  shapes_try(200, 41, rows_are_the_choices);
}

static void any_shape_brings_rows_back(void) {
  shapes_try(200, 42, rows_come_back_from_their_slots);
}

/* Two ranks of two slots: experts 0 1 | 2 0. */
static void make_small(eplb_topology_t **t, eplb_placement_t **p, eplb_dispatch_t **d) {
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 3, 4, p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(*t, *p, d), EPLB_SUCCESS);
}

static void a_plan_is_what_the_header_says(void) {
  eplb_topology_t *t;
  eplb_placement_t *p;
  eplb_dispatch_t *d;
  eplb_routing_t *r = NULL;
  const int32_t expert[] = {0, 2, 0, 1, 0, EPLB_EMPTY}, received[] = {1, 1, 3, 0};
  const eplb_choices_t choices = {3, 2, 4, expert};
  make_small(&t, &p, &d);
  CU_ASSERT_EQUAL(eplb_routing_create(d, 0, 6, EPLB_SPLIT_NEAREST, &r), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_routing_plan(r, 0, &choices, NULL), EPLB_SUCCESS);
  const int32_t slot[] = {0, 2, 0, 1, 0, -1}, row[] = {0, 4, 1, 3, 2, -1}, choice[] = {0, 2, 4, 3, 1};
  CU_ASSERT(!memcmp(r->slot, slot, sizeof slot) && !memcmp(r->row, row, sizeof row));
  CU_ASSERT(r->num_sent == 5 && !memcmp(r->choice, choice, sizeof choice));
  CU_ASSERT(r->send_count[0] == 4 && r->send_count[1] == 1 && r->send_begin[1] == 4);
  CU_ASSERT_EQUAL(eplb_routing_receive(r, received), EPLB_SUCCESS);
  CU_ASSERT(r->num_received == 5 && r->receive_count[1] == 3 && r->receive_begin[1] == 2);
  CU_ASSERT(r->group_begin[0] == 0 && r->group_begin[1] == 4 && r->group_begin[2] == 5);
  CU_ASSERT(r->run_begin[2] == 1 && r->run_begin[1] == 4);
  eplb_routing_destroy(&r);
  eplb_routing_destroy(&r);
  eplb_dispatch_destroy(&d);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

static void what_cannot_be_routed_is_refused(void) {
  eplb_topology_t *t;
  eplb_placement_t *p;
  eplb_dispatch_t *d;
  eplb_routing_t *r = NULL;
  const int32_t expert[] = {0, 3, -2};
  const int64_t large[] = {INT64_C(1) << 32};
  const int32_t negative[] = {0, 0, 0, -1}, many[] = {INT32_MAX, 1, 0, 0};
  int64_t count[3];
  make_small(&t, &p, &d);
  TAP_FAILS(eplb_routing_create(NULL, 0, 6, EPLB_SPLIT_EVEN, &r), EPLB_ERR_ARGUMENT, "dispatch is NULL");
  TAP_FAILS(eplb_routing_create(d, 2, 6, EPLB_SPLIT_EVEN, &r), EPLB_ERR_ARGUMENT, "rank is 2; expected 0 to 1");
  TAP_FAILS(eplb_routing_create(d, 0, -1, EPLB_SPLIT_EVEN, &r), EPLB_ERR_ARGUMENT, "max_choices is -1");
  TAP_FAILS(eplb_routing_create(d, 0, 6, (eplb_split_t)4, &r), EPLB_ERR_ARGUMENT, "split is 4");
  CU_ASSERT_EQUAL(eplb_routing_create(d, 0, 2, EPLB_SPLIT_SHARES, &r), EPLB_SUCCESS);
  TAP_FAILS(eplb_routing_plan(r, 0, NULL, NULL), EPLB_ERR_ARGUMENT, "choices is NULL");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){1, 0, 4, expert}, NULL), EPLB_ERR_ARGUMENT, "top_k 0");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){1, 1, 2, expert}, NULL), EPLB_ERR_ARGUMENT, "index_bytes is 2");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){1, 1, 4, NULL}, NULL), EPLB_ERR_ARGUMENT, "expert is NULL");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){2, 1, 4, expert}, NULL), EPLB_ERR_ARGUMENT,
            "token 1 chooses expert 3; expected 0 to 2, or -1 for none");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){1, 1, 4, expert + 2}, NULL), EPLB_ERR_ARGUMENT, "expert -2");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){1, 1, 8, large}, NULL), EPLB_ERR_ARGUMENT, "expert 4294967296");
  TAP_FAILS(eplb_routing_plan(r, 1, &(eplb_choices_t){1, 1, 4, expert}, NULL), EPLB_ERR_ARGUMENT, "layer 1 of 1");
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){1, 1, 4, expert}, NULL), EPLB_ERR_ARGUMENT, "share is NULL");
  const int32_t three[3] = {0};
  TAP_FAILS(eplb_routing_plan(r, 0, &(eplb_choices_t){3, 1, 4, three}, NULL), EPLB_ERR_ARGUMENT, "for 2 in all");
  TAP_FAILS(eplb_routing_receive(r, NULL), EPLB_ERR_ARGUMENT, "received is NULL");
  TAP_FAILS(eplb_routing_receive(r, negative), EPLB_ERR_ARGUMENT, "rank 1 sends -1 rows");
  TAP_FAILS(eplb_routing_receive(r, many), EPLB_ERR_SHAPE, "2147483648 rows");
  TAP_FAILS(eplb_choices_count(&(eplb_choices_t){1, 1, 4, expert}, 0, count), EPLB_ERR_ARGUMENT, "num_experts is 0");
  TAP_FAILS(eplb_choices_count(&(eplb_choices_t){1, 1, 4, expert}, 3, NULL), EPLB_ERR_ARGUMENT, "count is NULL");
  eplb_routing_destroy(&r);
  eplb_dispatch_destroy(&d);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {{"rows are the choices, by slot", any_shape_has_all_rows},
                                     {"rows come back from their slots", any_shape_brings_rows_back},
                                     {"a plan is what the header says", a_plan_is_what_the_header_says},
                                     {"what cannot be routed is refused", what_cannot_be_routed_is_refused},
                                     {NULL, NULL}};
  return tap_run("routing", tests);
}
