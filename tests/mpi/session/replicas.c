/* Gradients of replicas, added up at any number of ranks. */
#include "job.h"
#include "mpi_tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts that no number of holders divides, more than elements of a block, fewer than holders, and none. */
enum { FLOATS = 1237, DOUBLES = 3, BFLOATS = 514, TENSORS = 4 };

static int rank, num_ranks;

typedef struct gradients {
  int slots;
  float *f;
  double *d;
  uint16_t *b;
  void **table; /* of d */
  eplb_gradient_t tensor[TENSORS];
} gradients_t;

static void gradients_make(const eplb_session_t *session, gradients_t *g) {
  eplb_session_slots(session, 0, &g->slots);
  size_t n = (size_t)g->slots;
  *g = (gradients_t){.slots = g->slots,
                     .f = calloc(n * FLOATS, sizeof(float)),
                     .d = calloc(n * DOUBLES, sizeof(double)),
                     .b = calloc(n * BFLOATS, sizeof(uint16_t)),
                     .table = calloc(n, sizeof(void *))};
  for (size_t k = 0; k < n; k++)
    g->table[k] = g->d + k * DOUBLES;
  g->tensor[0] = (eplb_gradient_t){EPLB_FLOAT, FLOATS, g->f, FLOATS * sizeof(float), NULL};
  g->tensor[1] = (eplb_gradient_t){EPLB_BFLOAT16, BFLOATS, g->b, BFLOATS * sizeof(uint16_t), NULL};
  g->tensor[2] = (eplb_gradient_t){EPLB_DOUBLE, DOUBLES, NULL, 0, g->table};
  g->tensor[3] = (eplb_gradient_t){EPLB_FLOAT, 0, NULL, 0, NULL};
}

static void gradients_free(gradients_t *g) {
  free(g->f);
  free(g->d);
  free(g->b);
  free(g->table);
}

/* Of a slot, counted through all ranks: whole numbers, so that every order has the same sum; in bfloat16 below 2^8. */
static double value_of(int layer, int slot, int i) {
  return (layer * 3 + slot * 7 + i) % 13;
}

static uint16_t to_bfloat(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)(bits >> 16);
}

static void gradients_fill(const gradients_t *g, int layer) {
  for (int k = 0; k < g->slots; k++) {
    int slot = rank * g->slots + k;
    for (int i = 0; i < FLOATS; i++)
      g->f[k * FLOATS + i] = (float)value_of(layer, slot, i);
    for (int i = 0; i < DOUBLES; i++)
      g->d[k * DOUBLES + i] = value_of(layer, slot, i + 1);
    for (int i = 0; i < BFLOATS; i++)
      g->b[k * BFLOATS + i] = to_bfloat((float)value_of(layer, slot, i + 2));
  }
}

/* Over the slots that hold the expert of this rank's slot k; of that slot alone where it is empty. */
static double sum_of(const eplb_session_t *session, int layer, int k, int i) {
  const eplb_placement_t *p = eplb_session_placement(session);
  int own = eplb_session_topology(session)->slot_begin[rank] + k;
  const int32_t *row = p->physical_to_logical + layer * p->num_slots;
  double sum = 0;
  for (int s = 0; s < p->num_slots; s++)
    sum += s == own || (row[own] != EPLB_EMPTY && row[s] == row[own]) ? value_of(layer, s, i) : 0;
  return sum;
}

static int count_wrong(const eplb_session_t *session, const gradients_t *g, int layer) {
  int wrong = 0;
  for (int k = 0; k < g->slots; k++) {
    for (int i = 0; i < FLOATS; i++)
      wrong += g->f[k * FLOATS + i] != (float)sum_of(session, layer, k, i);
    for (int i = 0; i < DOUBLES; i++)
      wrong += g->d[k * DOUBLES + i] != sum_of(session, layer, k, i + 1);
    for (int i = 0; i < BFLOATS; i++)
      wrong += g->b[k * BFLOATS + i] != to_bfloat((float)sum_of(session, layer, k, i + 2));
  }
  return wrong;
}

static void sums_are_right(int empty, const char *title) {
  eplb_session_options_t o = job_options();
  eplb_placement_t *initial;
  int slots = o.slots_per_rank * num_ranks;
  CHECK(!eplb_placement_create_linear(JOB_LAYERS, JOB_EXPERTS, slots, &initial));
  if (empty) /* also twice the same expert on a rank, and one on nearly all */
    for (int l = 0; l < JOB_LAYERS; l++)
      for (int s = JOB_EXPERTS; s < slots; s++)
        initial->physical_to_logical[l * slots + s] = s % 3 == l % 3 ? EPLB_EMPTY : JOB_EXPERTS - 1;
  CHECK(!eplb_placement_index(initial));
  o.initial = initial;
  job_t job;
  gradients_t g;
  job_start(&job, &o);
  gradients_make(job.session, &g);
  for (int l = 0; l < JOB_LAYERS; l++) {
    gradients_fill(&g, l);
    CHECK(!eplb_replicas_reduce_begin(job.session, l, g.tensor, TENSORS));
    CHECK(!eplb_replicas_reduce_end(job.session, l));
    CHECK(!count_wrong(job.session, &g, l));
  }
  gradients_free(&g);
  job_finish(&job);
  eplb_placement_destroy(&initial);
  mpi_tap_case(title);
}

