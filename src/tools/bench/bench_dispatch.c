/* eplb bench dispatch, under mpirun: the cost of shares for each batch, compared with the allreduce of the counts,
 * which any method needs. */
#include "tools/bench/bench_dispatch.h"
#include "core/model/synthetic.h"
#include "core/util/alloc.h"
#include "core/util/random.h"
#include "mpi/comm/agree.h"
#include "tools/bench/bench.h"
#include "tools/common/commands.h"
#include <math.h>

enum { WARM_UPS = 2 };

/* ---- counts ---- */

/* About `tokens` of a layer, as they would be drawn by its load. */
static void draw(const double *load, int experts, double tokens, uint64_t seed, int64_t *count) {
  double all = 0;
  for (int e = 0; e < experts; e++)
    all += load[e];
  for (int e = 0; e < experts; e++) {
    double mean = all > 0 ? tokens * load[e] / all : tokens / experts;
    count[e] = (int64_t)fmax(0, round(mean + sqrt(mean) * eplb_random_normal(&seed)));
  }
}

/* A new batch for each rank, and one for the GPUs. */
static void draw_batches(dispatch_job_t *j, int round) {
  const eplb_loads_t *loads = j->loads;
  double tokens = j->options->tokens;
  for (int l = 0; l < loads->num_layers; l++) {
    size_t first = (size_t)l * (size_t)loads->num_experts;
    const double *load = eplb_loads_window(loads, round % loads->num_windows) + first;
    uint64_t seed = j->options->job.generate.seed + ((uint64_t)round << 44) + ((uint64_t)l << 22);
    draw(load, loads->num_experts, tokens, seed + 1 + (uint64_t)j->rank, j->ranks.count + first);
    draw(load, loads->num_experts, tokens * j->gpus.topology->num_devices, seed, j->gpus.count + first);
  }
}

/* ---- a job ---- */

/* Shares are used with placements of the chain planner. Takes ownership of the topology, also on failure. */
static eplb_status_t open_side(const eplb_loads_t *loads, eplb_topology_t *topology, dispatch_side_t *side) {
  eplb_plan_options_t plan;
  eplb_plan_options_init(&plan);
  plan.planner = EPLB_PLANNER_CHAIN;
  plan.policy = EPLB_POLICY_GLOBAL;
  side->topology = topology;
  size_t values = (size_t)loads->num_layers * (size_t)loads->num_experts;
  size_t slots = (size_t)loads->num_layers * (size_t)eplb_topology_num_slots(topology);
  side->count = EPLB_NEW(int64_t, values);
  side->share = EPLB_NEW(float, slots);
  side->quota = EPLB_NEW(int32_t, slots);
  if (!side->count || !side->share || !side->quota)
    return EPLB_ERR_MEMORY;
  const eplb_windows_t first = eplb_windows_single(loads->num_layers, loads->num_experts, eplb_loads_window(loads, 0));
  eplb_status_t status = eplb_plan(&plan, topology, &first, NULL, &side->placement);
  return status ? status : eplb_dispatch_create(topology, side->placement, &side->dispatch);
}

static void close_side(dispatch_side_t *side) {
  eplb_dispatch_destroy(&side->dispatch);
  eplb_placement_destroy(&side->placement);
  eplb_topology_destroy(&side->topology);
  free(side->count);
  free(side->share);
  free(side->quota);
}

/* As many GPUs as asked for, on nodes of eight; else what the ranks are. */
static eplb_status_t declare_gpus(const dispatch_job_t *j, eplb_topology_t **topology) {
  const dispatch_options_t *o = j->options;
  if (!o->gpus)
    return eplb_topology_copy(j->ranks.topology, topology);
  return eplb_topology_declare((o->gpus + 7) / 8, o->gpus, job_slots_per_rank(&o->job, j->loads->num_experts, o->gpus),
                               topology);
}

