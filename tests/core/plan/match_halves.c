/* Halves matched anew: the best matching there is, and never harm. */
#include "core/plan/window/match_halves.h"
#include "core/plan/window/subproblem.h"
#include "shapes.h"
#include "tap.h"
#include <math.h>
#include <string.h>

typedef struct job {
  eplb_topology_t *topology;
  eplb_subproblem_t part;
  int devices, slots; /* slots of each */
} job_t;

/* As many experts as slots, so that there are no colocated to part. */
static void job_make(rng_t *rng, int devices, int slots, job_t *job) {
  double load[512];
  job->devices = devices, job->slots = slots;
  for (int e = 0; e < devices * slots; e++)
    load[e] = exp(2 * rng_unit(rng));
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, devices, slots, &job->topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_subproblem_create(job->topology, devices * slots, &job->part), EPLB_SUCCESS);
  eplb_subproblem_set_load(&job->part, load, 0);
  eplb_subproblem_select(&job->part, -1, NULL);
  for (int s = 0; s < devices * slots; s++)
    job->part.layer.expert[s] = s;
  rng_shuffle(rng, devices * slots, job->part.layer.expert);
  eplb_window_state_index(&job->part.layer);
}

static void job_end(job_t *job) {
  eplb_subproblem_free(&job->part);
  eplb_topology_destroy(&job->topology);
}

static double largest_time(const eplb_window_state_t *l) {
  return l->time[eplb_window_state_busiest(l)];
}

static void round_of(job_t *job, uint64_t *seed) {
  const eplb_match_halves_scratch_t scratch = {job->part.search.differencing.keys, job->part.search.differencing.spare,
                                               job->part.search.differencing.expert};
  eplb_match_halves(&job->part.layer, seed, &scratch);
}

static void check_no_harm(rng_t *rng) {
  job_t job;
  uint64_t seed = rng_next(rng);
  job_make(rng, rng_between(rng, 2, 60), rng_between(rng, 4, 8), &job);
  eplb_window_state_t *l = &job.part.layer;
  CU_ASSERT(eplb_match_halves_applies(l));
  for (int k = 0; k < 5; k++) {
    double was = largest_time(l);
    int seen[512] = {0};
    round_of(&job, &seed);
    CU_ASSERT(largest_time(l) <= was * (1 + 1e-6)); /* sums are compared as floats */
    for (int s = 0; s < l->num_slots; s++)
      seen[l->expert[s]]++;
    for (int e = 0; e < l->num_experts; e++)
      CU_ASSERT_EQUAL(seen[e], 1);
  }
  job_end(&job);
}

static void rounds_do_no_harm(void) {
  shapes_try(500, 1, check_no_harm);
}

/* The largest pair of a matching of the six halves of three devices, the least of all matchings. */
static double best_matching(const double *half) {
  double best = INFINITY;
  for (int a = 1; a < 6; a++) {
    int rest[4], n = 0;
    for (int i = 1; i < 6; i++)
      if (i != a)
        rest[n++] = i;
    for (int b = 1; b < 4; b++) {
      int c = b == 1 ? 2 : 1, d = b == 3 ? 2 : 3;
      double first = half[0] + half[a], second = half[rest[0]] + half[rest[b]], third = half[rest[c]] + half[rest[d]];
      best = fmin(best, fmax(first, fmax(second, third)));
    }
  }
  return best;
}

/* Devices keep their halves together, first and second: so the halves can be read from the result. */
static void check_best(rng_t *rng) {
  job_t job;
  uint64_t seed = rng_next(rng);
  double half[6] = {0};
  job_make(rng, 3, 4, &job);
  const eplb_window_state_t *l = &job.part.layer;
  round_of(&job, &seed);
  for (int s = 0; s < 12; s++)
    half[s / 2] += l->replica_load[l->expert[s]];
  CU_ASSERT_DOUBLE_EQUAL(largest_time(l), best_matching(half), 1e-6);
  job_end(&job);
}

static void no_matching_is_better(void) {
  shapes_try(300, 2, check_best);
}

static void few_slots_and_uneven_devices_are_left_alone(void) {
  rng_t rng = {1};
  job_t job;
  job_make(&rng, 4, 3, &job);
  CU_ASSERT_FALSE(eplb_match_halves_applies(&job.part.layer));
  job_end(&job);
  job_make(&rng, 4, 4, &job);
  job.part.inverse_speed[2] *= 2;
  CU_ASSERT_FALSE(eplb_match_halves_applies(&job.part.layer));
  job_end(&job);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"rounds do no harm", rounds_do_no_harm},
      {"no matching is better", no_matching_is_better},
      {"few slots and uneven devices are left alone", few_slots_and_uneven_devices_are_left_alone},
      {NULL, NULL}};
  return tap_run("match halves", tests);
}
