/* Shares, and whole tokens by them. */
#include "shapes.h"
#include "tap.h"
#include <eplb/dispatch.h>
#include <math.h>
#include <string.h>

enum { MAX_EXPERTS = 200, MAX_SLOTS = 512 };

typedef struct job {
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  eplb_dispatch_t *dispatch;
  int experts, slots;
  int64_t count[MAX_EXPERTS];
  float share[MAX_SLOTS];
  int32_t quota[MAX_SLOTS];
} job_t;

static void job_make(rng_t *rng, unsigned traits, job_t *job) {
  double load[MAX_EXPERTS];
  memset(job, 0, sizeof *job);
  do {
    eplb_topology_destroy(&job->topology);
    job->topology = random_topology(rng, traits);
    job->slots = eplb_topology_num_slots(job->topology);
  } while (job->slots > MAX_SLOTS);
  job->experts = rng_between(rng, 1, job->slots < MAX_EXPERTS ? job->slots : MAX_EXPERTS);
  job->placement = random_placement(rng, 2, job->experts, job->slots, 10);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(job->topology, job->placement, &job->dispatch), EPLB_SUCCESS);
  random_loads(rng, (size_t)job->experts, load);
  for (int e = 0; e < job->experts; e++)
    job->count[e] = (int64_t)load[e];
}

static void job_end(job_t *job) {
  eplb_dispatch_destroy(&job->dispatch);
  eplb_placement_destroy(&job->placement);
  eplb_topology_destroy(&job->topology);
}

/* Layer 1's replicas of an expert are begin[0] to begin[1] - 1. */
static const int32_t *begin_of(const job_t *job, int expert) {
  return job->placement->replica_begin + (job->experts + 1) + expert;
}

static int device_of(const job_t *job, int replica) {
  return eplb_topology_device_of_slot(job->topology, job->placement->replica_slot[job->slots + replica]);
}

static double largest_time(const job_t *job, const double *part) {
  double largest = 0;
  for (int d = 0; d < job->topology->num_devices; d++) {
    double load = 0;
    for (int k = 0; k < *begin_of(job, job->experts); k++)
      load += device_of(job, k) == d ? part[k] : 0;
    largest = fmax(largest, load / job->topology->speed[d]);
  }
  return largest;
}

static void parts_of_shares(const job_t *job, double *part) {
  for (int e = 0; e < job->experts; e++)
    for (int32_t k = begin_of(job, e)[0]; k < begin_of(job, e)[1]; k++)
      part[k] = (double)job->count[e] * (double)job->share[k];
}

static void check_shares(rng_t *rng) {
  job_t job;
  double part[MAX_SLOTS], even[MAX_SLOTS];
  float again[MAX_SLOTS];
  job_make(rng, SHAPE_ANY, &job);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_shares(job.dispatch, 1, job.count, job.share), EPLB_SUCCESS);
  for (int e = 0; e < job.experts; e++) {
    double sum = 0;
    for (int32_t k = begin_of(&job, e)[0]; k < begin_of(&job, e)[1]; k++) {
      CU_ASSERT(job.share[k] >= 0);
      sum += (double)job.share[k];
      even[k] = (double)job.count[e] / (begin_of(&job, e)[1] - begin_of(&job, e)[0]);
    }
    CU_ASSERT(fabs(sum - 1) < 1e-5);
  }
  parts_of_shares(&job, part);
  CU_ASSERT(largest_time(&job, part) <= largest_time(&job, even) * (1 + 1e-3) + 1e-9);
  CU_ASSERT_EQUAL(eplb_dispatch_shares(job.dispatch, 1, job.count, again), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(memcmp(again, job.share, (size_t)*begin_of(&job, job.experts) * sizeof *again), 0);
  job_end(&job);
}

static void shares_add_up_and_are_never_worse_than_equal_ones(void) {
  shapes_try(300, 61, check_shares);
}

/* Flow in the plainest way, until nothing moves: the optimum. */
static void level_plainly(const job_t *job, double *part) {
  double time[SHAPE_MAX_DEVICES] = {0};
  for (int k = 0; k < *begin_of(job, job->experts); k++)
    time[device_of(job, k)] += part[k];
  for (int sweep = 0; sweep < 3000; sweep++)
    for (int e = 0; e < job->experts; e++)
      for (int32_t a = begin_of(job, e)[0]; a < begin_of(job, e)[1]; a++)
        for (int32_t b = a + 1; b < begin_of(job, e)[1]; b++) {
          double *ta = &time[device_of(job, a)], *tb = &time[device_of(job, b)];
          double flow = ta == tb ? 0 : fmax(-part[a], fmin(part[b], (*tb - *ta) / 2));
          part[a] += flow;
          part[b] -= flow;
          *ta += flow;
          *tb -= flow;
        }
}

