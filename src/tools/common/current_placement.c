/* Reads the placement that --current names and picks the rows of the recording's layers. */
#include "tools/common/current_placement.h"
#include "core/formats/input.h"
#include "core/model/placement.h"
#include "core/util/count.h"
#include <stdlib.h>

/* Whether the recording has numbers of layers from the model, and not just counted them. */
static int has_layer_ids(const eplb_loads_t *loads) {
  for (int l = 0; l < loads->num_layers; l++)
    if (loads->layer_id[l] != l)
      return 1;
  return 0;
}

static int ascending_ids(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

/* The file's row for a layer of the model; -1 where it has none. Without numbers rows are all layers of the model. */
static int find_layer_row(const eplb_placement_file_t *file, int layer) {
  const int *found;
  if (!file->layer_id)
    return layer < file->placement->num_layers ? layer : -1;
  found = bsearch(&layer, file->layer_id, (size_t)file->placement->num_layers, sizeof *found, ascending_ids);
  return found ? (int)(found - file->layer_id) : -1;
}

/* The rows of the recording's layers, by number. */
static eplb_status_t pick_rows(const current_question_t *q, const eplb_placement_file_t *file,
                               eplb_placement_t **picked) {
  const eplb_placement_t *all = file->placement;
  eplb_placement_t *p = NULL;
  eplb_status_t status = eplb_placement_create(q->loads->num_layers, all->num_experts, all->num_slots, &p);
  for (int l = 0; l < q->loads->num_layers && !status; l++) {
    int row = find_layer_row(file, q->loads->layer_id[l]);
    if (row < 0)
      status = eplb_fail(EPLB_ERR_SHAPE, "%s has no row for layer %d of %s", eplb_input_name(q->file),
                         q->loads->layer_id[l], eplb_input_name(q->loads_file));
    else
      for (int s = 0; s < all->num_slots; s++)
        eplb_placement_row(p, l)[s] = eplb_placement_row(all, row)[s];
  }
  if (!status)
    status = eplb_placement_index(p);
  if (status)
    eplb_placement_destroy(&p);
  *picked = p;
  return status;
}

/* By number where both sides have numbers or there are more rows than layers, else by position. */
static eplb_status_t take_file_rows(const current_question_t *q, eplb_placement_file_t *file,
                                    eplb_placement_t **placement) {
  int has_more = file->placement->num_layers > q->loads->num_layers;
  if (has_layer_ids(q->loads) && (file->layer_id || has_more))
    return pick_rows(q, file, placement);
  *placement = file->placement;
  file->placement = NULL;
  return EPLB_SUCCESS;
}

eplb_status_t read_current_placement(const current_question_t *q, eplb_placement_t **placement) {
  int layers = q->loads->num_layers, experts = q->loads->num_experts, slots = eplb_topology_num_slots(q->topology);
  eplb_placement_file_t *file = NULL;
  eplb_status_t status = eplb_placement_read(q->file, &file);
  if (status)
    return status;
  if (file->num_devices && file->num_devices != q->topology->num_devices)
    status = eplb_fail(EPLB_ERR_SHAPE, "%s is for %s; expected %d", eplb_input_name(q->file),
                       eplb_count(file->num_devices, "GPU"), q->topology->num_devices);
  if (!status)
    status = take_file_rows(q, file, placement);
  const eplb_placement_t *p = *placement;
  if (!status && (p->num_layers != layers || p->num_experts != experts || p->num_slots != slots))
    status = eplb_fail(EPLB_ERR_SHAPE, "%s has %s of %s in %s; expected %d of %d in %d", eplb_input_name(q->file),
                       eplb_count(p->num_layers, "layer"), eplb_count(p->num_experts, "expert"),
                       eplb_count(p->num_slots, "slot"), layers, experts, slots);
  eplb_placement_file_destroy(&file);
  return status;
}
