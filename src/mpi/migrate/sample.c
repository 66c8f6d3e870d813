/* A sample is taken in strata: a tensor is cut into as many equal parts as there are places, and each place is
 * somewhere in its part. So a write of a contiguous range of a fraction f of the tensor meets about f of the places.
 * The processor reads cache lines: 8 places of 64 bytes. A device is asked by copies, whose number is what costs: 2
 * places of 256 bytes. */
#include "mpi/migrate/sample.h"
#include "mpi/migrate/expert_copy.h"
#include <xxhash.h>

enum { SAMPLE_BYTES = 512, HOST_PLACES = 8, DEVICE_PLACES = 2 };

uint64_t eplb_mix(uint64_t a, uint64_t b) {
  const uint64_t both[] = {a, b};
  return XXH3_64bits(both, sizeof both);
}

static size_t sampler_room(const eplb_migrate_context_t *c) {
  int most = 0;
  for (int l = 0; l < c->num_layers; l++)
    most = c->layer[l].num_tensors > most ? c->layer[l].num_tensors : most;
  return (size_t)most * SAMPLE_BYTES * (c->memory->host_can_touch ? 1 : EPLB_SAMPLER_BATCH);
}

eplb_status_t eplb_sampler_init(eplb_sampler_t *sampler, const eplb_migrate_context_t *c, uint64_t salt,
                                char *scratch) {
  *sampler = (eplb_sampler_t){.context = c, .salt = salt, .scratch = scratch};
  void *buffer = NULL;
  eplb_status_t status =
      c->read_whole ? EPLB_SUCCESS : c->memory->allocate_host(c->memory->self, sampler_room(c), &buffer);
  sampler->buffer = status ? NULL : buffer;
  return status;
}

void eplb_sampler_free(eplb_sampler_t *sampler) {
  if (sampler->context)
    sampler->context->memory->release_host(sampler->context->memory->self, sampler->buffer);
  *sampler = (eplb_sampler_t){0};
}

/* Starts copying the sample of a tensor, `bytes` long, to the end of the buffer. */
static eplb_status_t sample_tensor(eplb_sampler_t *sampler, const char *tensor, size_t bytes, uint64_t seed) {
  size_t places = sampler->context->memory->host_can_touch ? HOST_PLACES : DEVICE_PLACES;
  size_t length = SAMPLE_BYTES / places, stratum = bytes / places;
  if (bytes <= SAMPLE_BYTES) {
    places = 1;
    length = stratum = bytes;
  }
  eplb_status_t status = EPLB_SUCCESS;
  for (size_t i = 0; i < places && !status; i++) {
    size_t room = (i + 1 < places ? stratum : bytes - i * stratum) - length;
    size_t at = i * stratum + (size_t)(eplb_mix(seed, i) % (room + 1));
    status = eplb_copy_bytes(sampler->context, sampler->buffer + sampler->used, tensor + at, length, EPLB_COPY_OUT);
    sampler->used += length;
  }
  return status;
}

static eplb_status_t sample_expert(eplb_sampler_t *sampler, int layer, int expert, const eplb_location_t *location) {
  const eplb_tensors_t *tensors = &sampler->context->layer[layer];
  uint64_t seed = eplb_mix(sampler->salt, (uint64_t)layer << 32 | (uint64_t)expert);
  eplb_status_t status = EPLB_SUCCESS;
  size_t offset = 0, length;
  for (int i = 0; i < tensors->num_tensors && !status; offset += tensors->tensor[i++].bytes) {
    size_t bytes = tensors->tensor[i].bytes;
    if (bytes)
      status = sample_tensor(sampler, eplb_location_address(sampler->context, layer, location, offset, &length), bytes,
                             eplb_mix(seed, (uint64_t)i));
  }
  return status;
}

eplb_status_t eplb_sampler_flush(eplb_sampler_t *sampler) {
  eplb_status_t status = sampler->pending ? eplb_expert_wait(sampler->context) : EPLB_SUCCESS;
  size_t begin = 0;
  for (int i = 0; i < sampler->pending; begin = sampler->end[i++])
    *sampler->result[i] = XXH3_64bits(sampler->buffer + begin, sampler->end[i] - begin);
  sampler->pending = 0;
  sampler->used = 0;
  return status;
}

eplb_status_t eplb_sampler_add(eplb_sampler_t *sampler, int layer, int expert, const eplb_location_t *location,
                               uint64_t *result) {
  if (sampler->context->read_whole)
    return eplb_expert_hash(sampler->context, layer, location, sampler->scratch, result);
  eplb_status_t status = sample_expert(sampler, layer, expert, location);
  sampler->end[sampler->pending] = sampler->used;
  sampler->result[sampler->pending++] = result;
  int batch = sampler->context->memory->host_can_touch ? 1 : EPLB_SAMPLER_BATCH;
  eplb_status_t flushed = sampler->pending == batch ? eplb_sampler_flush(sampler) : EPLB_SUCCESS;
  return status ? status : flushed;
}
