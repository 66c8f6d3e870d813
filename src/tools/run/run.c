/* eplb run: the main job. */
#include "tools/run/run.h"
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/model/synthetic.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include "tools/common/recording_options.h"
#include <math.h>

/* ---- what all ranks need to know first ---- */

/* On rank 0: the recorded loads, or synthetic ones. */
static eplb_status_t get_loads(const job_options_t *o, eplb_loads_t **loads) {
  return o->loads ? recording_read(o->loads, loads) : eplb_loads_generate(&o->generate, loads);
}

/* Rank 0's loads to every rank, a window at a time. */
static eplb_status_t share_loads(run_t *r) {
  eplb_status_t status = eplb_agree_world(r->rank == 0 ? get_loads(&r->options->job, &r->loads) : EPLB_SUCCESS);
  if (status)
    return status;
  int shape[3] = {0, 0, 0};
  if (r->rank == 0) {
    shape[0] = r->loads->num_windows;
    shape[1] = r->loads->num_layers;
    shape[2] = r->loads->num_experts;
  }
  MPI_Bcast(shape, 3, MPI_INT, 0, MPI_COMM_WORLD);
  if (r->rank > 0)
    status = eplb_loads_create(shape[0], shape[1], shape[2], &r->loads);
  if (shape[1] > INT32_MAX / shape[2])
    status = eplb_fail(EPLB_ERR_SHAPE, "%s of %s; expected no more than %d in all", eplb_count(shape[1], "layer"),
                       eplb_count(shape[2], "expert"), INT32_MAX);
  status = eplb_agree_world(status);
  if (status)
    return status;
  MPI_Bcast(r->loads->layer_id, shape[1], MPI_INT, 0, MPI_COMM_WORLD);
  for (int w = 0; w < shape[0]; w++)
    MPI_Bcast(r->loads->load + (size_t)w * (size_t)shape[1] * (size_t)shape[2], shape[1] * shape[2], MPI_DOUBLE, 0,
              MPI_COMM_WORLD);
  return EPLB_SUCCESS;
}

/* Loads are counted as whole tokens. If all loads are integers they are used directly, else scaled so that the largest
 * is 10^9. */
static double find_scale(const eplb_loads_t *loads) {
  size_t values = (size_t)loads->num_windows * (size_t)loads->num_layers * (size_t)loads->num_experts;
  double largest = 0;
  int whole = 1;
  for (size_t i = 0; i < values; i++) {
    largest = fmax(largest, loads->load[i]);
    whole &= floor(loads->load[i]) >= loads->load[i];
  }
  return whole || largest <= 0 ? 1 : 1e9 / largest;
}

static int slots_per_rank(const run_t *r) {
  return job_slots_per_rank(&r->options->job, r->loads->num_experts, r->num_ranks);
}

/* ---- the session ---- */

static eplb_status_t inject(void *arg, eplb_step_t step, void *bytes, size_t size) {
  run_t *r = arg;
  if ((int)step != r->options->inject_step || r->rank != r->options->inject_rank)
    return EPLB_SUCCESS;
  r->injected = 1;
  if (!r->options->inject_damage)
    return eplb_fail(EPLB_ERR_INTERNAL, "a failure injected by --inject");
  ((char *)bytes)[size / 2] ^= 1;
  return EPLB_SUCCESS;
}

/* The bar goes on within a round, too. */
static void show_progress(void *arg, int64_t arrived, int64_t all) {
  enum { STEPS = 1000 }; /* of a round */
  const run_t *r = arg;
  if (r->rank == 0 && all > 0)
    tool_progress("rebalancing", (int64_t)r->played * STEPS + arrived * STEPS / all, (int64_t)r->count * STEPS);
}

/* The topology that is planned for: detected, or with --nodes declared. */
static eplb_status_t detect_topology(run_t *r, eplb_topology_t **declared) {
  if (r->options->job.slots && r->options->job.slots < r->loads->num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "--slots is %d for %s; every expert needs one", r->options->job.slots,
                     eplb_count(r->loads->num_experts, "expert"));
  eplb_status_t status = eplb_machine_detect(MPI_COMM_WORLD, slots_per_rank(r), &r->machine);
  if (status || !r->options->job.nodes)
    return status;
  r->topology_declared = 1;
  int nodes = r->options->job.nodes < r->num_ranks ? r->options->job.nodes : r->num_ranks;
  return eplb_agree_world(eplb_topology_declare(nodes, r->num_ranks, slots_per_rank(r), declared));
}

