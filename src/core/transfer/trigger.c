/* When to rebalance: only if the saving exceeds the cost by a factor (hysteresis), and at least so many windows after
 * the last one. See payback.c for both. */
#include "core/util/alloc.h"
#include <eplb/trigger.h>
#include <math.h>
#include <stdio.h>

void eplb_trigger_init(eplb_trigger_t *trigger) {
  *trigger = (eplb_trigger_t){.size = sizeof *trigger, .min_windows = 1, .hysteresis = 1.5};
}

static eplb_status_t check(const eplb_trigger_t *t, const eplb_payback_t *p, const eplb_placement_t *before,
                           const eplb_placement_t *after, const eplb_windows_t *windows) {
  if (!t || t->size != sizeof *t || !p || p->size != sizeof *p)
    return eplb_fail(EPLB_ERR_ARGUMENT, "trigger or payback not initialised; expected eplb_trigger_init and "
                                        "eplb_payback_init to have been called");
  if (t->min_windows < 1 || !(t->hysteresis >= 1 && t->hysteresis < INFINITY))
    return eplb_fail(EPLB_ERR_ARGUMENT, "min_windows is %d and hysteresis %g; expected 1 or more of each",
                     t->min_windows, t->hysteresis);
  if (!before || !after)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", before ? "after" : "before");
  if (before->num_layers != after->num_layers || before->num_experts != after->num_experts ||
      before->num_slots != after->num_slots)
    return eplb_fail(EPLB_ERR_SHAPE, "placements of %d x %d experts in %d slots and %d x %d in %d; expected the same",
                     before->num_layers, before->num_experts, before->num_slots, after->num_layers, after->num_experts,
                     after->num_slots);
  return eplb_windows_check(before->num_layers, before->num_experts, windows);
}

static void score(const eplb_payback_t *payback, const eplb_topology_t *topology, const eplb_placement_t *before,
                  const eplb_placement_t *after, const eplb_windows_t *windows, eplb_decision_t *d) {
  double all = 0;
  for (int k = 0; k < windows->num_windows; k++)
    all += windows->weight[k];
  for (int k = 0; k < windows->num_windows; k++) {
    double part = windows->weight[k] / all;
    d->balance_before += part * eplb_balancedness_mean(topology, before, windows->load[k], NULL);
    d->balance_after += part * eplb_balancedness_mean(topology, after, windows->load[k], NULL);
    for (int l = 0; l < before->num_layers; l++)
      d->saved_seconds += part * eplb_payback_gain(payback, topology, before, after, l,
                                                   windows->load[k] + (size_t)l * (size_t)before->num_experts);
  }
}

static eplb_status_t price(const eplb_payback_t *payback, const eplb_topology_t *topology,
                           const eplb_placement_t *before, const eplb_placement_t *after, eplb_decision_t *d) {
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  double *scratch = EPLB_NEW(double, 2 * (size_t)topology->num_devices);
  eplb_status_t status = scratch ? eplb_deriver_create(topology, before->num_experts, &deriver) : EPLB_ERR_MEMORY;
  for (int l = 0; l < before->num_layers && !status; l++) {
    status = eplb_derive_layer(deriver, before, after, l, 1, &list);
    if (!status)
      d->cost_seconds += eplb_payback_cost(payback, topology, &list, scratch);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  free(scratch);
  return status;
}

static void decide(const eplb_trigger_t *t, const eplb_payback_t *payback, int windows_since, eplb_decision_t *d) {
  if (windows_since < t->min_windows) {
    snprintf(d->reason, sizeof d->reason, "stay: %d window%s since the last rebalance, at least %d wanted",
             windows_since, windows_since == 1 ? "" : "s", t->min_windows);
    return;
  }
  d->rebalance = d->saved_seconds > 0 && d->saved_seconds > t->hysteresis * d->cost_seconds;
  snprintf(d->reason, sizeof d->reason,
           "%s: saves %.3g ms in %g window%s, moving takes %.3g ms, %g times that is wanted; balance %.3f -> %.3f",
           d->rebalance ? "rebalance" : "stay", d->saved_seconds * 1e3, payback->windows,
           payback->windows > 1 ? "s" : "", d->cost_seconds * 1e3, t->hysteresis, d->balance_before, d->balance_after);
}

eplb_status_t eplb_trigger_decide(const eplb_trigger_t *trigger, const eplb_payback_t *payback,
                                  const eplb_topology_t *topology, const eplb_placement_t *before,
                                  const eplb_placement_t *after, const eplb_windows_t *windows, int windows_since,
                                  eplb_decision_t *decision) {
  eplb_decision_t d = {0};
  eplb_status_t status = check(trigger, payback, before, after, windows);
  if (!status && (!topology || eplb_topology_num_slots(topology) != before->num_slots))
    status = eplb_fail(EPLB_ERR_SHAPE, "placements of %d slots for a topology of %d; expected the same",
                       before->num_slots, topology ? eplb_topology_num_slots(topology) : 0);
  if (!status)
    status = price(payback, topology, before, after, &d);
  if (status)
    return status;
  score(payback, topology, before, after, windows, &d);
  decide(trigger, payback, windows_since, &d);
  *decision = d;
  return EPLB_SUCCESS;
}
