/* Placements: memory, the inverse map (expert to slots) and the checks of both. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <string.h>

eplb_status_t eplb_placement_create(int num_layers, int num_experts, int num_slots, eplb_placement_t **placement) {
  if (num_layers < 1 || num_experts < 1 || num_slots < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s in %s; expected at least 1 of each", eplb_count(num_layers, "layer"),
                     eplb_count(num_experts, "expert"), eplb_count(num_slots, "slot"));
  if (num_slots < num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%s for %s; every expert needs one", eplb_count(num_slots, "slot"),
                     eplb_count(num_experts, "expert"));
  eplb_placement_t *p = EPLB_NEW(eplb_placement_t, 1);
  if (!p)
    return EPLB_ERR_MEMORY;
  size_t layers = (size_t)num_layers, experts = (size_t)num_experts, slots = (size_t)num_slots;
  *p = (eplb_placement_t){.num_layers = num_layers, .num_experts = num_experts, .num_slots = num_slots};
  p->physical_to_logical = EPLB_NEW(int32_t, layers * slots);
  p->logical_replica_count = EPLB_NEW(int32_t, layers * experts);
  p->replica_begin = EPLB_NEW(int32_t, layers * (experts + 1));
  p->replica_slot = EPLB_NEW(int32_t, layers * slots);
  if (!p->physical_to_logical || !p->logical_replica_count || !p->replica_begin || !p->replica_slot) {
    eplb_placement_destroy(&p);
    return EPLB_ERR_MEMORY;
  }
  memset(p->physical_to_logical, 0xff, layers * slots * sizeof *p->physical_to_logical);
  *placement = p;
  return EPLB_SUCCESS;
}

void eplb_placement_destroy(eplb_placement_t **placement) {
  if (!placement || !*placement)
    return;
  free((*placement)->physical_to_logical);
  free((*placement)->logical_replica_count);
  free((*placement)->replica_begin);
  free((*placement)->replica_slot);
  free(*placement);
  *placement = NULL;
}

eplb_status_t eplb_placement_create_linear(int num_layers, int num_experts, int num_slots,
                                           eplb_placement_t **placement) {
  eplb_placement_t *p;
  eplb_status_t status = eplb_placement_create(num_layers, num_experts, num_slots, &p);
  if (status)
    return status;
  for (int l = 0; l < num_layers; l++)
    for (int s = 0; s < num_slots; s++)
      eplb_placement_row(p, l)[s] = s % num_experts;
  eplb_placement_index(p);
  *placement = p;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_placement_copy(const eplb_placement_t *placement, eplb_placement_t **copy) {
  eplb_placement_t *p;
  eplb_status_t status = eplb_placement_create(placement->num_layers, placement->num_experts, placement->num_slots, &p);
  if (status)
    return status;
  for (int l = 0; l < p->num_layers; l++)
    eplb_placement_copy_layer(placement, p, l);
  *copy = p;
  return EPLB_SUCCESS;
}

static eplb_status_t count_replicas(const eplb_placement_t *p, int layer, int32_t *count) {
  const int32_t *row = eplb_placement_row(p, layer);
  memset(count, 0, (size_t)p->num_experts * sizeof *count);
  for (int s = 0; s < p->num_slots; s++) {
    if (row[s] == EPLB_EMPTY)
      continue;
    if (row[s] < 0 || row[s] >= p->num_experts)
      return eplb_fail(EPLB_ERR_FORMAT, "layer %d, slot %d: expert %d; expected 0 to %d, or %d for an empty slot",
                       layer, s, row[s], p->num_experts - 1, EPLB_EMPTY);
    count[row[s]]++;
  }
  for (int e = 0; e < p->num_experts; e++)
    if (count[e] == 0)
      return eplb_fail(EPLB_ERR_FORMAT, "layer %d: expert %d has no slot; expected at least one", layer, e);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_placement_index_layer(eplb_placement_t *placement, int layer) {
  const int32_t *row = eplb_placement_row(placement, layer);
  int32_t *count = eplb_placement_counts(placement, layer);
  int32_t *begin = placement->replica_begin + (size_t)layer * ((size_t)placement->num_experts + 1);
  int32_t *slot = placement->replica_slot + (size_t)layer * (size_t)placement->num_slots;
  eplb_status_t status = count_replicas(placement, layer, count);
  if (status)
    return status;
  begin[0] = 0;
  for (int e = 0; e < placement->num_experts; e++)
    begin[e + 1] = begin[e] + count[e];
  for (int s = placement->num_slots - 1; s >= 0; s--) /* backwards, so that begin can serve as the cursor */
    if (row[s] != EPLB_EMPTY)
      slot[--begin[row[s] + 1]] = s;
  for (int e = 0; e < placement->num_experts; e++) /* begin[e + 1] is now where e begins */
    begin[e] = begin[e + 1];
  begin[placement->num_experts] = begin[placement->num_experts - 1] + count[placement->num_experts - 1];
  return EPLB_SUCCESS;
}

