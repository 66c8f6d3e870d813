/* Shares and quotas of batches, at any number of ranks. */
#include "mpi_tap.h"
#include <eplb/eplb_mpi.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 3, EXPERTS = 40 };

typedef struct job {
  int rank, num_ranks, slots;
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  eplb_dispatch_t *dispatch;
  eplb_batch_t *batch;
  int64_t count[EXPERTS];
  float *share;
  int32_t *quota;
} job_t;

/* Each layer in an order of its own, those of the first slots once more in the last. */
static void place(eplb_placement_t *p) {
  for (int l = 0; l < p->num_layers; l++)
    for (int s = 0; s < p->num_slots; s++)
      p->physical_to_logical[l * p->num_slots + s] = (7 * s + l) % p->num_experts;
  CHECK(eplb_placement_index(p) == EPLB_SUCCESS && eplb_placement_validate(p) == EPLB_SUCCESS);
}

static void job_make(job_t *job) {
  memset(job, 0, sizeof *job);
  MPI_Comm_rank(MPI_COMM_WORLD, &job->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &job->num_ranks);
  int each = (EXPERTS + job->num_ranks - 1) / job->num_ranks + 2;
  job->slots = each * job->num_ranks;
  job->share = calloc((size_t)job->slots, sizeof *job->share);
  job->quota = calloc((size_t)job->slots, sizeof *job->quota);
  CHECK(eplb_topology_declare((job->num_ranks + 2) / 3, job->num_ranks, each, &job->topology) == EPLB_SUCCESS);
  CHECK(eplb_placement_create(LAYERS, EXPERTS, job->slots, &job->placement) == EPLB_SUCCESS);
  place(job->placement);
  CHECK(eplb_dispatch_create(job->topology, job->placement, &job->dispatch) == EPLB_SUCCESS);
  CHECK(eplb_batch_create(MPI_COMM_WORLD, job->dispatch, &job->batch) == EPLB_SUCCESS);
}

static void job_end(job_t *job) {
  CHECK(eplb_batch_destroy(&job->batch) == EPLB_SUCCESS && !job->batch);
  eplb_dispatch_destroy(&job->dispatch);
  eplb_placement_destroy(&job->placement);
  eplb_topology_destroy(&job->topology);
  free(job->share);
  free(job->quota);
}

static void count_tokens(job_t *job, int round) {
  for (int e = 0; e < EXPERTS; e++)
    job->count[e] = (e * 7 + round * 13 + job->rank * 5) % 11 * (e % 5 ? 3 : 40);
}

/* Of `count` floats or int32s, with what was hashed before. */
static int64_t hash_words(const void *words, int count, int64_t hash) {
  for (int i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, (const char *)words + 4 * i, sizeof bits);
    hash = (hash * 31 + bits) & 0x7fffffff;
  }
  return hash;
}

/* What each rank can tell of the others: as many tokens as those have counted themselves. The quotas of all, as this
 * rank finds them, hashed; its own are those that it got. */
static int64_t hash_all_quotas(const job_t *job, int layer) {
  int64_t *counts = calloc((size_t)job->num_ranks, sizeof job->count), hash = 0;
  int32_t *quota = calloc((size_t)job->slots, sizeof *quota);
  MPI_Allgather(job->count, EXPERTS, MPI_INT64_T, counts, EXPERTS, MPI_INT64_T, MPI_COMM_WORLD);
  for (int r = 0; r < job->num_ranks; r++) {
    CHECK(eplb_dispatch_quotas(job->dispatch, layer,
                               &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                           .device = r,
                                                           .split = EPLB_SPLIT_SHARES,
                                                           .share = job->share,
                                                           .count = counts + r * EXPERTS},
                               quota) == EPLB_SUCCESS);
    CHECK(r != job->rank || !memcmp(quota, job->quota, (size_t)job->slots * sizeof *quota));
    hash = hash_words(quota, job->slots, hash);
  }
  free(counts);
  free(quota);
  return hash;
}

