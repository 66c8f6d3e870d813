#include "runtime/regions.h"
#include "core/memory.h"
#include "runtime/agree.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Headers older than the kernel. */
#ifndef MADV_POPULATE_READ
enum { MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23 };
#endif

typedef struct region {
  MPI_Win window; /* MPI_WIN_NULL: this rank's own memory only */
  char *own;
  size_t bytes;
  char **base; /* [neighbours] */
} region_t;

struct eplb_regions {
  int count;
  region_t *region;
};

/* Has the kernel find and map the pages of [base, base + bytes) now; 0 where it has none left, which a signal would tell
 * later. Linux before 5.14 cannot: there pages come as they are touched. */
static int map_pages(const char *base, size_t bytes, int advice) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)base / page * page;
  return !bytes || !madvise((void *)first, (uintptr_t)base + bytes - first, advice) || errno == EINVAL;
}

/* Collective over the node: a window on every rank of it, or on none. Each rank has its own pages made, near to it; then
 * all map those of the others, which would else take longer than copying them does, in the first rebalances. */
static int share(MPI_Comm node, region_t *r, int num_neighbours) {
  int unit, good = MPI_Win_allocate_shared((MPI_Aint)r->bytes, 1, MPI_INFO_NULL, node, &r->own, &r->window);
  if (!eplb_everywhere(node, good == MPI_SUCCESS)) {
    r->window = MPI_WIN_NULL;
    return 0;
  }
  if (!eplb_everywhere(node, map_pages(r->own, r->bytes, MADV_POPULATE_WRITE))) {
    MPI_Win_free(&r->window);
    return 0;
  }
  MPI_Win_lock_all(MPI_MODE_NOCHECK, r->window);
  for (int n = 0; n < num_neighbours; n++) {
    MPI_Aint size;
    MPI_Win_shared_query(r->window, n, &size, &unit, &r->base[n]);
    map_pages(r->base[n], (size_t)size, MADV_POPULATE_READ);
  }
  return 1;
}

/* Room for one more, which is not counted yet; base[neighbours] is for its addresses. */
static eplb_status_t grow(eplb_regions_t **regions, int num_neighbours, char ***base) {
  *base = EPLB_NEW(char *, num_neighbours);
  if (!*regions)
    *regions = EPLB_NEW(eplb_regions_t, 1);
  eplb_regions_t *all = *regions;
  region_t *grown = all && *base ? eplb_grow(all->region, (size_t)all->count + 1, sizeof *grown) : NULL;
  if (!grown)
    return EPLB_ERR_MEMORY;
  all->region = grown;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_regions_add(MPI_Comm comm, const eplb_box_t *box, eplb_regions_t **regions, size_t bytes,
                               void **memory) {
  char **base;
  int neighbours = eplb_box_neighbours(box);
  eplb_status_t status = eplb_agree(comm, grow(regions, neighbours, &base));
  if (status) {
    free(base);
    return status;
  }
  region_t *r = &(*regions)->region[(*regions)->count++];
  *r = (region_t){.window = MPI_WIN_NULL, .bytes = bytes, .base = base};
  if (!box || !share(eplb_box_comm(box), r, neighbours))
    r->own = EPLB_NEW(char, bytes);
  status = eplb_agree(comm, r->own || !bytes ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (!status)
    *memory = r->own;
  return status;
}

void eplb_regions_destroy(eplb_regions_t **regions) {
  if (!*regions)
    return;
  for (int i = 0; i < (*regions)->count; i++) {
    region_t *r = &(*regions)->region[i];
    if (r->window == MPI_WIN_NULL) {
      free(r->own);
    } else {
      MPI_Win_unlock_all(r->window);
      MPI_Win_free(&r->window);
    }
    free(r->base);
  }
  free((*regions)->region);
  free(*regions);
  *regions = NULL;
}

int eplb_regions_find(const eplb_regions_t *regions, const char *address, size_t length, int32_t *region,
                      size_t *offset) {
  for (int i = 0; regions && i < regions->count; i++) {
    const region_t *r = &regions->region[i];
    if (r->window == MPI_WIN_NULL || (uintptr_t)address < (uintptr_t)r->own ||
        (uintptr_t)address + length > (uintptr_t)r->own + r->bytes)
      continue;
    *region = i;
    *offset = (size_t)(address - r->own);
    return 1;
  }
  return 0;
}

const char *eplb_regions_at(const eplb_regions_t *regions, int neighbour, int region, size_t offset) {
  return regions->region[region].base[neighbour] + offset;
}