/* Reductions of all layers open at a time, ended in any order; by the maps of each rebalance. */
static void layers_are_reduced_at_a_time(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  gradients_t g[JOB_LAYERS];
  job_start(&job, &o);
  for (int l = 0; l < JOB_LAYERS; l++)
    gradients_make(job.session, &g[l]);
  for (int round = 0; round < 3; round++) {
    job_record(&job, round, 0);
    CHECK(!eplb_rebalance(job.session, NULL));
    for (int l = JOB_LAYERS - 1; l >= 0; l--) {
      gradients_fill(&g[l], l);
      CHECK(!eplb_replicas_reduce_begin(job.session, l, g[l].tensor, TENSORS));
    }
    for (int i = 0; i < JOB_LAYERS; i++) {
      int l = (i * 2 + round) % JOB_LAYERS;
      CHECK(!eplb_replicas_reduce_end(job.session, l));
      CHECK(!count_wrong(job.session, &g[l], l));
    }
  }
  CHECK(job_is_whole(&job));
  for (int l = 0; l < JOB_LAYERS; l++)
    gradients_free(&g[l]);
  job_finish(&job);
  mpi_tap_case("layers are reduced at a time, by the maps of each rebalance");
}

/* Values whose sum depends on the order: all holders have the same bits all the same. */
static void holders_have_the_same_bits(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  gradients_t g;
  job_start(&job, &o);
  gradients_make(job.session, &g);
  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  for (int i = 0; i < g.slots * FLOATS; i++)
    g.f[i] = (float)((i * 7919 + rank * 104729) % 1000003) * 1.7e-5f;
  CHECK(!eplb_replicas_reduce_begin(job.session, 0, g.tensor, 1));
  CHECK(!eplb_replicas_reduce_end(job.session, 0));
  const eplb_placement_t *p = eplb_session_placement(job.session);
  float *all = calloc((size_t)p->num_slots * FLOATS, sizeof *all);
  MPI_Allgather(g.f, g.slots * FLOATS, MPI_FLOAT, all, g.slots * FLOATS, MPI_FLOAT, MPI_COMM_WORLD);
  int shared = 0;
  for (int e = 0; e < JOB_EXPERTS; e++)
    for (int k = p->replica_begin[e] + 1; k < p->replica_begin[e + 1]; k++, shared++)
      CHECK(!memcmp(all + (size_t)p->replica_slot[k] * FLOATS,
                    all + (size_t)p->replica_slot[p->replica_begin[e]] * FLOATS, FLOATS * sizeof *all));
  CHECK(shared > 0);
  free(all);
  gradients_free(&g);
  job_finish(&job);
  mpi_tap_case("holders have the same bits");
}

static void check_refused(eplb_status_t status, eplb_status_t expected, const char *text) {
  CHECK(status == expected && strstr(eplb_last_error(), text));
  int same = mpi_tap_same_text(eplb_last_error());
  CHECK(same);
}

/* One rank's argument is wrong: all ranks say so, and no gradient has changed. */
static void try_bad_gradients(eplb_session_t *session, const gradients_t *g, int mine) {
  eplb_gradient_t bad[TENSORS];
  for (int t = 0; t < TENSORS; t++)
    bad[t] = g->tensor[t];
  bad[0].stride -= (size_t)mine;
  check_refused(eplb_replicas_reduce_begin(session, 0, bad, TENSORS), EPLB_ERR_ARGUMENT,
                "gradient 0: a stride of 4947");
  bad[0] = g->tensor[0];
  bad[1].type = (eplb_element_t)(mine ? 3 : EPLB_BFLOAT16);
  check_refused(eplb_replicas_reduce_begin(session, 0, bad, TENSORS), EPLB_ERR_ARGUMENT, "gradient 1: type is 3");
  bad[1] = g->tensor[1];
  bad[2].slot = mine ? NULL : g->tensor[2].slot;
  check_refused(eplb_replicas_reduce_begin(session, 0, bad, TENSORS), EPLB_ERR_ARGUMENT, "base and slot are NULL");
  bad[2] = g->tensor[2];
  bad[3].count = mine ? -1 : 0;
  check_refused(eplb_replicas_reduce_begin(session, 0, bad, TENSORS), EPLB_ERR_ARGUMENT, "gradient 3: -1 elements");
  void *entry = g->table[1];
  g->table[1] = mine ? NULL : entry;
  check_refused(eplb_replicas_reduce_begin(session, 0, g->tensor, TENSORS), EPLB_ERR_ARGUMENT, "slot 1 is NULL");
  g->table[1] = entry;
  check_refused(eplb_replicas_reduce_begin(session, mine ? -1 : 0, g->tensor, TENSORS), EPLB_ERR_ARGUMENT,
                "layer is -1");
  check_refused(eplb_replicas_reduce_begin(session, 0, mine ? NULL : g->tensor, TENSORS), EPLB_ERR_ARGUMENT,
                "gradient is NULL");
  check_refused(eplb_replicas_reduce_begin(session, 0, g->tensor, mine ? 0 : 1), EPLB_ERR_ARGUMENT,
                "num_gradients is 0");
  if (num_ranks > 1)
    check_refused(eplb_replicas_reduce_begin(session, mine, g->tensor, TENSORS), EPLB_ERR_MISMATCH, "ranks reduce");
  if (num_ranks > 1)
    check_refused(eplb_replicas_reduce_begin(session, 0, g->tensor, TENSORS - mine), EPLB_ERR_MISMATCH, "ranks reduce");
}