static eplb_status_t create_session(run_t *r) {
  eplb_topology_t *declared = NULL;
  eplb_status_t status = detect_topology(r, &declared);
  if (status)
    return status;
  eplb_session_options_t o = r->options->moving.session;
  o.num_layers = r->loads->num_layers;
  o.num_experts = r->loads->num_experts;
  o.topology = declared ? declared : r->machine->topology;
  o.fault = inject;
  o.fault_arg = r;
  o.progress = show_progress;
  o.progress_arg = r;
  status = eplb_session_create(MPI_COMM_WORLD, &o, &r->session);
  eplb_topology_destroy(&declared);
  return status;
}

static eplb_status_t load_weights(run_t *r) {
  r->topology = eplb_session_topology(r->session);
  eplb_plan_options_init(&r->plan);
  eplb_status_t status = eplb_session_plan_options(r->session, &r->plan);
  if (!status)
    status = weights_create(r->loads->num_layers, slots_per_rank(r), 0, (size_t)r->options->moving.expert_bytes, NULL,
                            &r->weights);
  status = eplb_agree_world(status ? status : weights_register(&r->weights, r->session));
  if (!status)
    weights_fill(&r->weights, eplb_session_placement(r->session), r->topology, r->rank);
  return status;
}

/* ---- a round ---- */

/* This rank's part of the window's tokens: parts that add up, as even as they can be. */
static eplb_status_t record_window(const run_t *r, int window, int64_t *count) {
  const double *load = eplb_loads_window(r->loads, window);
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < r->loads->num_layers && !status; l++) {
    for (int e = 0; e < r->loads->num_experts; e++) {
      int64_t tokens = (int64_t)(load[(size_t)l * (size_t)r->loads->num_experts + (size_t)e] * r->scale);
      count[e] = tokens / r->num_ranks + (r->rank < tokens % r->num_ranks);
    }
    status = eplb_session_record(r->session, l, count);
  }
  return status;
}

