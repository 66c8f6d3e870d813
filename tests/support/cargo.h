/* Weights in any kind of memory and in tensors of any sizes, for the MPI tests of migration. Every byte follows from
 * layer, version of the layer, expert, tensor and offset. */
#ifndef TESTS_CARGO_H
#define TESTS_CARGO_H

#include <eplb/eplb_mpi.h>

typedef struct cargo_tensor {
  const char *name;
  size_t bytes, more; /* of a slot in layer 0, and how many more in each layer that follows */
  int by_table;       /* then `more` is 0 */
} cargo_tensor_t;

typedef struct cargo {
  const eplb_memory_t *memory;
  eplb_session_t *session;
  int rank, num_ranks, num_layers, num_slots, num_spares, num_tensors;
  const cargo_tensor_t *tensor;
  unsigned *version; /* [num_layers]: how often cargo_write has written it */
  void **block;      /* [num_layers + 1][num_tensors]: what was allocated; the last are the spares' */
  void **slot;       /* [num_layers + 1][num_tensors][num_slots or num_spares, whichever is more] */
} cargo_t;

/* A session whose slots, at odd addresses, hold what its placement says. Collective; checks each step. `tensor` stays
 * the caller's. */
void cargo_start(cargo_t *cargo, const eplb_session_options_t *options, const cargo_tensor_t *tensor, int num_tensors,
                 int num_spares);
void cargo_finish(cargo_t *cargo);

/* Fills all slots anew. */
void cargo_fill(cargo_t *cargo);

/* As an optimizer does: gives the layer's slots, by the maps of now, other bytes. Every rank does it. */
void cargo_write(cargo_t *cargo, int layer);

/* Inverts a slot of this rank: all bytes, or one in the middle of the first tensor. Twice changes nothing. */
void cargo_invert(const cargo_t *cargo, int layer, int slot, int is_one_byte);

/* Whether a slot of this rank is what the placement says. */
int cargo_slot_is_whole(const cargo_t *cargo, int layer, int slot);

/* Whether the placement is valid and every byte of this rank's slots is what it says. */
int cargo_is_whole(const cargo_t *cargo);

/* Only the bytes, of one layer. */
int cargo_layer_is_whole(const cargo_t *cargo, int layer);

/* Counts of a synthetic round, for all layers. */
void cargo_record(const cargo_t *cargo, int round);

/* A number that follows from the session's maps. */
long long cargo_hash_of_maps(const cargo_t *cargo);

#endif
