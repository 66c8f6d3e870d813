/* Runs one policy over a recording: plans from the windows seen so far, scores on the next window. */
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/plan/planning_step.h"
#include "core/util/alloc.h"
#include "core/util/random.h"
#include "tools/common/current_placement.h"
#include "tools/common/human.h"
#include "tools/replay/replay.h"
#include <math.h>
#include <string.h>
#include <time.h>

/* The state of a policy's run. */
typedef struct way {
  replay_run_t *run;
  eplb_history_t *history;
  eplb_placement_t *placement; /* NULL before the first plan */
  eplb_deriver_t *deriver;
  eplb_transfers_t transfers;
  eplb_dispatch_t *dispatch; /* of `placement`, where shares are used */
  double *balance;           /* [num_layers] */
  double *load;              /* [num_experts]: the batch that is scored */
  double *below;             /* [num_experts]: sums of loads up to each expert */
  int64_t *count;            /* [num_experts] */
  float *share;              /* [num_slots] */
  double *time;              /* [num_devices] */
} way_t;

int replay_first(const replay_options_t *options, const eplb_loads_t *loads) {
  int last = loads->num_windows - 1;
  return options->warmup < last ? options->warmup : last;
}

/* ---- scoring ---- */

/* The window's layer itself, or a batch drawn from it: the same one for every policy. */
static void take_batch(way_t *w, int window, int layer) {
  const eplb_loads_t *l = w->run->loads;
  int n = l->num_experts, batch = w->run->options->batch_tokens;
  const double *load = eplb_loads_window(l, window) + (size_t)layer * (size_t)n;
  uint64_t state = w->run->options->seed + ((uint64_t)window << 32) + (uint64_t)layer;
  double total = 0;
  memcpy(w->load, load, (size_t)n * sizeof *load);
  for (int e = 0; e < n; e++)
    w->below[e] = total += load[e];
  if (batch == 0 || !(total > 0))
    return;
  memset(w->load, 0, (size_t)n * sizeof *load);
  for (int i = 0; i < batch; i++) {
    double at = eplb_random_uniform(&state) * total;
    int low = 0, high = n - 1;
    while (low < high) {
      int middle = (low + high) / 2;
      if (w->below[middle] > at)
        high = middle;
      else
        low = middle + 1;
    }
    w->load[low]++;
  }
}

/* Mean over largest time when the batch is divided by its own shares. */
static eplb_status_t score_shares(way_t *w, int layer, double *balance) {
  const eplb_topology_t *t = w->run->topology;
  const eplb_placement_t *p = w->placement;
  const int32_t *begin = p->replica_begin + (size_t)layer * ((size_t)p->num_experts + 1);
  const int32_t *slot = p->replica_slot + (size_t)layer * (size_t)p->num_slots;
  double total = 0, speed = 0, largest = 0;
  for (int e = 0; e < p->num_experts; e++)
    total += w->load[e];
  double scale =
      total > 0 && total < 1e9 ? 1e9 / total : 1; /* so that loads that are no whole numbers stay what they are */
  for (int e = 0; e < p->num_experts; e++)
    w->count[e] = (int64_t)(w->load[e] * scale);
  eplb_status_t status = eplb_dispatch_shares(w->dispatch, layer, w->count, w->share);
  if (status)
    return status;
  memset(w->time, 0, (size_t)t->num_devices * sizeof *w->time);
  for (int e = 0; e < p->num_experts; e++)
    for (int32_t k = begin[e]; k < begin[e + 1]; k++)
      w->time[eplb_topology_device_of_slot(t, slot[k])] += w->load[e] * (double)w->share[k];
  for (int d = 0; d < t->num_devices; d++) {
    speed += t->speed[d];
    largest = w->time[d] / t->speed[d] > largest ? w->time[d] / t->speed[d] : largest;
  }
  *balance = largest > 0 ? total / speed / largest : 1;
  return EPLB_SUCCESS;
}

static int ascending_loads(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static eplb_status_t score_window(way_t *w, int window, replay_step_t *step) {
  const eplb_loads_t *loads = w->run->loads;
  const double *load = eplb_loads_window(loads, window);
  int scored = 0;
  double sum = 0;
  eplb_status_t status = EPLB_SUCCESS;
  step->worst = INFINITY;
  for (int l = 0; l < loads->num_layers && !status; l++, load += loads->num_experts) {
    double *balance = &w->balance[scored];
    if (eplb_loads_idle_layers(1, loads->num_experts, load))
      continue;
    take_batch(w, window, l);
    if (w->run->with_shares)
      status = score_shares(w, l, balance);
    else
      *balance = eplb_balancedness(w->run->topology, w->placement, l, w->load);
    sum += *balance;
    scored++;
    if (*balance < step->worst) {
      step->worst = *balance;
      step->worst_layer = l;
    }
  }
  step->idle_layers = loads->num_layers - scored;
  qsort(w->balance, (size_t)scored, sizeof *w->balance, ascending_loads);
  step->mean = scored ? sum / scored : NAN;
  step->p10 = scored ? w->balance[scored / 10] : NAN;
  step->worst = scored ? step->worst : NAN;
  return status;
}

/* ---- planning ---- */

static eplb_status_t count_policy_moves(way_t *w, const eplb_placement_t *before, replay_step_t *step) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < w->run->loads->num_layers && !status; l++) {
    status = eplb_derive_layer(w->deriver, eplb_placement_row(before, l), eplb_placement_row(w->placement, l), l, 1,
                               &w->transfers);
    for (int64_t i = 0; i < w->transfers.count; i++) {
      step->moves += w->transfers.transfer[i].link != EPLB_LINK_DEVICE;
      step->across += w->transfers.transfer[i].link == EPLB_LINK_NETWORK;
    }
  }
  return status;
}

