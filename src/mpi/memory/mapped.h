/* Which memory of this process the kernel allows to read and write. So weights that were freed, or are mapped
 * read-only, give an error sentence and not a signal. The memory itself is not accessed. */
#ifndef EPLB_MPI_MEMORY_MAPPED_H
#define EPLB_MPI_MEMORY_MAPPED_H

#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eplb_mapped_range {
  uintptr_t begin, end;
  int is_usable; /* for reading and writing */
} eplb_mapped_range_t;

typedef struct eplb_mapped {
  int is_known; /* 0: /proc/self/maps cannot be read; then all memory counts as usable */
  int count, room;
  eplb_mapped_range_t *range; /* ascending; adjacent ranges of the same kind are merged */
} eplb_mapped_t;

/* Reads /proc/self/maps, again if it was read before; all zero at first. Local; O(mappings). Free it also after a
 * failure. EPLB_ERR_MEMORY. */
eplb_status_t eplb_mapped_read(eplb_mapped_t *mapped);
void eplb_mapped_free(eplb_mapped_t *mapped);

/* Returns NULL if all of [address, address + bytes) can be read and written; else the reason: "not mapped" or
 * "read-only". O(log mappings). */
const char *eplb_mapped_fault(const eplb_mapped_t *mapped, const void *address, size_t bytes);

#endif
