/* When to rebalance: only if the saving exceeds the cost by a factor (hysteresis), and at least so many windows after
 * the last one. See payback.c for both. */
#include "core/transfer/trigger.h"
#include "core/model/forecast.h"
#include "core/model/placement.h"
#include "core/transfer/payback.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/sized.h"
#include <limits.h>
#include <stdio.h>

static const eplb_option_t rows[] = {
    {"trigger", "min_windows", "WINDOWS", "least number of windows from one rebalance to the next", EPLB_OPTION_INTEGER,
     offsetof(eplb_trigger_t, min_windows), 1, INT_MAX, 0, 1, NULL, ~0u, 1},
    {"trigger", "hysteresis", "X", "rebalance only if it saves X times the time that moving takes", EPLB_OPTION_REAL,
     offsetof(eplb_trigger_t, hysteresis), 1, 1e300, 0, 1.5, NULL, ~0u, 1},
};

const eplb_option_table_t eplb_trigger_table = {"trigger options", "eplb_trigger_init", sizeof(eplb_trigger_t),
                                                sizeof rows / sizeof *rows, rows};

void eplb_trigger_init_size(eplb_trigger_t *trigger, size_t size) {
  eplb_option_table_init(&eplb_trigger_table, trigger, size);
}

static eplb_status_t check_change(const eplb_placement_change_t *c) {
  const eplb_placement_t *before = c->before, *after = c->after;
  if (!before || !after || !c->topology)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", !before ? "before" : !after ? "after" : "topology");
  if (before->num_layers != after->num_layers || before->num_experts != after->num_experts ||
      before->num_slots != after->num_slots)
    return eplb_fail(EPLB_ERR_SHAPE, "placements of %d x %s in %s and %d x %d in %d; expected the same",
                     before->num_layers, eplb_count(before->num_experts, "expert"),
                     eplb_count(before->num_slots, "slot"), after->num_layers, after->num_experts, after->num_slots);
  if (c->windows_since < 0)
    return eplb_fail(EPLB_ERR_ARGUMENT, "windows_since is %d; expected 0 or more", c->windows_since);
  if (c->windows->num_layers != before->num_layers || c->windows->num_experts != before->num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "windows of %d x %s and placements of %d x %d; expected the same",
                     c->windows->num_layers, eplb_count(c->windows->num_experts, "expert"), before->num_layers,
                     before->num_experts);
  if (eplb_topology_num_slots(c->topology) != before->num_slots)
    return eplb_fail(EPLB_ERR_SHAPE, "placements of %s for a topology of %d; expected the same",
                     eplb_count(before->num_slots, "slot"), eplb_topology_num_slots(c->topology));
  return EPLB_SUCCESS;
}

/* Copies of the arguments, which may be of older versions. */
typedef struct arguments {
  eplb_trigger_t trigger;
  eplb_payback_t payback;
  eplb_placement_change_t change;
  eplb_windows_t windows;
} arguments_t;

static eplb_status_t take_trigger(const eplb_trigger_t *given, arguments_t *own) {
  eplb_trigger_init(&own->trigger);
  eplb_status_t status = eplb_option_table_take(&eplb_trigger_table, given, &own->trigger);
  if (!status)
    status = eplb_option_table_check(&eplb_trigger_table, &own->trigger);
  if (!status && !own->trigger.payback)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "the trigger's payback is NULL; expected what moves cost and balance saves");
  if (!status)
    status = eplb_payback_take_whole(own->trigger.payback, &own->payback);
  own->trigger.payback = &own->payback;
  return status;
}

static eplb_status_t take_change(const eplb_placement_change_t *given, arguments_t *own) {
  eplb_placement_change_init(&own->change);
  eplb_status_t status = eplb_sized_take("placement_change", sizeof own->change, given, &own->change);
  if (!status)
    status = eplb_windows_take(own->change.windows, &own->windows);
  own->change.windows = &own->windows;
  return status ? status : check_change(&own->change);
}

/* What the change saves, over windows by their weights. */
static void add_savings(const eplb_payback_t *payback, const eplb_placement_change_t *c, eplb_decision_t *d) {
  const eplb_windows_t windows = eplb_windows_scaled(c->windows);
  double all = 0;
  for (int k = 0; k < windows.num_windows; k++)
    all += windows.weight[k];
  for (int k = 0; k < windows.num_windows; k++) {
    double part = windows.weight[k] / all;
    d->balance_before += part * eplb_balancedness_mean(c->topology, c->before, windows.load[k], NULL);
    d->balance_after += part * eplb_balancedness_mean(c->topology, c->after, windows.load[k], NULL);
    for (int l = 0; l < c->before->num_layers; l++)
      d->saved_seconds += part * eplb_payback_gain(payback, c->topology, c->before, c->after, l,
                                                   windows.load[k] + (size_t)l * (size_t)c->before->num_experts);
  }
}

static eplb_status_t add_costs(const eplb_payback_t *payback, const eplb_placement_change_t *c, eplb_decision_t *d) {
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  double *scratch = EPLB_NEW(double, 2 * (size_t)c->topology->num_devices);
  eplb_status_t status = scratch ? eplb_deriver_create(c->topology, c->before->num_experts, &deriver) : EPLB_ERR_MEMORY;
  for (int l = 0; l < c->before->num_layers && !status; l++) {
    status = eplb_derive_layer(deriver, eplb_placement_row(c->before, l), eplb_placement_row(c->after, l), l, 1, &list);
    if (!status)
      d->cost_seconds += eplb_payback_cost(payback, c->topology, &list, scratch);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  free(scratch);
  return status;
}

static void decide(const eplb_trigger_t *t, int windows_since, eplb_decision_t *d) {
  double horizon = t->payback->horizon;
  if (windows_since < t->min_windows) {
    snprintf(d->reason, sizeof d->reason, "stay: %d window%s since the last rebalance, at least %d wanted",
             windows_since, eplb_plural(windows_since), t->min_windows);
    return;
  }
  d->rebalance = d->saved_seconds > 0 && d->saved_seconds > t->hysteresis * d->cost_seconds;
  snprintf(d->reason, sizeof d->reason,
           "%s: saves %.3g ms in %g window%s, moving takes %.3g ms, %g times that is wanted; balance %.3f -> %.3f",
           d->rebalance ? "rebalance" : "stay", d->saved_seconds * 1e3, horizon, horizon > 1 ? "s" : "",
           d->cost_seconds * 1e3, t->hysteresis, d->balance_before, d->balance_after);
}

eplb_status_t eplb_trigger_decide(const eplb_trigger_t *trigger, const eplb_placement_change_t *change,
                                  eplb_decision_t *decision) {
  eplb_decision_t d = {0};
  arguments_t own;
  eplb_status_t status = take_trigger(trigger, &own);
  if (!status)
    status = take_change(change, &own);
  if (!status && !decision)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "decision is NULL");
  if (!status)
    status = add_costs(&own.payback, &own.change, &d);
  if (status)
    return status;
  add_savings(&own.payback, &own.change, &d);
  decide(&own.trigger, own.change.windows_since, &d);
  *decision = d;
  return EPLB_SUCCESS;
}