eplb_status_t eplb_placement_index(eplb_placement_t *placement) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < placement->num_layers && !status; l++)
    status = eplb_placement_index_layer(placement, l);
  return status;
}

static eplb_status_t validate_layer(const eplb_placement_t *p, int layer) {
  const int32_t *row = eplb_placement_row(p, layer), *count = eplb_placement_counts(p, layer);
  const int32_t *begin = p->replica_begin + (size_t)layer * ((size_t)p->num_experts + 1);
  int64_t used = 0, filled = 0;
  for (int s = 0; s < p->num_slots; s++) {
    if (row[s] < EPLB_EMPTY || row[s] >= p->num_experts)
      return eplb_fail(EPLB_ERR_FORMAT, "layer %d, slot %d: expert %d; expected 0 to %d, or %d for an empty slot",
                       layer, s, row[s], p->num_experts - 1, EPLB_EMPTY);
    filled += row[s] != EPLB_EMPTY;
  }
  for (int e = 0; e < p->num_experts; e++) {
    if (count[e] < 1 || count[e] > p->num_slots)
      return eplb_fail(EPLB_ERR_FORMAT, "layer %d: expert %d has %s; expected 1 to %d", layer, e,
                       eplb_count(count[e], "replica"), p->num_slots);
    if (begin[e] != used || begin[e + 1] != used + count[e] || used + count[e] > p->num_slots)
      return eplb_fail(EPLB_ERR_FORMAT,
                       "layer %d: the replicas of expert %d are numbers %d to %d of the inverse; "
                       "expected %lld to %lld",
                       layer, e, begin[e], begin[e + 1], (long long)used, (long long)(used + count[e]));
    const int32_t *slot = eplb_placement_replicas(p, layer, e);
    for (int k = 0; k < count[e]; k++)
      if (slot[k] < 0 || slot[k] >= p->num_slots || row[slot[k]] != e)
        return eplb_fail(EPLB_ERR_FORMAT, "layer %d: replica %d of expert %d is slot %d, which does not hold it", layer,
                         k, e, slot[k]);
    used += count[e];
  }
  /* Each slot named holds its expert; so if no slot is named twice and as many are named as are filled, all agree. */
  if (used != filled)
    return eplb_fail(EPLB_ERR_FORMAT, "layer %d: %s filled, but the replica counts add up to %lld", layer,
                     eplb_count(filled, "slot"), (long long)used);
  return EPLB_SUCCESS;
}

