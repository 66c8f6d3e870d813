/* Memory for weights that all ranks of a node map, so that a receiver copies straight from the owner's weights. */
#include "mpi/memory/shm_region.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/memory/shm_segment.h"
#include <sys/mman.h>

/* Headers older than the kernel. */
#ifndef MADV_POPULATE_READ
enum { MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23 };
#endif

typedef struct region {
  eplb_shm_segment_t shared;
  char *own;
  size_t bytes;
} region_t;

struct eplb_shm_regions {
  int count;
  region_t *region;
};

/* Maps every page now: in the first rebalances page faults would take longer than the copies. Linux before 5.14 cannot
 * do this; its pages are mapped when they are touched. */
static void map_pages(const eplb_shm_segment_t *shared, const char *own) {
  for (int n = 0; n < shared->num_ranks; n++) {
    const eplb_span_t *span = &shared->span[n];
    if (span->bytes)
      madvise(span->base, span->bytes, span->base == own ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
  }
}

/* Collective over the node: this region is shared on every rank of it, or on none. */
static int share(eplb_shm_queue_t *queue, region_t *r) {
  if (!eplb_shm_segment_open(eplb_shm_queue_comm(queue), r->bytes, &r->shared))
    return 0;
  r->own = r->shared.span[eplb_shm_queue_own(queue)].base;
  map_pages(&r->shared, r->own);
  return 1;
}

/* Room for one more, which is not counted yet. */
static eplb_status_t grow(eplb_shm_regions_t **regions, eplb_shm_queue_t *queue, eplb_shm_segment_t *shared) {
  eplb_status_t status = queue ? eplb_shm_segment_allocate(eplb_shm_queue_comm(queue), shared) : EPLB_SUCCESS;
  if (status)
    return status;
  if (!*regions)
    *regions = EPLB_NEW(eplb_shm_regions_t, 1);
  eplb_shm_regions_t *all = *regions;
  region_t *grown = all ? eplb_grow(all->region, (size_t)all->count + 1, sizeof *grown) : NULL;
  if (!grown)
    return EPLB_ERR_MEMORY;
  all->region = grown;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_shm_regions_add(eplb_comm_t *comm, eplb_shm_queue_t *queue, eplb_shm_regions_t **regions,
                                   size_t bytes, void **memory) {
  eplb_shm_segment_t shared = {0};
  eplb_status_t status = eplb_agree(comm, grow(regions, queue, &shared));
  if (status) {
    eplb_shm_segment_free(&shared);
    return status;
  }
  region_t *r = &(*regions)->region[(*regions)->count++];
  *r = (region_t){.shared = shared, .bytes = bytes};
  if (!queue || !share(queue, r))
    r->own = EPLB_NEW(char, bytes);
  status = eplb_agree(comm, r->own || !bytes ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (!status)
    *memory = r->own;
  return status;
}

void eplb_shm_regions_destroy(eplb_shm_regions_t **regions) {
  if (!*regions)
    return;
  for (int i = 0; i < (*regions)->count; i++) {
    region_t *r = &(*regions)->region[i];
    if (!r->shared.span)
      free(r->own);
    eplb_shm_segment_free(&r->shared);
  }
  free((*regions)->region);
  free(*regions);
  *regions = NULL;
}

int eplb_shm_regions_find(const eplb_shm_regions_t *regions, const char *address, size_t length, int32_t *region,
                          size_t *offset) {
  for (int i = 0; regions && i < regions->count; i++) {
    const region_t *r = &regions->region[i];
    if (!r->shared.span || (uintptr_t)address < (uintptr_t)r->own ||
        (uintptr_t)address + length > (uintptr_t)r->own + r->bytes)
      continue;
    *region = i;
    *offset = (size_t)(address - r->own);
    return 1;
  }
  return 0;
}

const char *eplb_shm_regions_at(const eplb_shm_regions_t *regions, int neighbour, int region, size_t offset) {
  return regions->region[region].shared.span[neighbour].base + offset;
}
