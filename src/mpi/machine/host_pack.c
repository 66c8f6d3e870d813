/* A host's description as bytes, for messages: the struct, then each array. */
#include "mpi/machine/host_pack.h"
#include "core/util/alloc.h"
#include <string.h>

/* The host itself, its pointers meaning nothing, then each array. */
static void pack_bytes(char **at, const void *from, size_t size) {
  memcpy(*at, from, size);
  *at += size;
}

static void unpack_bytes(const char **at, void *to, size_t size) {
  memcpy(to, *at, size);
  *at += size;
}

static size_t accelerator_bytes(const eplb_host_t *h) {
  return (size_t)h->num_accelerators * sizeof *h->accelerator;
}

static size_t bandwidth_bytes(const eplb_host_t *h) {
  return (size_t)h->num_accelerators * (size_t)h->num_accelerators * sizeof *h->bandwidth;
}

static size_t pu_bytes(const eplb_host_t *h) {
  return (size_t)h->num_pu_numbers * sizeof *h->pu_numa;
}

size_t eplb_host_pack_size(const eplb_host_t *host, int with_pus) {
  return sizeof *host + accelerator_bytes(host) + bandwidth_bytes(host) + (with_pus ? 2 * pu_bytes(host) : 0);
}

void eplb_host_pack_write(const eplb_host_t *host, int with_pus, char *bytes) {
  eplb_host_t head = *host;
  if (!with_pus)
    head.num_pu_numbers = 0;
  pack_bytes(&bytes, &head, sizeof head);
  pack_bytes(&bytes, host->accelerator, accelerator_bytes(host));
  pack_bytes(&bytes, host->bandwidth, bandwidth_bytes(host));
  pack_bytes(&bytes, host->pu_package, pu_bytes(&head));
  pack_bytes(&bytes, host->pu_numa, pu_bytes(&head));
}

eplb_status_t eplb_host_pack_read(const char *bytes, eplb_host_t **host) {
  eplb_host_t *h = EPLB_NEW(eplb_host_t, 1);
  if (!h)
    return EPLB_ERR_MEMORY;
  unpack_bytes(&bytes, h, sizeof *h);
  h->accelerator = EPLB_NEW(eplb_accelerator_t, h->num_accelerators);
  h->bandwidth = EPLB_NEW(double, (size_t)h->num_accelerators *(size_t)h->num_accelerators);
  h->pu_package = EPLB_NEW(int32_t, h->num_pu_numbers);
  h->pu_numa = EPLB_NEW(int32_t, h->num_pu_numbers);
  if (!h->accelerator || !h->bandwidth || !h->pu_package || !h->pu_numa) {
    eplb_host_destroy(&h);
    return EPLB_ERR_MEMORY;
  }
  unpack_bytes(&bytes, h->accelerator, accelerator_bytes(h));
  unpack_bytes(&bytes, h->bandwidth, bandwidth_bytes(h));
  unpack_bytes(&bytes, h->pu_package, pu_bytes(h));
  unpack_bytes(&bytes, h->pu_numa, pu_bytes(h));
  *host = h;
  return EPLB_SUCCESS;
}