/* Quotas add up on each rank; over all ranks each replica gets its share but for a token of each rank. */
static void check_quotas(const job_t *job, int layer) {
  const int32_t *begin = job->placement->replica_begin + layer * (EXPERTS + 1);
  int64_t total[EXPERTS];
  int32_t *all = calloc((size_t)job->slots, sizeof *all);
  MPI_Allreduce(job->count, total, EXPERTS, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(job->quota, all, job->slots, MPI_INT32_T, MPI_SUM, MPI_COMM_WORLD);
  for (int e = 0; e < EXPERTS; e++) {
    int64_t own = 0;
    for (int32_t k = begin[e]; k < begin[e + 1]; k++) {
      double off = all[k] - (double)job->share[k] * (double)total[e];
      own += job->quota[k];
      CHECK(off < job->num_ranks + .01 && off > -job->num_ranks - .01);
    }
    CHECK(own == job->count[e]);
  }
  free(all);
}

static void ranks_get_the_same_shares(void) {
  job_t job;
  job_make(&job);
  for (int round = 0; round < 6; round++) {
    int arrived = 0, layer = round % LAYERS;
    count_tokens(&job, round);
    CHECK(eplb_batch_begin(job.batch, layer, job.count) == EPLB_SUCCESS);
    while (round % 2 && !arrived)
      CHECK(eplb_batch_test(job.batch, &arrived) == EPLB_SUCCESS);
    CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_SUCCESS);
    int shares_alike = mpi_tap_same(hash_words(job.share, job.slots, 0));
    CHECK(shares_alike);
    int quotas_alike = mpi_tap_same(hash_all_quotas(&job, layer));
    CHECK(quotas_alike);
    check_quotas(&job, layer);
  }
  job_end(&job);
  mpi_tap_case("ranks get the same shares, and quotas that add up");
}

/* As if one rank had counted all tokens: no rank's own counts are in its shares. */
static void shares_are_those_of_all_tokens(void) {
  job_t job;
  int64_t total[EXPERTS];
  job_make(&job);
  float *expected = calloc((size_t)job.slots, sizeof *expected);
  count_tokens(&job, 1);
  MPI_Allreduce(job.count, total, EXPERTS, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  CHECK(eplb_dispatch_shares(job.dispatch, 2, total, expected) == EPLB_SUCCESS);
  CHECK(eplb_batch_begin(job.batch, 2, job.count) == EPLB_SUCCESS);
  CHECK(eplb_batch_end(job.batch, job.share, NULL) == EPLB_SUCCESS);
  CHECK(!memcmp(job.share, expected, (size_t)job.slots * sizeof *expected));
  free(expected);
  job_end(&job);
  mpi_tap_case("shares are those of all ranks' tokens");
}

/* Each rank in turn gives something that is wrong; the next batch is good again. */
static void what_one_rank_gives_wrong_fails_on_all(void) {
  job_t job;
  job_make(&job);
  for (int wrong = 0; wrong < job.num_ranks; wrong++) {
    int mine = wrong == job.rank;
    count_tokens(&job, 0);
    job.count[5] = mine ? -3 : 1;
    CHECK(eplb_batch_begin(job.batch, 0, job.count) == EPLB_SUCCESS);
    CHECK(eplb_batch_test(job.batch, NULL) == EPLB_ERR_ARGUMENT); /* another failure before the end */
    CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_ERR_LOADS);
    CHECK(strstr(eplb_last_error(), "expert 5 has -3 tokens") && mpi_tap_same_text(eplb_last_error()));
    job.count[5] = 1;
    CHECK(eplb_batch_begin(job.batch, mine ? LAYERS : 0, job.count) == EPLB_SUCCESS);
    CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_ERR_ARGUMENT);
    CHECK(eplb_batch_begin(job.batch, 0, mine ? NULL : job.count) == EPLB_SUCCESS);
    CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_ERR_ARGUMENT);
    CHECK(eplb_batch_begin(job.batch, mine, job.count) == EPLB_SUCCESS);
    eplb_status_t status = eplb_batch_end(job.batch, job.share, job.quota);
    CHECK(status == (job.num_ranks > 1 ? EPLB_ERR_MISMATCH : EPLB_SUCCESS));
    CHECK(eplb_batch_begin(job.batch, 1, job.count) == EPLB_SUCCESS);
    CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_SUCCESS);
  }
  job_end(&job);
  mpi_tap_case("what one rank gives wrong fails on all, once");
}

