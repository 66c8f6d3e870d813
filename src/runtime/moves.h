/* This rank's part of a rebalance: what it receives, what it sends, in which order. Derived without communication; every rank
 * cuts the layers into the same flights and numbers the messages of a pair of ranks alike. */
#ifndef EPLB_RUNTIME_MOVES_H
#define EPLB_RUNTIME_MOVES_H

#include "runtime/session.h"

/* An expert that this rank gets: into staging at first, from there into its target slots. */
typedef struct eplb_incoming {
  int32_t layer, expert;
  int32_t peer;            /* the rank that sends it, or this one: a copy from own_slot */
  int32_t own_slot;        /* local, or -1 */
  int32_t tag;             /* among the messages of a pair of ranks in a flight */
  int32_t first_relay;     /* first of the outgoing that pass it on, or -1 */
  size_t offset;           /* in staging */
  int64_t posted, arrived; /* chunks; arrived counts those that are there with all before them */
  uint64_t hash;           /* of what has arrived */
} eplb_incoming_t;

/* An expert that this rank sends. */
typedef struct eplb_outgoing {
  int32_t layer;
  int32_t peer;
  int32_t tag;
  int32_t own_slot;   /* local, or -1: it passes on `source` */
  int32_t source;     /* the incoming that it passes on, or -1 */
  int32_t next_relay; /* the next outgoing of the same source, or -1 */
  int64_t posted;     /* chunks */
  uint64_t hash;      /* of what has been posted; the whole expert's in the end */
} eplb_outgoing_t;

/* An incoming expert's way into a slot. */
typedef struct eplb_target {
  int32_t incoming, own_slot;
} eplb_target_t;

/* A layer that changes. */
typedef struct eplb_moved_layer {
  int layer;
  int flight;
  int target_begin, target_end;
  int64_t transfers[EPLB_NUM_LINKS]; /* of all ranks */
} eplb_moved_layer_t;

/* Layers that move together and wait for each other: as many as staging holds on every rank. */
typedef struct eplb_flight {
  int layer_begin, layer_end; /* of eplb_moves_t.layer */
  int incoming_begin, incoming_end, outgoing_begin, outgoing_end;
  size_t staging; /* bytes that it takes on this rank */
} eplb_flight_t;

typedef struct eplb_moves {
  int verify;           /* checksums travel behind each expert */
  size_t staging_limit; /* bytes, the same on every rank */
  size_t staging_peak;  /* of this rank's flights */
  int num_layers, num_flights, num_incoming, num_outgoing, num_targets;
  int layer_room, flight_room, incoming_room, outgoing_room, target_room;
  eplb_moved_layer_t *layer;
  eplb_flight_t *flight;
  eplb_incoming_t *incoming;
  eplb_outgoing_t *outgoing;
  eplb_target_t *target;
} eplb_moves_t;

/* Bytes of an expert's message: its tensors, then its checksum where one travels. */
static inline size_t eplb_message_bytes(const eplb_tensors_t *layer, int verify) {
  return layer->expert_bytes + (verify ? sizeof(uint64_t) : 0);
}

/* Derives all of it from the session's placement and the one after it. Local. `moves` is all zero before; the caller ends it
 * with eplb_moves_free, also after a failure. EPLB_ERR_SHAPE: a layer needs more staging than there may be; EPLB_ERR_MEMORY. */
eplb_status_t eplb_moves_derive(const eplb_session_t *session, const eplb_placement_t *after, int verify,
                                eplb_moves_t *moves);
void eplb_moves_free(eplb_moves_t *moves);

#endif
