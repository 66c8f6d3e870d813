/* Planners' inputs: any topology, loads and wishes that a caller might pass; what comes back is a valid plan or a clear
 * error. */
#include "fuzz.h"
#include "plan_window.h"
#include <eplb/loads.h>
#include <eplb/planner.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEVICES = 12, MAX_EXPERTS = 24, MAX_SLOTS = 7, LEVELS = 2 };

typedef struct job {
  eplb_topology_t *topology;
  eplb_plan_options_t options;
  eplb_payback_t payback;
  int experts;
  double load[MAX_EXPERTS];
} job_t;

/* Mostly small whole numbers; else what is hard, or any bits at all. */
static double take_number(fuzz_input_t *in) {
  static const double hard[] = {0,      -0.0,  0x1p-1074, 0x1p-1022, 1e-300, 1e300, 0x1.fffffffffffffp62,
                                0x1p63, 1e308, -1,        INFINITY,  NAN};
  enum { NUM_HARD = sizeof hard / sizeof *hard };
  int kind = fuzz_byte(in);
  double bits = 0;
  if (kind < 200)
    return kind;
  if (kind < 200 + NUM_HARD)
    return hard[kind - 200];
  fuzz_bytes(in, &bits, sizeof bits);
  return bits;
}

static double take_speed(fuzz_input_t *in) {
  int kind = fuzz_byte(in);
  return kind < 160 ? 1 : kind < 220 ? (kind - 159) / 16.0 : take_number(in);
}

static eplb_status_t take_topology(fuzz_input_t *in, eplb_topology_t **topology) {
  static const char *const names[LEVELS] = {"rack", "node"};
  int devices = 1 + fuzz_byte(in) % MAX_DEVICES, equal = fuzz_byte(in);
  int domain[LEVELS * MAX_DEVICES], slots[MAX_DEVICES];
  double speed[MAX_DEVICES];
  for (int d = 0; d < devices; d++) {
    int node = fuzz_byte(in) % 4;
    domain[d] = node / 2;
    domain[devices + d] = node;
    slots[d] = equal % 2 && d ? slots[0] : fuzz_byte(in) % (MAX_SLOTS + 1);
    speed[d] = equal / 2 % 2 ? 1 : take_speed(in);
  }
  return eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                             .num_devices = devices,
                                                             .num_levels = LEVELS,
                                                             .level_name = names,
                                                             .node_level = fuzz_byte(in) % LEVELS,
                                                             .domain = domain,
                                                             .slots = slots,
                                                             .speed = speed,
                                                             .declared = 1},
                              topology);
}

static void take_options(fuzz_input_t *in, job_t *job) {
  eplb_plan_options_t *o = &job->options;
  eplb_plan_options_init(o);
  o->planner = EPLB_PLANNER_WINDOW;
  o->policy = (eplb_policy_t)(fuzz_byte(in) % 3);
  o->num_groups = 1 + fuzz_byte(in) % 8;
  o->effort = EPLB_EFFORT_FAST;
  o->spill = fuzz_byte(in) / 256.0;
  o->balance = fuzz_byte(in) / 256.0;
  o->max_moves = fuzz_byte(in);
  o->node_cost = fuzz_byte(in) % 2 ? 4 : take_number(in);
  eplb_payback_init(&job->payback);
  if (fuzz_byte(in) % 4)
    return;
  job->payback.seconds_per_load = take_number(in);
  job->payback.horizon = take_number(in);
  job->payback.expert_bytes = take_number(in);
  o->payback = &job->payback;
}

/* A refusal says why and leaves the output alone. */
static void check_refusal(const eplb_placement_t *p, eplb_status_t status) {
  fuzz_expect(!p);
  fuzz_expect(status == EPLB_ERR_ARGUMENT || status == EPLB_ERR_SHAPE || status == EPLB_ERR_LOADS ||
              status == EPLB_ERR_UNSUPPORTED);
  fuzz_expect(eplb_last_error()[0]);
}

