/* Copies and hashes whole experts on this rank, tensor by tensor; memory that the processor cannot touch goes through
 * the memory's own copies. */
#include "mpi/migrate/expert_copy.h"
#include <sched.h>
#include <string.h>
#include <xxhash.h>

eplb_status_t eplb_copy_bytes(const eplb_migrate_context_t *c, void *to, const void *from, size_t bytes,
                              eplb_copy_t direction) {
  if (!c->memory->host_can_touch)
    return c->memory->copy(c->memory->self, EPLB_LOCAL_QUEUE, to, from, bytes, direction);
  memcpy(to, from, bytes);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_expert_copy(const eplb_migrate_context_t *c, int layer, const eplb_location_t *from,
                               const eplb_location_t *to, int with_tables) {
  const eplb_tensors_t *tensors = &c->layer[layer];
  eplb_status_t status = EPLB_SUCCESS;
  size_t offset = 0, length;
  for (int i = 0; i < tensors->num_tensors && !status; offset += tensors->tensor[i++].bytes) {
    const eplb_tensor_t *t = &tensors->tensor[i];
    if (t->bytes && (with_tables || !t->table))
      status = eplb_copy_bytes(c, eplb_location_address(c, layer, to, offset, &length),
                               eplb_location_address(c, layer, from, offset, &length), t->bytes, EPLB_COPY_WITHIN);
  }
  return status;
}

eplb_status_t eplb_copies_wait(const eplb_migrate_context_t *c, int queue) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int done = c->memory->host_can_touch; !done && !status;) {
    status = c->memory->test(c->memory->self, queue, &done);
    if (!done)
      sched_yield();
  }
  return status;
}

eplb_status_t eplb_expert_wait(const eplb_migrate_context_t *c) {
  return eplb_copies_wait(c, EPLB_LOCAL_QUEUE);
}

/* Continues *hash with `length` bytes at `piece`, through scratch if the processor cannot touch them. All ranks have
 * the same kind of memory and cut at the same offsets, so they compute the same hash. */
static eplb_status_t hash_more(const eplb_migrate_context_t *c, const char *piece, size_t length, char *scratch,
                               uint64_t *hash) {
  size_t most = c->memory->host_can_touch ? length : c->chunk_bytes;
  eplb_status_t status = EPLB_SUCCESS;
  for (size_t at = 0; at < length && !status; at += most) {
    size_t here = length - at < most ? length - at : most;
    const char *bytes = piece + at;
    if (!c->memory->host_can_touch) {
      status = eplb_copy_bytes(c, scratch, bytes, here, EPLB_COPY_OUT);
      status = status ? status : eplb_expert_wait(c);
      bytes = scratch;
    }
    if (!status)
      *hash = XXH3_64bits_withSeed(bytes, here, *hash);
  }
  return status;
}

eplb_status_t eplb_expert_hash(const eplb_migrate_context_t *c, int layer, const eplb_location_t *location,
                               char *scratch, uint64_t *hash) {
  eplb_status_t status = EPLB_SUCCESS;
  size_t length;
  *hash = 0;
  for (size_t at = 0; at < c->layer[layer].expert_bytes && !status; at += length) {
    const char *piece = eplb_location_address(c, layer, location, at, &length);
    status = hash_more(c, piece, length, scratch, hash);
  }
  return status;
}
