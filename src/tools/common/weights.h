/* Made-up expert weights whose every byte follows from layer, expert and offset: so that each can be checked wherever
 * it lands. */
#ifndef EPLB_TOOLS_COMMON_WEIGHTS_H
#define EPLB_TOOLS_COMMON_WEIGHTS_H

#include <eplb/session.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIGHTS_TENSORS = 2 };

/* This rank's weights: of each layer and slot a large tensor, "weights", and a small one, "scales". */
typedef struct weights {
  int num_layers, num_slots, num_spares;
  size_t bytes[WEIGHTS_TENSORS]; /* per slot */
  char *base[WEIGHTS_TENSORS];   /* [num_layers * num_slots + num_spares][bytes] */
  int is_sessions;               /* base is the session's memory */
  void **slot[WEIGHTS_TENSORS];  /* [num_layers][num_slots]: where each is, and then the spares */
} weights_t;

/* Room for `expert_bytes` per slot. With spares the slots are registered by table, else by their fixed addresses.
 * Local; or with `session` in memory of eplb_session_allocate, and then collective. End it with weights_free, before
 * the session or after. EPLB_ERR_MEMORY. */
eplb_status_t weights_create(int num_layers, int num_slots, int num_spares, size_t expert_bytes,
                             eplb_session_t *session, weights_t *weights);
void weights_free(weights_t *weights);

/* Registers all of it. Local. */
eplb_status_t weights_register(const weights_t *weights, eplb_session_t *session);

/* Fills the slots of `rank` with what `placement` says they hold. */
void weights_fill(const weights_t *weights, const eplb_placement_t *placement, const eplb_topology_t *topology,
                  int rank);

/* How many bytes of `rank`'s slots are not what `placement` says; where the first is, in *layer and *slot (of all the
 * layer's slots), if any. */
int64_t weights_count_wrong(const weights_t *weights, const eplb_placement_t *placement,
                            const eplb_topology_t *topology, int rank, int *layer, int *slot);

#endif