static void what_one_rank_gives_wrong_fails_on_all(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  gradients_t g;
  job_start(&job, &o);
  gradients_make(job.session, &g);
  gradients_fill(&g, 0);
  for (int wrong = 0; wrong < num_ranks; wrong++)
    try_bad_gradients(job.session, &g, wrong == rank);
  CHECK(!eplb_replicas_reduce_begin(job.session, 0, g.tensor, TENSORS)); /* with what was there before */
  CHECK(!eplb_replicas_reduce_end(job.session, 0));
  CHECK(!count_wrong(job.session, &g, 0));
  gradients_free(&g);
  job_finish(&job);
  mpi_tap_case("what one rank gives wrong fails on all");
}

static void calls_have_an_order(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  gradients_t g;
  job_start(&job, &o);
  gradients_make(job.session, &g);
  gradients_fill(&g, 0);
  check_refused(eplb_replicas_reduce_end(job.session, 0), EPLB_ERR_STATE, "no reduction of layer 0 is open");
  check_refused(eplb_replicas_reduce_end(job.session, JOB_LAYERS), EPLB_ERR_STATE, "no reduction of layer 5");
  CHECK(!eplb_replicas_reduce_begin(job.session, 0, g.tensor, TENSORS));
  check_refused(eplb_replicas_reduce_begin(job.session, 0, g.tensor, TENSORS), EPLB_ERR_STATE, "layer 0 is open");
  check_refused(eplb_rebalance_begin(job.session), EPLB_ERR_STATE, "a reduction of layer 0 is open");
  check_refused(eplb_session_destroy(&job.session), EPLB_ERR_STATE, "a reduction of layer 0 is open");
  gradients_t other;
  gradients_make(job.session, &other);
  gradients_fill(&other, 1);
  CHECK(!eplb_replicas_reduce_begin(job.session, 1, other.tensor, TENSORS));
  if (num_ranks > 1) {
    check_refused(eplb_replicas_reduce_end(job.session, rank == 0), EPLB_ERR_MISMATCH, "ranks end reductions");
    eplb_status_t status = rank ? eplb_replicas_reduce_end(job.session, 0) : eplb_rebalance_begin(job.session);
    check_refused(status, EPLB_ERR_MISMATCH, "rank 1 called eplb_replicas_reduce_end");
    check_refused(eplb_replicas_reduce_end(job.session, rank ? 0 : 2), EPLB_ERR_STATE,
                  "rank 0: no reduction of layer 2");
    check_refused(eplb_replicas_reduce_end(job.session, rank == 1 ? -1 : 0), EPLB_ERR_STATE,
                  "rank 1: no reduction of layer -1");
  }
  CHECK(!eplb_replicas_reduce_end(job.session, 0) && !eplb_replicas_reduce_end(job.session, 1));
  CHECK(!count_wrong(job.session, &g, 0) && !count_wrong(job.session, &other, 1));
  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  check_refused(eplb_replicas_reduce_begin(job.session, 0, g.tensor, TENSORS), EPLB_ERR_STATE, "layer 0 is moving");
  CHECK(!eplb_rebalance_end(job.session, NULL));
  gradients_free(&g);
  gradients_free(&other);
  job_finish(&job);
  mpi_tap_case("calls have an order");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  sums_are_right(0, "sums are right");
  sums_are_right(1, "sums are right with empty slots and several replicas on a rank");
  layers_are_reduced_at_a_time();
  holders_have_the_same_bits();
  what_one_rank_gives_wrong_fails_on_all();
  calls_have_an_order();
  return mpi_tap_end();
}