static void check_near_optimal(rng_t *rng) {
  job_t job;
  double part[MAX_SLOTS], best[MAX_SLOTS];
  job_make(rng, SHAPE_UNEVEN_SLOTS, &job);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_shares(job.dispatch, 1, job.count, job.share), EPLB_SUCCESS);
  parts_of_shares(&job, part);
  for (int e = 0; e < job.experts; e++)
    for (int32_t k = begin_of(&job, e)[0]; k < begin_of(&job, e)[1]; k++)
      best[k] = (double)job.count[e] / (begin_of(&job, e)[1] - begin_of(&job, e)[0]);
  level_plainly(&job, best);
  CU_ASSERT(largest_time(&job, part) <= 1.005 * largest_time(&job, best) + 1e-9);
  job_end(&job);
}

static void shares_are_near_the_optimum(void) {
  shapes_try(40, 62, check_near_optimal);
}

static int distance_of(const job_t *job, int replica, int device) {
  int other = device_of(job, replica);
  return other == device                                                                         ? 0
         : eplb_topology_node(job->topology, other) == eplb_topology_node(job->topology, device) ? 1
                                                                                                 : 2;
}

/* Quotas add up, are within a token of the shares, the same each time, and what is left over is served near: nothing is
 * rounded up farther away than something is rounded down. */
static void check_quotas(rng_t *rng) {
  job_t job;
  int64_t own[MAX_EXPERTS];
  int32_t again[MAX_SLOTS];
  job_make(rng, SHAPE_ANY, &job);
  eplb_split_t split = rng_between(rng, 0, 1) ? EPLB_SPLIT_SHARES : EPLB_SPLIT_EVEN;
  int device = rng_between(rng, 0, job.topology->num_devices - 1), largest = rng_between(rng, 0, 1) ? 3 : 1 << 30;
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_shares(job.dispatch, 1, job.count, job.share), EPLB_SUCCESS);
  for (int e = 0; e < job.experts; e++)
    own[e] = rng_between(rng, 0, largest);
  CU_ASSERT_EQUAL_FATAL(
      eplb_dispatch_quotas(
          job.dispatch, 1,
          &(const eplb_rank_tokens_t){
              .size = sizeof(eplb_rank_tokens_t), .device = device, .split = split, .share = job.share, .count = own},
          job.quota),
      EPLB_SUCCESS);
  for (int e = 0; e < job.experts; e++) {
    int32_t first = begin_of(&job, e)[0], end = begin_of(&job, e)[1];
    int64_t sum = 0;
    double shares = 0;
    int farthest_up = -1, nearest_down = 2;
    for (int32_t k = first; k < end; k++)
      shares += split == EPLB_SPLIT_EVEN ? 1 : (double)job.share[k];
    for (int32_t k = first; k < end; k++) {
      double wanted = (double)own[e] * (split == EPLB_SPLIT_EVEN ? 1 : (double)job.share[k]) / shares;
      sum += job.quota[k];
      CU_ASSERT(fabs(job.quota[k] - wanted) < 1);
      int distance = distance_of(&job, k, device);
      if (job.quota[k] > wanted && distance > farthest_up)
        farthest_up = distance;
      if (job.quota[k] < wanted && distance < nearest_down)
        nearest_down = distance;
    }
    CU_ASSERT_EQUAL(sum, own[e]);
    CU_ASSERT(farthest_up <= nearest_down);
  }
  CU_ASSERT_EQUAL(
      eplb_dispatch_quotas(
          job.dispatch, 1,
          &(const eplb_rank_tokens_t){
              .size = sizeof(eplb_rank_tokens_t), .device = device, .split = split, .share = job.share, .count = own},
          again),
      EPLB_SUCCESS);
  CU_ASSERT_EQUAL(memcmp(again, job.quota, (size_t)*begin_of(&job, job.experts) * sizeof *again), 0);
  job_end(&job);
}

static void quotas_add_up_within_a_token_and_prefer_what_is_near(void) {
  shapes_try(500, 63, check_quotas);
}

