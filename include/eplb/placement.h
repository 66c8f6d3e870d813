/* Which logical expert each slot holds, the inverse map, and how well a placement balances a load. */
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

/* Plain data that may be read; the placement owns its arrays. Every expert of every layer has at least one replica. The
 * inverse is stored without padding: the replicas of expert e in layer l are the slots
 *
 *   replica_slot[l * num_slots + replica_begin[l * (num_experts + 1) + e] + k],  k = 0 ... count - 1,
 *
 * with count = logical_replica_count[l * num_experts + e]. */
typedef struct eplb_placement {
  int num_layers, num_experts, num_slots;
  int32_t *physical_to_logical;   /* [num_layers][num_slots], by device in rank order, then slot; or EPLB_EMPTY */
  int32_t *logical_replica_count; /* [num_layers][num_experts], >= 1 */
  int32_t *replica_begin;         /* [num_layers][num_experts + 1], offsets into the layer's row of replica_slot */
  int32_t *replica_slot;          /* [num_layers][num_slots] */
} eplb_placement_t;

/* Allocates a placement with all slots empty, which is not valid yet. Local. The caller owns *placement.
 * EPLB_ERR_ARGUMENT: a size < 1; EPLB_ERR_SHAPE: fewer slots than experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_create(int num_layers, int num_experts, int num_slots,
                                                eplb_placement_t **placement);

/* Creates the default initial placement: slot s holds expert s modulo num_experts in every layer. Local. Ownership and
 * errors as eplb_placement_create. */
EPLB_PUBLIC eplb_status_t eplb_placement_create_linear(int num_layers, int num_experts, int num_slots,
                                                       eplb_placement_t **placement);

/* Copies a placement. The caller owns *copy. Local. EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_copy(const eplb_placement_t *placement, eplb_placement_t **copy);

/* Frees *placement and sets it to NULL; it may be NULL. Local. */
EPLB_PUBLIC void eplb_placement_destroy(eplb_placement_t **placement);

/* Computes the inverse map of one layer from its row of physical_to_logical; replicas are in slot order. Local.
 * EPLB_ERR_FORMAT: an expert number out of range, or an expert without a replica (the inverse is then undefined). */
EPLB_PUBLIC eplb_status_t eplb_placement_index_layer(eplb_placement_t *placement, int layer);

/* The same for all layers. Local. */
EPLB_PUBLIC eplb_status_t eplb_placement_index(eplb_placement_t *placement);

/* Checks that a placement is valid: expert numbers are in range, every expert has a slot, and the inverse map and
 * counts agree with physical_to_logical. Local. EPLB_ERR_FORMAT names the first wrong layer and slot or expert;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_validate(const eplb_placement_t *placement);

/* Returns the largest replica count of any expert: the least width for eplb_placement_tables. Local. */
EPLB_PUBLIC int eplb_placement_max_replicas(const eplb_placement_t *placement);

/* Writes the three tables that frameworks use, as int64, in one pass. The caller owns them. Local.
 * physical[num_layers][num_slots] is physical_to_logical ("phy2log" in DeepSeek's eplb.py),
 * logical[num_layers][num_experts][width] the padded inverse ("log2phy"), count[num_layers][num_experts] the
 * logical_replica_count ("logcnt"). Any of them may be NULL. EPLB_ERR_ARGUMENT: placement is NULL; EPLB_ERR_SHAPE: an
 * expert has more than `width` replicas. On failure no table is written. */
EPLB_PUBLIC eplb_status_t eplb_placement_tables(const eplb_placement_t *placement, int width, int64_t *physical,
                                                int64_t *logical, int64_t *count);

/* Returns the mean device time divided by the largest, in one layer. A device's time is its load / speed; the mean is
 * total load / total speed. 1 is perfect, 1/num_devices is the worst for equal devices; 1 without load.
 * load[num_experts]. Devices without slots count as idle. Local. */
EPLB_PUBLIC double eplb_balancedness(const eplb_topology_t *topology, const eplb_placement_t *placement, int layer,
                                     const double *load);

/* Returns the mean of eplb_balancedness over the layers with load; 1 if no layer has load.
 * load[num_layers][num_experts]; per_layer[num_layers], unless NULL, becomes the balancedness of every layer. Local. */
EPLB_PUBLIC double eplb_balancedness_mean(const eplb_topology_t *topology, const eplb_placement_t *placement,
                                          const double *load, double *per_layer);

/* Computes an upper bound of the balancedness of any placement of these experts on this topology with an equal split:
 * the busiest device is not below the mean, nor below the largest replica load when spare slots are given out greedily,
 * which minimises that load. load[num_experts]. Sets *bound. Local. EPLB_ERR_SHAPE: fewer slots than experts;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_balancedness_bound(const eplb_topology_t *topology, int num_experts, const double *load,
                                                  double *bound);

/* ---- After a change of devices ---- */

/* An expert whose replicas were all lost, and the slot that it has now; and a list of them. Both fixed. */
typedef struct eplb_lost {
  int32_t layer, expert, slot;
} eplb_lost_t;

typedef struct eplb_losses {
  int count;
  eplb_lost_t *lost; /* [count], by layer and expert */
} eplb_losses_t;

/* Maps `before`, a placement on `old_topology`, to the devices of `new_topology`. old_device[new_topology->num_devices]
 * is the number that each device had in the old topology, or -1 for a new device, whose slots are empty. A device keeps
 * the experts of its slots; if it has fewer slots now, those of its last slots are dropped.
 *
 * Each expert that has no slot then gets one: an empty slot, else a slot of the expert with most replicas, device by
 * device in turn. *losses lists these experts: the caller must load their weights into those slots, e.g. from a
 * checkpoint. Then *after can be the `initial` of a new session, e.g. on the communicator of MPIX_Comm_shrink.
 *
 * Local, pure. The caller owns *after and the list in *losses, which must be freed with eplb_losses_free.
 * EPLB_ERR_ARGUMENT: NULL; or old_device has a number out of range, or one twice; EPLB_ERR_SHAPE: `before` does not
 * have the old topology's slots, or there are fewer slots than experts; EPLB_ERR_FORMAT: `before` is not valid;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_carry(const eplb_topology_t *old_topology, const eplb_placement_t *before,
                                               const eplb_topology_t *new_topology, const int *old_device,
                                               eplb_placement_t **after, eplb_losses_t *losses);

/* For devices that are to be removed but still work: *after is `before` with all slots of the devices d with drained[d]
 * empty, on the same topology. Experts that only those devices held get a slot elsewhere, as above, but are not lost:
 * the drained devices hold them until the change is done, so eplb_derive_layer can use them as sources. Afterwards
 * eplb_placement_carry removes those devices without losses.
 *
 * Local, pure. drained[num_devices]; the caller owns *after. EPLB_ERR_ARGUMENT: NULL; EPLB_ERR_SHAPE: `before` does not
 * have the topology's slots, or the other devices have fewer slots than there are experts; EPLB_ERR_FORMAT: `before` is
 * not valid; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_drain(const eplb_topology_t *topology, const eplb_placement_t *before,
                                               const int *drained, eplb_placement_t **after);

/* Frees the list and empties it; it may be NULL. Local. */
EPLB_PUBLIC void eplb_losses_free(eplb_losses_t *losses);

#ifdef __cplusplus
}
#endif
#endif
