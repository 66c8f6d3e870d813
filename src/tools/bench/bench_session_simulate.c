/* A session of many ranks in one process: what each of them does, one after the other, by the functions that sessions
 * call. */
#include "core/model/placement.h"
#include "core/plan/planning_step.h"
#include "core/plan/planning_work.h"
#include "core/transfer/changed_slots.h"
#include "core/util/alloc.h"
#include "mpi/comm/compare.h"
#include "mpi/migrate/migration_plan.h"
#include "mpi/migrate/transport.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_session.h"
#include "tools/common/human.h"

typedef struct simulation {
  session_run_t *run;
  eplb_history_t *history;
  eplb_placement_t *current, *after, *taken; /* of rank 0; `taken` is that of another rank */
  int32_t *changes;
  eplb_tensors_t *layer; /* [num_layers] */
} simulation_t;

static eplb_status_t prepare_simulation(simulation_t *s) {
  const eplb_loads_t *l = s->run->loads;
  double bytes = s->run->options->recording.expert_bytes;
  eplb_status_t status = eplb_placement_create_linear(l->num_layers, l->num_experts,
                                                      eplb_topology_num_slots(s->run->topology), &s->current);
  if (!status)
    status =
        eplb_history_create(l->num_layers, l->num_experts, s->run->options->history, EPLB_HISTORY_DECAY, &s->history);
  if (status)
    return status;
  s->run->window = EPLB_NEW(session_window_t, l->num_windows - 1);
  s->changes = EPLB_NEW(int32_t, eplb_changed_slots_room(s->current));
  s->layer = EPLB_NEW(eplb_tensors_t, l->num_layers);
  if (!s->run->window || !s->changes || !s->layer)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < l->num_layers; i++)
    s->layer[i].expert_bytes = s->layer[i].staged_bytes = bytes > 0 ? (size_t)bytes : 1;
  return EPLB_SUCCESS;
}

static void end_simulation(simulation_t *s) {
  eplb_placement_destroy(&s->current);
  eplb_placement_destroy(&s->after);
  eplb_placement_destroy(&s->taken);
  eplb_history_destroy(&s->history);
  free(s->changes);
  free(s->layer);
}

/* Each planning rank in turn. */
static eplb_status_t plan_in_parts(simulation_t *s, const double *load, session_window_t *w) {
  const session_run_t *run = s->run;
  const eplb_planning_step_t step = {
      .options = &run->plan, .topology = run->topology, .history = s->history, .load = load, .current = s->current};
  eplb_status_t status = eplb_placement_copy(s->current, &s->after);
  for (int part = 0; part < run->num_planning && !status; part++) {
    double since = bench_core_seconds();
    status =
        eplb_planning_step_plan(&step, eplb_layers_of_part(run->loads->num_layers, run->num_planning, part), s->after);
    double seconds = bench_core_seconds() - since;
    w->plan_seconds = seconds > w->plan_seconds ? seconds : w->plan_seconds;
  }
  return status;
}

/* What rank 0 lists, and what another rank makes of that: it must be the same maps. */
static eplb_status_t spread_map(simulation_t *s, session_window_t *w) {
  size_t length = 0;
  eplb_status_t status = eplb_placement_copy(s->current, &s->taken);
  if (status)
    return status;
  double since = bench_core_seconds();
  for (int l = 0; l < s->after->num_layers; l++)
    length = eplb_changed_slots_add(s->current, s->after, l, s->changes, length);
  uint64_t hash = eplb_hash_placement(s->after);
  status = eplb_changed_slots_take(s->changes, length, s->taken);
  if (!status && eplb_hash_placement(s->taken) != hash)
    status = eplb_fail(EPLB_ERR_INTERNAL, "the maps that a rank makes of the changes differ from those of rank 0");
  w->map_seconds = bench_core_seconds() - since;
  w->map_bytes = (int64_t)(length * sizeof *s->changes);
  w->digest = eplb_placement_digest(s->after);
  return status;
}

/* The rank in the middle: each derives all transfers, and keeps its own. */
static eplb_status_t derive_for_a_rank(simulation_t *s, session_window_t *w) {
  static const struct eplb_transport *const transports[] = {&eplb_transport_mpi, NULL};
  const session_run_t *run = s->run;
  const eplb_migrate_context_t context = {.rank = run->topology->num_devices / 2,
                                          .num_ranks = run->topology->num_devices,
                                          .topology = run->topology,
                                          .num_layers = run->loads->num_layers,
                                          .num_experts = run->loads->num_experts,
                                          .layer = s->layer,
                                          .chunk_bytes = 4 << 20,
                                          .transport = transports};
  eplb_migration_plan_t plan = {0};
  double since = bench_core_seconds();
  eplb_status_t status = eplb_migration_plan_derive(&context, s->current, s->taken, &plan);
  w->derive_seconds = bench_core_seconds() - since;
  for (int u = 0; u < plan.num_units && !status; u++) {
    w->across += plan.unit[u].transfers[EPLB_LINK_NETWORK];
    w->moves += plan.unit[u].transfers[EPLB_LINK_NETWORK] + plan.unit[u].transfers[EPLB_LINK_NODE];
  }
  w->moved_bytes = w->moves * (int64_t)s->layer[0].expert_bytes;
  eplb_migration_plan_free(&plan);
  return status;
}

static eplb_status_t rebalance_after(simulation_t *s, int window, session_window_t *w) {
  const eplb_loads_t *l = s->run->loads;
  const double *load = eplb_loads_window(l, window);
  eplb_status_t status = plan_in_parts(s, load, w);
  if (!status)
    status = spread_map(s, w);
  if (!status)
    status = derive_for_a_rank(s, w);
  if (!status)
    status = eplb_history_add(s->history, load);
  if (status)
    return status;
  w->now = eplb_balancedness_mean(s->run->topology, s->after, load, NULL);
  w->next = eplb_balancedness_mean(s->run->topology, s->after, eplb_loads_window(l, window + 1), NULL);
  eplb_placement_destroy(&s->current);
  eplb_placement_destroy(&s->taken);
  s->current = s->after;
  s->after = NULL;
  return EPLB_SUCCESS;
}

eplb_status_t session_simulate(session_run_t *run) {
  simulation_t s = {.run = run};
  int rebalances = run->loads->num_windows - 1;
  run->num_planning =
      eplb_planning_num_ranks(&run->plan, run->topology, run->loads->num_layers, run->options->plan_ranks);
  eplb_status_t status = prepare_simulation(&s);
  for (int w = 0; w < rebalances && !status; w++) {
    status = rebalance_after(&s, w, &run->window[w]);
    tool_progress(eplb_plan_name("planner", (int)run->plan.planner), w + 1, rebalances + 1);
  }
  tool_progress("", 1, 1);
  end_simulation(&s);
  return status;
}