static eplb_status_t prepare_dispatch(dispatch_job_t *j) {
  const job_options_t *o = &j->options->job;
  eplb_topology_t *topology = NULL;
  eplb_status_t status = job_loads(o, o->rounds + WARM_UPS, &j->loads);
  if (!status)
    status = job_topology(o, job_slots_per_rank(o, j->loads->num_experts, j->num_ranks), &topology);
  if (!status)
    status = eplb_agree_world(open_side(j->loads, topology, &j->ranks));
  if (!status)
    status = eplb_agree_world(declare_gpus(j, &topology));
  if (!status)
    status = eplb_agree_world(open_side(j->loads, topology, &j->gpus));
  if (status)
    return status;
  j->sum = EPLB_NEW(int64_t, (size_t)j->loads->num_layers * (size_t)j->loads->num_experts);
  j->expected = EPLB_NEW(float, j->ranks.placement->num_slots);
  status = eplb_agree_world(j->sum && j->expected ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  return status ? status : eplb_batch_create(MPI_COMM_WORLD, j->ranks.dispatch, &j->batch);
}

static void finish_dispatch(dispatch_job_t *j) {
  eplb_batch_destroy(&j->batch);
  close_side(&j->ranks);
  close_side(&j->gpus);
  free(j->sum);
  free(j->expected);
  eplb_loads_destroy(&j->loads);
}

static eplb_status_t run_dispatch_rounds(dispatch_job_t *j) {
  int rounds = j->options->job.rounds;
  double of_round[DISPATCH_ACTS];
  double *seconds = EPLB_NEW(double, (size_t)rounds *DISPATCH_ACTS);
  eplb_status_t status = eplb_agree_world(seconds ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (!status)
    status = prepare_dispatch(j);
  for (int k = -WARM_UPS; k < rounds && !status; k++) {
    draw_batches(j, k + WARM_UPS);
    status = dispatch_measure(j, of_round);
    for (int a = 0; a < DISPATCH_ACTS && k >= 0; a++)
      seconds[(size_t)a * (size_t)rounds + (size_t)k] = of_round[a];
  }
  if (j->rank == 0 && !status)
    dispatch_print(j, seconds);
  free(seconds);
  return status;
}

/* ---- the command ---- */

enum { KEY_GPUS = 256, KEY_TOKENS, KEY_COMPUTE };

static const struct argp_option arguments[] = {
    {"gpus", KEY_GPUS, "G", 0, "number of GPUs for the row \"shares\", on nodes of 8 (default: one for each rank)", 0},
    {"tokens", KEY_TOKENS, "N", 0, "token-expert pairs in each GPU's batch, about (4096)", 0},
    {"compute", KEY_COMPUTE, "US", 0, "microseconds of computation for each layer (50)", 0},
    {0}};

static error_t parse_dispatch_option(int key, char *text, struct argp_state *state) {
  dispatch_options_t *o = state->input;
  switch (key) {
  case KEY_GPUS:
    o->gpus = (int)tool_integer(state, "gpus", text, 1, 1 << 20);
    return 0;
  case KEY_TOKENS:
    o->tokens = (int)tool_integer(state, "tokens", text, 1, 1 << 24);
    return 0;
  case KEY_COMPUTE:
    o->compute = tool_real(state, "compute", text, 0, 1e6) * 1e-6;
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->job;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static void parse_dispatch_options(int argc, char **argv, dispatch_options_t *options) {
  static const struct argp_child children[] = {{&job_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      arguments,
      parse_dispatch_option,
      NULL,
      "Under mpirun: compute shares and quotas for batches of tokens, and measure in turn: the allreduce alone, a "
      "batch from begin to end, a batch after computation, a batch that overlaps computation, shares alone, and quotas "
      "alone.\v"
      "Times are microseconds for each layer and batch, of the slowest rank in each round. Example: mpirun -n 8 eplb "
      "bench dispatch --gpus 32",
      children,
      NULL,
      NULL};
  *options = (dispatch_options_t){.job.rounds = 50, .tokens = 4096, .compute = 50e-6};
  eplb_generate_options_init(&options->job.generate);
  options->job.generate.num_experts = 256;
  tool_parse(&argp, argc, argv, options);
}

int bench_dispatch(int argc, char **argv) {
  dispatch_options_t options;
  parse_dispatch_options(argc, argv, &options);
  int exit_status = tool_mpi_start(&argc, &argv);
  if (exit_status)
    return exit_status;
  dispatch_job_t job = {.options = &options};
  MPI_Comm_rank(MPI_COMM_WORLD, &job.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &job.num_ranks);
  eplb_status_t status = run_dispatch_rounds(&job);
  if (status && job.rank == 0)
    tool_report(status);
  finish_dispatch(&job);
  MPI_Finalize();
  return tool_exit_status(status);
}