static double check_plan(const job_t *job, const eplb_placement_t *p) {
  double balance = eplb_balancedness(job->topology, p, 0, job->load);
  fuzz_expect(eplb_placement_validate(p) == EPLB_SUCCESS);
  fuzz_expect(isfinite(balance) && balance >= 0 && balance <= 1 + 1e-9);
  return balance;
}

static int count_moves(const eplb_topology_t *t, const int32_t *before, const int32_t *after) {
  int moves = 0;
  for (int d = 0; d < t->num_devices; d++)
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++) {
      int held = after[s] == EPLB_EMPTY;
      for (int k = t->slot_begin[d]; k < t->slot_begin[d + 1]; k++)
        held |= before[k] == after[s];
      moves += !held;
    }
  return moves;
}

/* Whether balancedness is what it says: where loads are all next to nothing, most of it is rounding. */
static int is_comparable(const job_t *job) {
  double largest = 0;
  for (int e = 0; e < job->experts; e++)
    largest = fmax(largest, job->load[e]);
  return !(largest > 0 && largest < 1e-300);
}

/* From a placement of any kind, if the bytes make a valid one. */
static void check_replan(fuzz_input_t *in, const job_t *job) {
  eplb_placement_t *before = NULL, *after = NULL;
  if (eplb_placement_create(1, job->experts, eplb_topology_num_slots(job->topology), &before))
    return;
  for (int s = 0; s < before->num_slots; s++)
    before->physical_to_logical[s] = s < job->experts ? s : fuzz_byte(in) % (job->experts + 1) - 1;
  fuzz_expect(eplb_placement_index(before) == EPLB_SUCCESS);
  eplb_status_t status =
      plan_window(&job->options, job->topology, eplb_windows_single(1, job->experts, job->load), before, &after);
  if (status) {
    check_refusal(after, status);
  } else {
    double was = check_plan(job, before), now = check_plan(job, after);
    fuzz_expect(now >= was * (1 - 1e-9) || !is_comparable(job));
    fuzz_expect(count_moves(job->topology, before->physical_to_logical, after->physical_to_logical) <=
                job->options.max_moves);
  }
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
}

/* With both planners: where deepseek has a plan, window has one that is no worse, unless its own options are
 * refused. */
static void check_planners(const job_t *job) {
  const eplb_windows_t window = eplb_windows_single(1, job->experts, job->load);
  eplb_placement_t *p = NULL, *reference = NULL;
  eplb_plan_options_t bare;
  eplb_plan_options_init(&bare);
  bare.planner = EPLB_PLANNER_DEEPSEEK, bare.policy = job->options.policy, bare.num_groups = job->options.num_groups;
  eplb_status_t status = eplb_plan(&job->options, job->topology, &window, NULL, &p);
  eplb_status_t other = eplb_plan(&bare, job->topology, &window, NULL, &reference);
  if (status)
    check_refusal(p, status);
  else
    check_plan(job, p);
  if (other)
    check_refusal(reference, other);
  else if (status)
    fuzz_expect(status == EPLB_ERR_UNSUPPORTED || status == EPLB_ERR_ARGUMENT);
  else
    fuzz_expect(check_plan(job, p) >= check_plan(job, reference) * (1 - 1e-8) || !is_comparable(job));
  eplb_placement_destroy(&reference);
  eplb_placement_destroy(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input_t in = {data, size};
  job_t job = {.topology = NULL};
  if (take_topology(&in, &job.topology)) {
    fuzz_expect(!job.topology && eplb_last_error()[0]);
    return 0;
  }
  take_options(&in, &job);
  job.experts = 1 + fuzz_byte(&in) % MAX_EXPERTS;
  for (int e = 0; e < job.experts; e++)
    job.load[e] = take_number(&in);
  check_planners(&job);
  check_replan(&in, &job);
  eplb_topology_destroy(&job.topology);
  return 0;
}