static void check_splits(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_ANY, &job);
  eplb_split_t split = (eplb_split_t)rng_between(rng, EPLB_SPLIT_EVEN, EPLB_SPLIT_NEAREST);
  CU_ASSERT_EQUAL_FATAL(
      eplb_dispatch_quotas(job.dispatch, 1,
                           &(const eplb_rank_tokens_t){
                               .size = sizeof(eplb_rank_tokens_t), .device = 0, .split = split, .count = job.count},
                           job.quota),
      EPLB_SUCCESS);
  for (int e = 0; e < job.experts; e++) {
    int32_t first = begin_of(&job, e)[0], last = begin_of(&job, e)[1] - 1, least = INT32_MAX, most = 0, used = 0;
    int64_t sum = 0;
    for (int32_t k = first; k <= last; k++) {
      sum += job.quota[k];
      least = job.quota[k] < least ? job.quota[k] : least;
      most = job.quota[k] > most ? job.quota[k] : most;
      used += job.quota[k] > 0;
    }
    CU_ASSERT_EQUAL(sum, job.count[e]);
    CU_ASSERT(split == EPLB_SPLIT_NEAREST ? used == (job.count[e] > 0) : most - least <= 1);
  }
  job_end(&job);
}

static void every_split_adds_up_to_the_counts(void) {
  shapes_try(300, 64, check_splits);
}

/* Four nodes of two devices, one expert on the first device of each of the first three. */
static void make_small(job_t *job) {
  memset(job, 0, sizeof *job);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(4, 8, 1, &job->topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(2, 1, 8, &job->placement), EPLB_SUCCESS);
  for (int l = 0; l < 2; l++)
    for (int d = 0; d < 6; d += 2)
      job->placement->physical_to_logical[8 * l + d] = 0;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(job->placement), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(job->topology, job->placement, &job->dispatch), EPLB_SUCCESS);
  job->experts = 1;
  job->slots = 8;
}

static void the_nearest_replica_serves(void) {
  static const int nearest[] = {0, 0, 1, 1, 2, 2, 6 % 3, 7 % 3};
  job_t job;
  make_small(&job);
  job.count[0] = 5;
  for (int d = 0; d < 8; d++) {
    CU_ASSERT_EQUAL(eplb_dispatch_quotas(job.dispatch, 0,
                                         &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                                     .device = d,
                                                                     .split = EPLB_SPLIT_NEAREST,
                                                                     .count = job.count},
                                         job.quota),
                    0);
    for (int k = 0; k < 3; k++)
      CU_ASSERT_EQUAL(job.quota[k], k == nearest[d] ? 5 : 0);
  }
  CU_ASSERT_EQUAL(eplb_dispatch_quotas(job.dispatch, 0,
                                       &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                                   .device = 7,
                                                                   .split = EPLB_SPLIT_ROUND_ROBIN,
                                                                   .count = job.count},
                                       job.quota),
                  0);
  CU_ASSERT(job.quota[0] == 1 && job.quota[1] == 2 && job.quota[2] == 2);
  job_end(&job);
}

/* Ranks that have a token each, and no replica near, use all replicas about as much as they should. */
static void ranks_with_few_tokens_do_not_pick_the_same(void) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  eplb_dispatch_t *d = NULL;
  const float share[4] = {.25f, .25f, .4f, .1f};
  const int64_t one = 1;
  int total[4] = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(104, 104, 1, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, 1, 104, &p), EPLB_SUCCESS);
  for (int k = 0; k < 4; k++)
    p->physical_to_logical[k] = 0;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(t, p, &d), EPLB_SUCCESS);
  for (int rank = 4; rank < 104; rank++) {
    int32_t quota[4];
    CU_ASSERT_EQUAL(eplb_dispatch_quotas(d, 0,
                                         &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                                     .device = rank,
                                                                     .split = EPLB_SPLIT_SHARES,
                                                                     .share = share,
                                                                     .count = &one},
                                         quota),
                    EPLB_SUCCESS);
    for (int k = 0; k < 4; k++)
      total[k] += quota[k];
  }
  for (int k = 0; k < 4; k++)
    CU_ASSERT(fabs(total[k] - 100 * (double)share[k]) < 3);
  eplb_dispatch_destroy(&d);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

