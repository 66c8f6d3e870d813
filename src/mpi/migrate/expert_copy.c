#include "mpi/migrate/expert_copy.h"
#include <sched.h>
#include <string.h>
#include <xxhash.h>

eplb_status_t eplb_copy_bytes(const eplb_session_t *s, void *to, const void *from, size_t bytes,
                              eplb_copy_t direction) {
  if (!s->memory->host_can_touch)
    return s->memory->copy(s->memory->self, EPLB_LOCAL_QUEUE, to, from, bytes, direction);
  memcpy(to, from, bytes);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_expert_copy(const eplb_session_t *s, int layer, const eplb_location_t *from,
                               const eplb_location_t *to, int with_tables) {
  const eplb_tensors_t *tensors = &s->layer[layer];
  eplb_status_t status = EPLB_SUCCESS;
  size_t offset = 0, length;
  for (int i = 0; i < tensors->num_tensors && !status; offset += tensors->tensor[i++].bytes) {
    const eplb_tensor_t *t = &tensors->tensor[i];
    if (t->bytes && (with_tables || !t->table))
      status = eplb_copy_bytes(s, eplb_location_piece(s, layer, to, offset, &length),
                               eplb_location_piece(s, layer, from, offset, &length), t->bytes, EPLB_COPY_WITHIN);
  }
  return status;
}

eplb_status_t eplb_expert_wait(const eplb_session_t *s) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int done = s->memory->host_can_touch; !done && !status;) {
    status = s->memory->test(s->memory->self, EPLB_LOCAL_QUEUE, &done);
    if (!done)
      sched_yield();
  }
  return status;
}

/* Hashes `length` bytes at `piece` after `hash`, that of all before, by way of scratch where the processor cannot touch
 * them. All ranks have the same kind of memory and cut at the same places, so that they come to the same. */
static eplb_status_t update(const eplb_session_t *s, const char *piece, size_t length, char *scratch, uint64_t *hash) {
  size_t most = s->memory->host_can_touch ? length : s->options.chunk_bytes;
  eplb_status_t status = EPLB_SUCCESS;
  for (size_t at = 0; at < length && !status; at += most) {
    size_t here = length - at < most ? length - at : most;
    const char *bytes = piece + at;
    if (!s->memory->host_can_touch) {
      status = eplb_copy_bytes(s, scratch, bytes, here, EPLB_COPY_OUT);
      status = status ? status : eplb_expert_wait(s);
      bytes = scratch;
    }
    if (!status)
      *hash = XXH3_64bits_withSeed(bytes, here, *hash);
  }
  return status;
}

eplb_status_t eplb_expert_hash(const eplb_session_t *s, int layer, const eplb_location_t *place, char *scratch,
                               uint64_t *hash) {
  eplb_status_t status = EPLB_SUCCESS;
  size_t length;
  *hash = 0;
  for (size_t at = 0; at < s->layer[layer].expert_bytes && !status; at += length) {
    const char *piece = eplb_location_piece(s, layer, place, at, &length);
    status = update(s, piece, length, scratch, hash);
  }
  return status;
}