/* No slot twice among an expert's replicas: `seen` marks the slots of a layer. */
static eplb_status_t validate_distinct(const eplb_placement_t *p, int layer, unsigned char *seen) {
  memset(seen, 0, (size_t)p->num_slots);
  for (int e = 0; e < p->num_experts; e++) {
    const int32_t *slot = eplb_placement_replicas(p, layer, e);
    for (int k = 0; k < eplb_placement_counts(p, layer)[e]; k++)
      if (seen[slot[k]]++)
        return eplb_fail(EPLB_ERR_FORMAT, "layer %d: slot %d is named twice as a replica of expert %d", layer, slot[k],
                         e);
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_placement_validate(const eplb_placement_t *placement) {
  if (placement->num_layers < 1 || placement->num_experts < 1 || placement->num_slots < placement->num_experts)
    return eplb_fail(EPLB_ERR_FORMAT, "%s of %s in %s; expected at least 1 of each and a slot for every expert",
                     eplb_count(placement->num_layers, "layer"), eplb_count(placement->num_experts, "expert"),
                     eplb_count(placement->num_slots, "slot"));
  unsigned char *seen = EPLB_NEW(unsigned char, placement->num_slots);
  if (!seen)
    return EPLB_ERR_MEMORY;
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < placement->num_layers && !status; l++) {
    status = validate_layer(placement, l);
    if (!status)
      status = validate_distinct(placement, l, seen);
  }
  free(seen);
  return status;
}

int eplb_placement_max_replicas(const eplb_placement_t *placement) {
  int most = 0;
  size_t count = (size_t)placement->num_layers * (size_t)placement->num_experts;
  for (size_t i = 0; i < count; i++)
    if (placement->logical_replica_count[i] > most)
      most = placement->logical_replica_count[i];
  return most;
}

eplb_status_t eplb_placement_logical_to_physical(const eplb_placement_t *placement, int width, int32_t *map) {
  int most = eplb_placement_max_replicas(placement);
  if (width < most)
    return eplb_fail(EPLB_ERR_SHAPE, "a map with room for %s; an expert has %d", eplb_count(width, "replica"), most);
  for (int l = 0; l < placement->num_layers; l++)
    for (int e = 0; e < placement->num_experts; e++, map += width) {
      int count = eplb_placement_counts(placement, l)[e];
      memcpy(map, eplb_placement_replicas(placement, l, e), (size_t)count * sizeof *map);
      for (int k = count; k < width; k++)
        map[k] = EPLB_EMPTY;
    }
  return EPLB_SUCCESS;
}

static void widen(const int32_t *from, size_t count, int64_t *to) {
  for (size_t i = 0; to && i < count; i++)
    to[i] = from[i];
}

/* The row is all EPLB_EMPTY: most of it stays so. */
static void fill_inverse_layer(const eplb_placement_t *p, int layer, int width, int64_t *row) {
  for (int e = 0; e < p->num_experts; e++, row += width) {
    const int32_t *slot = eplb_placement_replicas(p, layer, e);
    for (int k = 0; k < eplb_placement_counts(p, layer)[e]; k++)
      row[k] = slot[k];
  }
}

eplb_status_t eplb_placement_tables(const eplb_placement_t *placement, int width, int64_t *physical, int64_t *logical,
                                    int64_t *count) {
  if (!placement)
    return eplb_fail(EPLB_ERR_ARGUMENT, "placement is NULL");
  int most = logical ? eplb_placement_max_replicas(placement) : 0;
  if (width < most)
    return eplb_fail(EPLB_ERR_SHAPE, "a map with room for %s; an expert has %d", eplb_count(width, "replica"), most);
  size_t layers = (size_t)placement->num_layers, experts = (size_t)placement->num_experts;
  widen(placement->physical_to_logical, layers * (size_t)placement->num_slots, physical);
  widen(placement->logical_replica_count, layers * experts, count);
  if (logical)
    memset(logical, 0xff, layers * experts * (size_t)width * sizeof *logical); /* EPLB_EMPTY is -1 */
  for (int l = 0; logical && l < placement->num_layers; l++, logical += experts * (size_t)width)
    fill_inverse_layer(placement, l, width, logical);
  return EPLB_SUCCESS;
}