static void a_changed_layer_is_taken_up(void) {
  job_t job;
  make_small(&job);
  job.count[0] = 6;
  job.placement->physical_to_logical[2] = job.placement->physical_to_logical[4] = EPLB_EMPTY;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index_layer(job.placement, 0), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_dispatch_update(job.dispatch, 0), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_dispatch_shares(job.dispatch, 0, job.count, job.share), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(job.share[0], 1);
  CU_ASSERT_EQUAL(eplb_dispatch_shares(job.dispatch, 1, job.count, job.share), EPLB_SUCCESS);
  CU_ASSERT(fabsf(job.share[0] - 1 / 3.f) < 1e-3f);
  job_end(&job);
}

static void what_cannot_be_dispatched_is_refused(void) {
  job_t job;
  eplb_topology_t *other = NULL;
  eplb_dispatch_t *none = NULL;
  float share[8] = {-1};
  make_small(&job);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, &other), EPLB_SUCCESS);
  TAP_FAILS(eplb_dispatch_create(other, job.placement, &none), EPLB_ERR_SHAPE, "8 slots for a topology of 4");
  TAP_FAILS(eplb_dispatch_create(NULL, job.placement, &none), EPLB_ERR_ARGUMENT, "topology is NULL");
  TAP_FAILS(eplb_dispatch_update(job.dispatch, 2), EPLB_ERR_ARGUMENT, "layer 2 of 2");
  TAP_FAILS(eplb_dispatch_shares(job.dispatch, -1, job.count, share), EPLB_ERR_ARGUMENT, "layer -1");
  TAP_FAILS(eplb_dispatch_shares(job.dispatch, 0, NULL, share), EPLB_ERR_ARGUMENT, "count is NULL");
  job.count[0] = -1;
  TAP_FAILS(eplb_dispatch_shares(job.dispatch, 0, job.count, share), EPLB_ERR_LOADS, "expert 0 has -1 tokens");
  TAP_FAILS(eplb_dispatch_quotas(
                job.dispatch, 0,
                &(const eplb_rank_tokens_t){
                    .size = sizeof(eplb_rank_tokens_t), .device = 0, .split = EPLB_SPLIT_EVEN, .count = job.count},
                job.quota),
            EPLB_ERR_LOADS, "-1");
  job.count[0] = 1;
  TAP_FAILS(eplb_dispatch_quotas(
                job.dispatch, 0,
                &(const eplb_rank_tokens_t){
                    .size = sizeof(eplb_rank_tokens_t), .device = 8, .split = EPLB_SPLIT_EVEN, .count = job.count},
                job.quota),
            EPLB_ERR_ARGUMENT, "device 8; expected 0 to 7");
  TAP_FAILS(eplb_dispatch_quotas(
                job.dispatch, 0,
                &(const eplb_rank_tokens_t){
                    .size = sizeof(eplb_rank_tokens_t), .device = 0, .split = EPLB_SPLIT_SHARES, .count = job.count},
                job.quota),
            EPLB_ERR_ARGUMENT, "share is NULL");
  TAP_FAILS(eplb_dispatch_quotas(job.dispatch, 0,
                                 &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                             .device = 0,
                                                             .split = EPLB_SPLIT_SHARES,
                                                             .share = share,
                                                             .count = job.count},
                                 job.quota),
            EPLB_ERR_ARGUMENT, "a share of -1");
  TAP_FAILS(eplb_dispatch_quotas(job.dispatch, 0,
                                 &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                             .device = 0,
                                                             .split = (eplb_split_t)4,
                                                             .share = share,
                                                             .count = job.count},
                                 job.quota),
            EPLB_ERR_ARGUMENT, "split is 4");
  CU_ASSERT_PTR_NULL(none);
  eplb_topology_destroy(&other);
  job_end(&job);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"shares add up and are never worse than equal ones", shares_add_up_and_are_never_worse_than_equal_ones},
      {"shares are near the optimum", shares_are_near_the_optimum},
      {"quotas add up, within a token, and prefer what is near", quotas_add_up_within_a_token_and_prefer_what_is_near},
      {"every split adds up to the counts", every_split_adds_up_to_the_counts},
      {"the nearest replica serves", the_nearest_replica_serves},
      {"ranks with few tokens do not pick the same", ranks_with_few_tokens_do_not_pick_the_same},
      {"a changed layer is taken up", a_changed_layer_is_taken_up},
      {"what cannot be dispatched is refused", what_cannot_be_dispatched_is_refused},
      {NULL, NULL}};
  return tap_run("dispatch", tests);
}
