/* Fingerprints of experts, by which a rebalance finds out whether weights were written: a hash of 512 bytes of each
 * tensor, or of all bytes. */
#ifndef EPLB_MPI_MIGRATE_SAMPLE_H
#define EPLB_MPI_MIGRATE_SAMPLE_H

#include "mpi/migrate/location.h"

/* Experts whose samples are copied from a device before the copies are waited for. */
enum { EPLB_SAMPLER_BATCH = 64 };

typedef struct eplb_sampler {
  const eplb_migrate_context_t *context;
  uint64_t salt; /* places of samples follow from it, layer, expert and tensor: it must be the same on every rank */
  char *scratch; /* [chunk_bytes], the caller's: for whole experts that the processor cannot touch */
  char *buffer;  /* samples that are not hashed yet */
  size_t used;
  int pending; /* experts that they are of: the end of each in the buffer, and where its fingerprint goes */
  size_t end[EPLB_SAMPLER_BATCH];
  uint64_t *result[EPLB_SAMPLER_BATCH];
} eplb_sampler_t;

/* Gets memory. The sampler is all zero before; free it also after a failure. EPLB_ERR_MEMORY. */
eplb_status_t eplb_sampler_init(eplb_sampler_t *sampler, const eplb_migrate_context_t *context, uint64_t salt,
                                char *scratch);
void eplb_sampler_free(eplb_sampler_t *sampler);

/* Adds an expert; its fingerprint is in *result after the next flush. Fails only where a device's copy does. */
eplb_status_t eplb_sampler_add(eplb_sampler_t *sampler, int layer, int expert, const eplb_location_t *location,
                               uint64_t *result);
eplb_status_t eplb_sampler_flush(eplb_sampler_t *sampler);

/* A hash of two numbers. */
uint64_t eplb_mix(uint64_t a, uint64_t b);

#endif