/* After a window with this load, by the history before it: from scratch, or as a session plans. */
static eplb_status_t plan_after(const way_t *w, const double *load, eplb_placement_t **after) {
  const replay_run_t *run = w->run;
  eplb_windows_t windows = {.size = sizeof windows};
  if (!w->placement || run->options->from_scratch) {
    eplb_status_t status = eplb_history_with(w->history, load, &windows);
    return status ? status : eplb_plan(&run->plan, run->topology, &windows, NULL, after);
  }
  const eplb_planning_step_t step = {
      .options = &run->plan, .topology = run->topology, .history = w->history, .load = load, .current = w->placement};
  eplb_status_t status = eplb_placement_copy(w->placement, after);
  if (!status)
    status = eplb_planning_step_plan(&step, (eplb_layers_t){0, run->loads->num_layers}, *after);
  if (status)
    eplb_placement_destroy(after);
  return status;
}

/* A new placement in place of the old one. */
static eplb_status_t plan_window(way_t *w, const double *load, replay_step_t *step) {
  eplb_placement_t *before = w->placement, *after = NULL;
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  eplb_status_t status = plan_after(w, load, &after);
  clock_gettime(CLOCK_MONOTONIC, &to);
  if (status)
    return status;
  step->milliseconds = 1e3 * (double)(to.tv_sec - from.tv_sec) + 1e-6 * (double)(to.tv_nsec - from.tv_nsec);
  w->placement = after;
  step->digest = eplb_placement_digest(after);
  if (before)
    status = count_policy_moves(w, before, step);
  eplb_dispatch_destroy(&w->dispatch);
  eplb_placement_destroy(&before);
  if (!status && w->run->with_shares)
    status = eplb_dispatch_create(w->run->topology, w->placement, &w->dispatch);
  return status;
}

static eplb_status_t read_current(way_t *w) {
  const replay_options_t *o = w->run->options;
  const current_question_t question = {o->current, o->recording.loads, w->run->loads, w->run->topology};
  return read_current_placement(&question, &w->placement);
}

static eplb_status_t prepare_replay(way_t *w) {
  const eplb_loads_t *l = w->run->loads;
  size_t experts = (size_t)l->num_experts;
  w->run->step = EPLB_NEW(replay_step_t, l->num_windows);
  w->balance = EPLB_NEW(double, l->num_layers);
  w->load = EPLB_NEW(double, experts);
  w->below = EPLB_NEW(double, experts);
  w->count = EPLB_NEW(int64_t, experts);
  w->share = EPLB_NEW(float, eplb_topology_num_slots(w->run->topology));
  w->time = EPLB_NEW(double, w->run->topology->num_devices);
  if (!w->run->step || !w->balance || !w->load || !w->below || !w->count || !w->share || !w->time)
    return EPLB_ERR_MEMORY;
  eplb_status_t status = eplb_deriver_create(w->run->topology, l->num_experts, &w->deriver);
  if (!status && w->run->options->current)
    status = read_current(w);
  else if (!status && w->run->options->as_session)
    status = eplb_placement_create_linear(l->num_layers, l->num_experts, eplb_topology_num_slots(w->run->topology),
                                          &w->placement);
  return status ? status
                : eplb_history_create(l->num_layers, l->num_experts, w->run->options->history, EPLB_HISTORY_DECAY,
                                      &w->history);
}

static void end_policy(way_t *w) {
  eplb_dispatch_destroy(&w->dispatch);
  eplb_placement_destroy(&w->placement);
  eplb_history_destroy(&w->history);
  eplb_deriver_destroy(&w->deriver);
  eplb_transfers_free(&w->transfers);
  free(w->balance);
  free(w->load);
  free(w->below);
  free(w->count);
  free(w->share);
  free(w->time);
}

eplb_status_t replay_policy(replay_run_t *run, int done, int all) {
  way_t w = {.run = run};
  int windows = run->loads->num_windows, first = replay_first(run->options, run->loads);
  eplb_status_t status = prepare_replay(&w);
  for (int next = 1; next < windows && !status; next++) {
    replay_step_t step = {0};
    const double *load = eplb_loads_window(run->loads, next - 1);
    if (next >= first || run->options->as_session)
      status = plan_window(&w, load, &step);
    if (!status)
      status = eplb_history_add(w.history, load);
    if (!status && next >= first)
      status = score_window(&w, next, &step);
    run->step[next] = step;
    tool_progress(eplb_plan_name("planner", (int)run->plan.planner), done + next + 1, all);
  }
  tool_progress("", all, all);
  end_policy(&w);
  return status;
}

replay_step_t replay_summary(const replay_run_t *run) {
  int first = replay_first(run->options, run->loads), scored = run->loads->num_windows - first;
  replay_step_t all = {.worst = INFINITY, .idle_layers = run->loads->num_layers};
  int with_load = 0;
  for (int i = first; i < run->loads->num_windows; i++) {
    const replay_step_t *s = &run->step[i];
    all.idle_layers = s->idle_layers < all.idle_layers ? s->idle_layers : all.idle_layers;
    all.moves += s->moves;
    all.across += s->across;
    all.milliseconds += s->milliseconds / scored;
    if (isnan(s->mean))
      continue;
    with_load++;
    all.mean += s->mean;
    all.p10 += s->p10;
    if (s->worst < all.worst) {
      all.worst = s->worst;
      all.worst_layer = s->worst_layer;
    }
  }
  all.mean = with_load ? all.mean / with_load : NAN;
  all.p10 = with_load ? all.p10 / with_load : NAN;
  all.worst = with_load ? all.worst : NAN;
  return all;
}
