/* One planning step of a job: plans some of the layers, and decides by the trigger whether the new placement is taken.
 * All callers use these functions, so that they make the same plan. */
#include "core/plan/planning_step.h"
#include "core/model/loads.h"
#include "core/model/placement.h"
#include <string.h>

static int layers_have_load(const eplb_planning_step_t *step, eplb_layers_t layers) {
  size_t experts = (size_t)step->current->num_experts;
  return eplb_loads_idle_layers(layers.count, (int)experts, step->load + (size_t)layers.first * experts) < layers.count;
}

static int any_load(const eplb_planning_step_t *step) {
  return layers_have_load(step, (eplb_layers_t){0, step->current->num_layers});
}

static eplb_windows_t windows_of(const eplb_windows_t *windows, eplb_layers_t layers) {
  eplb_windows_t part = *windows;
  part.num_layers = layers.count;
  for (int k = 0; k < windows->num_windows; k++)
    part.load[k] += (size_t)layers.first * (size_t)windows->num_experts;
  return part;
}

eplb_status_t eplb_planning_step_plan(const eplb_planning_step_t *step, eplb_layers_t layers, eplb_placement_t *after) {
  eplb_windows_t windows = {.size = sizeof windows};
  if (!layers_have_load(step, layers))
    return EPLB_SUCCESS;
  eplb_status_t status = eplb_history_with(step->history, step->load, &windows);
  if (status)
    return status;
  const eplb_windows_t part = windows_of(&windows, layers);
  const eplb_placement_t current = eplb_placement_part(step->current, layers.first, layers.count);
  eplb_placement_t result = eplb_placement_part(after, layers.first, layers.count), *planned;
  status = eplb_plan(step->options, step->topology, &part, &current, &planned);
  if (status)
    return status;
  for (int l = 0; l < layers.count; l++)
    if (layers_have_load(step, (eplb_layers_t){layers.first + l, 1}))
      eplb_placement_copy_layer(planned, &result, l);
  eplb_placement_destroy(&planned);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_planning_step_decide(const eplb_planning_step_t *step, eplb_placement_t *after,
                                        eplb_decision_t *decision) {
  eplb_windows_t windows = {.size = sizeof windows};
  if (!step->trigger)
    return EPLB_SUCCESS;
  if (!any_load(step)) {
    *decision = (eplb_decision_t){0};
    strcpy(decision->reason, "stay: no tokens were counted");
    return EPLB_SUCCESS;
  }
  eplb_status_t status = eplb_history_with(step->history, step->load, &windows);
  const eplb_placement_change_t change = {.size = sizeof change,
                                          .topology = step->topology,
                                          .before = step->current,
                                          .after = after,
                                          .windows = &windows,
                                          .windows_since = step->windows_since};
  if (!status)
    status = eplb_trigger_decide(step->trigger, &change, decision);
  for (int l = 0; l < after->num_layers && !status && !decision->rebalance; l++)
    eplb_placement_copy_layer(step->current, after, l);
  return status;
}
