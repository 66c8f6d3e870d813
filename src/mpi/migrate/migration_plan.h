/* One rank's plan of a rebalance: what it receives and sends, in which order. Derived without communication and not
 * changed afterwards. Every rank derives the same rounds and commit units, and the same tags for the messages of a pair
 * of ranks. */
#ifndef EPLB_MPI_MIGRATE_MIGRATION_PLAN_H
#define EPLB_MPI_MIGRATE_MIGRATION_PLAN_H

#include "mpi/migrate/location.h"

/* An expert from one rank to another in a round. */
typedef struct eplb_message {
  int32_t layer, expert;
  int32_t peer;      /* the rank at the other end */
  int32_t tag;       /* among the messages from one rank to another in a round */
  int32_t link;      /* an eplb_link_t */
  int32_t transport; /* in context->transport */
  eplb_location_t location;
  size_t chunk_bytes; /* that the message is cut into: chunk.h */
} eplb_message_t;

/* An expert that this rank gets, at first to message.location, from there into its target slots. message.location is a
 * slot only where nothing is lost by that. */
typedef struct eplb_incoming {
  eplb_message_t message; /* its peer is this rank where the expert is copied from own_slot */
  int32_t own_slot;       /* local, or -1 */
} eplb_incoming_t;

/* An expert that this rank sends: message.location is that of the source, or a slot. */
typedef struct eplb_outgoing {
  eplb_message_t message;
  int32_t source; /* the incoming that it passes on, or -1: what an own slot holds */
} eplb_outgoing_t;

/* An incoming expert's way into a slot. */
typedef struct eplb_target {
  int32_t incoming, own_slot;
} eplb_target_t;

/* A slot of any rank that changes. */
typedef struct eplb_change {
  int32_t slot, expert;
  int32_t direct; /* the expert goes straight into it: until the commit the slot holds neither */
} eplb_change_t;

/* A commit unit is committed at once: a layer's change, or the part of it that staging holds. */
typedef struct eplb_commit_unit {
  int layer;
  int is_last; /* of its layer */
  int target_begin, target_end, change_begin, change_end;
  int incoming_begin, incoming_end, outgoing_begin, outgoing_end;
  int64_t transfers[EPLB_NUM_LINKS]; /* of all ranks */
} eplb_commit_unit_t;

/* Commit units that move together and wait for each other: as many as staging holds on every rank. */
typedef struct eplb_round {
  int unit_begin, unit_end;
  int incoming_begin, incoming_end, outgoing_begin, outgoing_end;
} eplb_round_t;

typedef struct eplb_migration_plan {
  size_t staging_limit; /* bytes, the same on every rank */
  size_t staging_peak;  /* of this rank's rounds */
  int num_layers;       /* that change */
  double busiest_sender, busiest_receiver;
  int num_units, num_rounds, num_incoming, num_outgoing, num_targets, num_changes;
  int unit_room, round_room, incoming_room, outgoing_room, target_room, change_room;
  eplb_commit_unit_t *unit;
  eplb_round_t *round;
  eplb_incoming_t *incoming;
  eplb_outgoing_t *outgoing;
  eplb_target_t *target;
  eplb_change_t *change; /* of all ranks, commit unit by commit unit */
} eplb_migration_plan_t;

/* Derives the plan from the placements before and after the rebalance. If a layer needs several commit units, `after`
 * may be permuted within a device. Local. `plan` must be all zero; free it with eplb_migration_plan_free, also after a
 * failure. EPLB_ERR_SHAPE: an expert needs more staging than the limit; EPLB_ERR_MEMORY. */
eplb_status_t eplb_migration_plan_derive(const eplb_migrate_context_t *context, const eplb_placement_t *before,
                                         eplb_placement_t *after, eplb_migration_plan_t *plan);
void eplb_migration_plan_free(eplb_migration_plan_t *plan);

#endif
