/* Turns loads of physical slots into loads of logical experts, with the placement under which they were measured: the
 * loads of an expert's replicas are added up. */
#include "core/formats/loads_physical.h"
#include "core/formats/json_value.h"
#include "core/util/count.h"
#include <stdio.h>

enum { PLACE_BYTES = 96 };

static eplb_status_t add_physical_row(eplb_rows_t *rows, const eplb_physical_t *physical, int layer,
                                      const json_t *load) {
  const eplb_placement_t *p = physical->placement;
  const int32_t *map = p->physical_to_logical + (size_t)layer * (size_t)p->num_slots;
  char where[PLACE_BYTES];
  int slots = 0;
  snprintf(where, sizeof where, "%.64s[%d]", physical->where, layer);
  eplb_status_t status = eplb_json_count(physical->name, where, load, "loads of physical experts", &slots);
  if (!status && slots != p->num_slots)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s has %d loads; expected %d, as %s has", physical->name, where, slots,
                       p->num_slots, physical->map_where);
  size_t first = rows->num_loads;
  for (int e = 0; !status && e < p->num_experts; e++)
    status = eplb_rows_add_load(rows, 0);
  for (int s = 0; !status && s < slots; s++) {
    double one;
    status = eplb_json_load_at(physical->name, where, load, s, &one);
    if (!status && map[s] != EPLB_EMPTY)
      rows->load[first + (size_t)map[s]] += one;
    else if (!status && one > 0)
      status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s[%d] is %g, and the slot is empty; expected 0", physical->name, where,
                         s, one);
  }
  return status ? status : eplb_rows_end_row(rows, physical->window, layer, physical->line);
}

eplb_status_t eplb_physical_add(eplb_rows_t *rows, const eplb_physical_t *physical, const json_t *load) {
  int layers, expected = physical->placement->num_layers;
  eplb_status_t status = eplb_json_count(physical->name, physical->where, load, "layers", &layers);
  if (!status && layers != expected)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s has %s; expected %d, as %s has", physical->name, physical->where,
                     eplb_count(layers, "layer"), expected, physical->map_where);
  for (int l = 0; !status && l < layers; l++)
    status = add_physical_row(rows, physical, l, json_array_get(load, (size_t)l));
  return status;
}
