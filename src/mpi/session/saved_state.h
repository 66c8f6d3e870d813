/* The bytes of a saved session, and what they say. Local. */
#ifndef EPLB_MPI_SESSION_SAVED_STATE_H
#define EPLB_MPI_SESSION_SAVED_STATE_H

#include <eplb/loads.h>
#include <eplb/placement.h>
#include <stddef.h>

/* Nothing is owned: what was read points into its bytes. */
typedef struct eplb_saved_state {
  int num_layers, num_experts, num_ranks, num_slots;
  int num_windows, windows_since;
  const int32_t *slot_begin;            /* [num_ranks + 1] */
  const int32_t *physical_to_logical;   /* [num_layers][num_slots] */
  const double *load[EPLB_HISTORY_MAX]; /* each [num_layers][num_experts], the newest first */
} eplb_saved_state_t;

/* The bytes of a state, the caller's to free. EPLB_ERR_MEMORY. */
eplb_status_t eplb_saved_state_pack(const eplb_saved_state_t *state, char **bytes, size_t *size);

/* EPLB_ERR_FORMAT: the bytes are not such a state, or are damaged. `bytes` must be aligned for double and stay. `name`
 * is for sentences. */
eplb_status_t eplb_saved_state_read(const char *name, const char *bytes, size_t size, eplb_saved_state_t *state);

/* The whole file in *bytes, the caller's to free. EPLB_ERR_IO; EPLB_ERR_MEMORY. */
eplb_status_t eplb_saved_file_read(const char *path, char **bytes, size_t *size);
eplb_status_t eplb_saved_file_write(const char *path, const char *bytes, size_t size);

#endif
