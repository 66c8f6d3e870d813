/* Which logical expert each slot holds, and the inverse; how well that balances a load. */
#ifndef EPLB_PLACEMENT_H
#define EPLB_PLACEMENT_H

#include <eplb/status.h>
#include <eplb/topology.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In physical_to_logical: a slot that holds no expert. */
enum { EPLB_EMPTY = -1 };

/* Plain data: read it freely; arrays belong to it. Every expert of every layer has at least one replica.
 * The inverse is stored without padding: the replicas of expert e in layer l are the slots
 *   replica_slot[l * num_slots + replica_begin[l * (num_experts + 1) + e + k]],  k = 0 ... count - 1,
 * with count = logical_replica_count[l * num_experts + e]. */
typedef struct eplb_placement {
  int num_layers, num_experts, num_slots;
  int32_t *physical_to_logical;   /* [num_layers][num_slots], by device in rank order, then slot; or EPLB_EMPTY */
  int32_t *logical_replica_count; /* [num_layers][num_experts], >= 1 */
  int32_t *replica_begin;         /* [num_layers][num_experts + 1], offsets into the layer's row of replica_slot */
  int32_t *replica_slot;          /* [num_layers][num_slots] */
} eplb_placement_t;

/* Allocates a placement with every slot empty: not yet a valid one. Local. The caller owns *placement.
 * EPLB_ERR_ARGUMENT: a size < 1; EPLB_ERR_SHAPE: fewer slots than experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_create(int num_layers, int num_experts, int num_slots,
                                                eplb_placement_t **placement);

/* The placement that a job starts with where it has no better one: slot s holds expert s modulo num_experts in every
 * layer. Local. As eplb_placement_create. */
EPLB_PUBLIC eplb_status_t eplb_placement_create_linear(int num_layers, int num_experts, int num_slots,
                                                       eplb_placement_t **placement);

/* A copy that the caller owns. Local. EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_copy(const eplb_placement_t *placement, eplb_placement_t **copy);

/* Frees *placement and sets it NULL; NULL is fine. Local. */
EPLB_PUBLIC void eplb_placement_destroy(eplb_placement_t **placement);

/* Makes the inverse of one layer from its row of physical_to_logical, replicas in slot order. Local.
 * EPLB_ERR_FORMAT: an expert number out of range, or an expert without a replica (the inverse is then undefined). */
EPLB_PUBLIC eplb_status_t eplb_placement_index_layer(eplb_placement_t *placement, int layer);

/* The same for all layers. Local. */
EPLB_PUBLIC eplb_status_t eplb_placement_index(eplb_placement_t *placement);

/* Whether a placement is valid: expert numbers in range, every expert at least once, inverse and counts agreeing with
 * physical_to_logical. Local. EPLB_ERR_FORMAT names the first layer and slot or expert that is wrong;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_validate(const eplb_placement_t *placement);

/* The largest replica count of any expert: the width that eplb_placement_logical_to_physical needs. Local. */
EPLB_PUBLIC int eplb_placement_max_replicas(const eplb_placement_t *placement);

/* The padded inverse that frameworks index: map[num_layers][num_experts][width], the caller's, replicas first and then
 * EPLB_EMPTY. Local. EPLB_ERR_SHAPE: an expert has more than `width` replicas (map is then untouched). */
EPLB_PUBLIC eplb_status_t eplb_placement_logical_to_physical(const eplb_placement_t *placement, int width,
                                                             int32_t *map);

/* The three tables that frameworks index, as int64 and in one pass; all are the caller's. Local.
 * physical[num_layers][num_slots] is physical_to_logical ("phy2log" in DeepSeek's eplb.py),
 * logical[num_layers][num_experts][width] the padded inverse ("log2phy"), count[num_layers][num_experts] the
 * logical_replica_count ("logcnt"). Any of them may be NULL. EPLB_ERR_ARGUMENT: placement is NULL; EPLB_ERR_SHAPE: an
 * expert has more than `width` replicas. On failure no table is written. */
EPLB_PUBLIC eplb_status_t eplb_placement_tables(const eplb_placement_t *placement, int width, int64_t *physical,
                                                int64_t *logical, int64_t *count);

/* Mean over max of the devices' times, load / speed, in one layer (the mean being all load over all speed): 1 is
 * perfect, 1/num_devices the worst of equal devices; 1 where there is no load. Local. load[num_experts]. Devices
 * without slots count: they idle. */
EPLB_PUBLIC double eplb_balancedness(const eplb_topology_t *topology, const eplb_placement_t *placement, int layer,
                                     const double *load);

/* The mean of eplb_balancedness over the layers that have any load; 1 where none has. eplb_loads_idle_layers says how
 * many are left out. load[num_layers][num_experts]; per_layer[num_layers] or NULL: of every layer. Local. */
EPLB_PUBLIC double eplb_balancedness_mean(const eplb_topology_t *topology, const eplb_placement_t *placement,
                                          const double *load, double *per_layer);

/* The best balancedness that any placement of these experts on this topology could have under an equal split: no device
 * can be below the mean, nor below the busiest replica when the slots are spread greedily (optimal for that). Local.
 * load[num_experts]. In *bound; EPLB_ERR_SHAPE: fewer slots than experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_balancedness_bound(const eplb_topology_t *topology, int num_experts, const double *load,
                                                  double *bound);

/* ---- With other devices: some were lost, some are new ---- */

/* An expert that no device brought along, and the slot that it now has; and a list of them. Both fixed. */
typedef struct eplb_lost {
  int32_t layer, expert, slot;
} eplb_lost_t;

typedef struct eplb_losses {
  int count;
  eplb_lost_t *lost; /* [count], by layer and expert */
} eplb_losses_t;

/* Carries `before`, on the devices of `old_topology`, over to those of `new_topology`.
 * old_device[new_topology->num_devices] says which of the old devices each of the new ones was, or -1: a newcomer,
 * whose slots are empty. A device keeps its experts in its slots; where it has fewer slots now, those of its last ones
 * go.
 *
 * Experts that are then nowhere get a slot each: an empty one, or else one of the expert with most replicas; in turn
 * from device to device. *losses lists them: the caller must load their weights, from a checkpoint, into those slots. Then *after can be the `initial` of a new session, e.g. on what MPIX_Comm_shrink has
 * left.
 *
 * Local, pure. The caller owns *after, and what is in *losses, which eplb_losses_free frees. EPLB_ERR_ARGUMENT: an old device that is
 * not there, or is named twice; EPLB_ERR_SHAPE: `before` has not the old topology's slots, or there are fewer slots
 * than experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_carry(const eplb_topology_t *old_topology, const eplb_placement_t *before,
                                               const eplb_topology_t *new_topology, const int *old_device,
                                               eplb_placement_t **after, eplb_losses_t *losses);

/* For devices that retire but live: *after is `before` with all slots of the devices d with drained[d] empty, on the same
 * topology. Experts that only those devices held get a slot elsewhere, as lost ones do above; but they are not lost: the
 * drained devices hold them until the change is done, so eplb_derive_layer takes them as sources. Once it is,
 * eplb_placement_carry goes on without those devices and loses nothing.
 *
 * Local, pure. drained[num_devices]; the caller owns *after. EPLB_ERR_SHAPE: `before` has not the topology's slots, or the
 * other devices have fewer slots than there are experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_drain(const eplb_topology_t *topology, const eplb_placement_t *before,
                                               const int *drained, eplb_placement_t **after);

/* Frees the list and makes it empty. Local. */
EPLB_PUBLIC void eplb_losses_free(eplb_losses_t *losses);

#ifdef __cplusplus
}
#endif
#endif