/* Every byte of every slot that this rank holds, and what all ranks found. */
static void check_weights(const run_t *r, run_round_t *round) {
  double since = MPI_Wtime();
  int layer = 0, slot = 0;
  int64_t own[2] = {0, 0}, all[2];
  own[0] = weights_count_wrong(&r->weights, eplb_session_placement(r->session), r->topology, r->rank, &layer, &slot);
  own[1] = (int64_t)r->weights.num_layers * r->weights.num_slots * r->options->moving.expert_bytes;
  MPI_Allreduce(own, all, 2, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  round->wrong = all[0];
  round->checked = all[1];
  int found = own[0] ? r->rank : r->num_ranks, where[3];
  MPI_Allreduce(&found, &where[0], 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (round->wrong) {
    where[1] = layer;
    where[2] = slot;
    MPI_Bcast(&where[1], 2, MPI_INT, where[0], MPI_COMM_WORLD);
    round->wrong_rank = where[0];
    round->wrong_layer = where[1];
    round->wrong_slot = where[2];
  }
  round->milliseconds[RUN_CHECK] = (MPI_Wtime() - since) * 1e3;
}

/* The slowest rank's times, and the largest staging. */
static void gather_extremes(run_round_t *round) {
  const eplb_report_t *p = &round->report;
  double own[RUN_PHASES] = {p->seconds_reduce * 1e3,       p->seconds_plan * 1e3,    p->seconds_broadcast * 1e3,
                            p->seconds_derive * 1e3,       p->seconds_migrate * 1e3, p->seconds_verify * 1e3,
                            round->milliseconds[RUN_CHECK]};
  MPI_Allreduce(own, round->milliseconds, RUN_PHASES, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  int64_t staging = (int64_t)p->staging_peak;
  MPI_Allreduce(&staging, &round->staging_peak, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
}

static double balance_on(const run_t *r, int window) {
  int layers = r->loads->num_layers;
  const double *load = window < 0 ? NULL : eplb_loads_window(r->loads, window);
  if (!load || eplb_loads_idle_layers(layers, r->loads->num_experts, load) == layers)
    return NAN;
  return eplb_balancedness_mean(r->topology, eplb_session_placement(r->session), load, NULL);
}

static eplb_status_t run_round(const run_t *r, int64_t *count, run_round_t *round) {
  round->now_before = balance_on(r, round->window);
  round->next_before = balance_on(r, round->next);
  eplb_status_t status = eplb_agree_world(record_window(r, round->window, count));
  if (!status)
    eplb_report_init(&round->report);
  status = eplb_rebalance(r->session, &round->report);
  round->now_after = balance_on(r, round->window);
  round->next_after = balance_on(r, round->next);
  round->digest = eplb_placement_digest(eplb_session_placement(r->session));
  check_weights(r, round);
  gather_extremes(round);
  return status;
}

static eplb_status_t run_rounds(run_t *r, run_round_t *rounds) {
  int64_t *tokens = EPLB_NEW(int64_t, r->loads->num_experts);
  eplb_status_t status = eplb_agree_world(tokens ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  int windows = r->loads->num_windows;
  for (; r->played < r->count && !status; r->played++) {
    int k = r->played;
    run_round_t *round = &rounds[k];
    *round = (run_round_t){.window = k % windows, .next = k + 1 < windows ? k + 1 : -1};
    if (r->count > windows)
      round->next = (k + 1) % windows; /* it goes round */
    show_progress(r, 0, 1);
    status = run_round(r, tokens, round);
    if (r->rank == 0)
      tool_progress("rebalancing", 1, 1);
    if (r->rank == 0 && (!status || round->wrong))
      run_print_round(r, k + 1, round);
    if (round->wrong && !status)
      status = eplb_fail(EPLB_ERR_CORRUPT, "wrong weights: %lld of %s, the first in layer %d, slot %d, of rank %d",
                         (long long)round->wrong, eplb_count(round->checked, "byte"), round->wrong_layer,
                         round->wrong_slot, round->wrong_rank);
  }
  free(tokens);
  return status;
}

/* ---- the whole ---- */

static eplb_status_t prepare_run(run_t *r) {
  if (r->options->inject_rank >= r->num_ranks)
    return eplb_fail(EPLB_ERR_ARGUMENT, "--inject names rank %d; expected 0 to %d", r->options->inject_rank,
                     r->num_ranks - 1);
  eplb_status_t status = share_loads(r);
  if (status)
    return status;
  r->scale = find_scale(r->loads);
  status = create_session(r);
  return status ? status : load_weights(r);
}

/* A test of failures that never fails must not pass for one that succeeded. */
static eplb_status_t check_injected(const run_t *r) {
  int any = r->injected;
  if (r->options->inject_step < 0)
    return EPLB_SUCCESS;
  MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return any ? EPLB_SUCCESS
             : eplb_fail(EPLB_ERR_ARGUMENT,
                         "--inject: rank %d did not reach this step in %s; expected a step that it reaches",
                         r->options->inject_rank, eplb_count(r->played, "round"));
}

static int run_all(run_t *r) {
  eplb_status_t status = prepare_run(r);
  run_round_t *rounds = NULL;
  if (!status) {
    r->count = r->options->job.rounds ? r->options->job.rounds : r->loads->num_windows < 8 ? r->loads->num_windows : 8;
    rounds = EPLB_NEW(run_round_t, r->count);
    status = eplb_agree_world(rounds ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  }
  if (!status) {
    if (r->rank == 0)
      run_print_start(r);
    status = run_rounds(r, rounds);
  }
  if (r->rank == 0 && status)
    tool_report(status);
  if (r->rank == 0 && r->played)
    run_print_end(r, rounds, r->played, status == EPLB_SUCCESS);
  free(rounds);
  if (status)
    return tool_exit_status(status);
  status = check_injected(r);
  if (r->rank == 0 && status)
    tool_report(status);
  return tool_exit_status(status);
}

int command_run(int argc, char **argv) {
  run_options_t options;
  run_parse(argc, argv, &options);
  int exit_status = tool_mpi_start(&argc, &argv);
  if (exit_status)
    return exit_status;
  run_t r = {.options = &options};
  MPI_Comm_rank(MPI_COMM_WORLD, &r.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &r.num_ranks);
  exit_status = run_all(&r);
  eplb_session_destroy(&r.session);
  weights_free(&r.weights);
  eplb_machine_destroy(&r.machine);
  eplb_loads_destroy(&r.loads);
  MPI_Finalize();
  return exit_status;
}
