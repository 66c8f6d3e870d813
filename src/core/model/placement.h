/* Access to the rows of a placement, and functions on one layer. */
#ifndef EPLB_CORE_MODEL_PLACEMENT_H
#define EPLB_CORE_MODEL_PLACEMENT_H

#include <eplb/placement.h>
#include <stddef.h>
#include <string.h>

static inline int32_t *eplb_placement_row(const eplb_placement_t *p, int layer) {
  return p->physical_to_logical + (size_t)layer * (size_t)p->num_slots;
}

static inline int32_t *eplb_placement_counts(const eplb_placement_t *p, int layer) {
  return p->logical_replica_count + (size_t)layer * (size_t)p->num_experts;
}

/* The slots of an expert's replicas, as many as its count. */
static inline int32_t *eplb_placement_replicas(const eplb_placement_t *p, int layer, int expert) {
  size_t row = (size_t)layer;
  return p->replica_slot + row * (size_t)p->num_slots +
         p->replica_begin[row * ((size_t)p->num_experts + 1) + (size_t)expert];
}

/* A digest of a placement, so that outputs can be compared without the maps: FNV-1a, 64 bits. */
static inline uint64_t eplb_placement_digest(const eplb_placement_t *p) {
  uint64_t digest = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < (size_t)p->num_layers * (size_t)p->num_slots; i++)
    digest = (digest ^ (uint32_t)p->physical_to_logical[i]) * UINT64_C(0x100000001b3);
  return digest;
}

/* Some consecutive layers as a placement of their own; the arrays are those of `p`. */
static inline eplb_placement_t eplb_placement_part(const eplb_placement_t *p, int first, int count) {
  size_t l = (size_t)first, experts = (size_t)p->num_experts, slots = (size_t)p->num_slots;
  return (eplb_placement_t){.num_layers = count,
                            .num_experts = p->num_experts,
                            .num_slots = p->num_slots,
                            .physical_to_logical = p->physical_to_logical + l * slots,
                            .logical_replica_count = p->logical_replica_count + l * experts,
                            .replica_begin = p->replica_begin + l * (experts + 1),
                            .replica_slot = p->replica_slot + l * slots};
}

/* Copies one layer, maps and inverse, between placements of the same sizes. */
static inline void eplb_placement_copy_layer(const eplb_placement_t *from, eplb_placement_t *to, int layer) {
  size_t experts = (size_t)from->num_experts, slots = (size_t)from->num_slots, l = (size_t)layer;
  memcpy(to->physical_to_logical + l * slots, from->physical_to_logical + l * slots, slots * sizeof(int32_t));
  memcpy(to->replica_slot + l * slots, from->replica_slot + l * slots, slots * sizeof(int32_t));
  memcpy(to->logical_replica_count + l * experts, from->logical_replica_count + l * experts, experts * sizeof(int32_t));
  memcpy(to->replica_begin + l * (experts + 1), from->replica_begin + l * (experts + 1),
         (experts + 1) * sizeof(int32_t));
}

/* Permutes the slots within each device of `placement` so that experts that `before` holds on the same device keep
 * their slot: the same balance, fewer copies. Local. Both placements are valid and have the topology's slots. The
 * inverse is made anew, in slot order. EPLB_ERR_SHAPE: sizes differ; EPLB_ERR_MEMORY (placement is then unchanged). */
eplb_status_t eplb_placement_keep_slots(const eplb_topology_t *topology, const eplb_placement_t *before,
                                        eplb_placement_t *placement);

/* The load of each device in one layer when an expert's load is split equally over its replicas. Local.
 * load[num_experts]; device_load[num_devices], the caller's. */
void eplb_device_loads(const eplb_topology_t *topology, const eplb_placement_t *placement, int layer,
                       const double *load, double *device_load);

/* Writes the padded inverse map that frameworks use, map[num_layers][num_experts][width]: the slots of the replicas,
 * then EPLB_EMPTY. The caller owns map. Local. EPLB_ERR_SHAPE: an expert has more than `width` replicas (map is then
 * unchanged). */
eplb_status_t eplb_placement_logical_to_physical(const eplb_placement_t *placement, int width, int32_t *map);

#endif