static void calls_have_an_order(void) {
  job_t job;
  int arrived = 7;
  job_make(&job);
  CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_ERR_STATE);
  CHECK(eplb_batch_test(job.batch, &arrived) == EPLB_ERR_STATE && arrived == 7);
  CHECK(eplb_batch_begin(job.batch, 0, job.count) == EPLB_SUCCESS);
  CHECK(eplb_batch_begin(job.batch, 0, job.count) == EPLB_ERR_STATE);
  CHECK(eplb_batch_destroy(&job.batch) == EPLB_ERR_STATE && job.batch);
  CHECK(job.rank || eplb_batch_end(job.batch, NULL, job.quota) == EPLB_ERR_ARGUMENT); /* its batch stays open */
  CHECK(eplb_batch_end(job.batch, job.share, job.quota) == EPLB_SUCCESS);
  job_end(&job);
  mpi_tap_case("calls have an order");
}

static void ranks_must_go_together(void) {
  job_t job;
  eplb_batch_t *none = NULL;
  job_make(&job);
  CHECK(eplb_batch_create(MPI_COMM_WORLD, job.rank == job.num_ranks - 1 ? NULL : job.dispatch, &none) ==
        EPLB_ERR_ARGUMENT);
  CHECK(mpi_tap_same_text(eplb_last_error()));
  CHECK(eplb_batch_create(MPI_COMM_WORLD, job.dispatch, job.rank ? &none : NULL) == EPLB_ERR_ARGUMENT);
  CHECK(mpi_tap_same_text(eplb_last_error()) && strstr(eplb_last_error(), "batch is NULL"));
  CHECK(job.num_ranks == 1 || eplb_batch_create(MPI_COMM_SELF, job.dispatch, &none) == EPLB_ERR_SHAPE);
  int32_t *row = job.placement->physical_to_logical, first = row[0];
  if (job.rank == 0) { /* both are valid */
    row[0] = row[1];
    row[1] = first;
  }
  CHECK(job.num_ranks == 1 || eplb_batch_create(MPI_COMM_WORLD, job.dispatch, &none) == EPLB_ERR_MISMATCH);
  CHECK(!none);
  job_end(&job);
  mpi_tap_case("ranks must have the same placement");
}

/* One rank counts for a model of another shape. */
static void check_shape_refused(const job_t *job, int layers, int experts, const char *what) {
  eplb_placement_t *odd = NULL;
  eplb_dispatch_t *dispatch = NULL;
  eplb_batch_t *none = NULL;
  CHECK(eplb_placement_create_linear(layers, experts, job->slots, &odd) == EPLB_SUCCESS);
  CHECK(eplb_dispatch_create(job->topology, odd, &dispatch) == EPLB_SUCCESS);
  int mine = job->rank == job->num_ranks - 1;
  CHECK(eplb_batch_create(MPI_COMM_WORLD, mine ? dispatch : job->dispatch, &none) == EPLB_ERR_MISMATCH && !none);
  CHECK(mpi_tap_same_text(eplb_last_error()) && strstr(eplb_last_error(), what));
  eplb_dispatch_destroy(&dispatch);
  eplb_placement_destroy(&odd);
}

static void ranks_must_have_the_same_shape(void) {
  job_t job;
  job_make(&job);
  if (job.num_ranks > 1) {
    check_shape_refused(&job, LAYERS, EXPERTS - 1, "numbers of experts");
    check_shape_refused(&job, LAYERS + 1, EXPERTS, "numbers of layers");
  }
  job_end(&job);
  mpi_tap_case("ranks must have as many layers and experts");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  ranks_get_the_same_shares();
  shares_are_those_of_all_tokens();
  what_one_rank_gives_wrong_fails_on_all();
  calls_have_an_order();
  ranks_must_go_together();
  ranks_must_have_the_same_shape();
  return mpi_tap_end();
}
