/* Reads /proc/self/maps and answers whether an address range can be read and written. */
#include "mpi/memory/mapped.h"
#include "core/util/alloc.h"
#include <stdio.h>
#include <string.h>

static eplb_status_t add_range(eplb_mapped_t *m, uintptr_t begin, uintptr_t end, int is_usable) {
  eplb_mapped_range_t *last = m->count ? &m->range[m->count - 1] : NULL;
  if (last && last->end == begin && last->is_usable == is_usable) {
    last->end = end;
    return EPLB_SUCCESS;
  }
  if (m->count == m->room) {
    int room = 2 * m->room + 64;
    eplb_mapped_range_t *grown = eplb_grow(m->range, (size_t)room, sizeof *grown);
    if (!grown)
      return EPLB_ERR_MEMORY;
    m->range = grown;
    m->room = room;
  }
  m->range[m->count++] = (eplb_mapped_range_t){begin, end, is_usable};
  return EPLB_SUCCESS;
}

/* "BEGIN-END rwxp ...". Memory that cannot be read counts as not mapped. */
static eplb_status_t read_line(const char *line, eplb_mapped_t *m) {
  char *at;
  uintptr_t begin = (uintptr_t)strtoull(line, &at, 16), end = *at == '-' ? (uintptr_t)strtoull(at + 1, &at, 16) : 0;
  return end > begin && at[0] == ' ' && at[1] == 'r' ? add_range(m, begin, end, at[2] == 'w') : EPLB_SUCCESS;
}

/* Lines may be longer than the buffer. */
static eplb_status_t read_map_lines(FILE *file, eplb_mapped_t *m) {
  eplb_status_t status = EPLB_SUCCESS;
  char line[256];
  for (int is_begin = 1; !status && fgets(line, sizeof line, file); is_begin = strchr(line, '\n') != NULL)
    if (is_begin)
      status = read_line(line, m);
  return status;
}

eplb_status_t eplb_mapped_read(eplb_mapped_t *m) {
  m->is_known = m->count = 0;
  FILE *file = fopen("/proc/self/maps", "r");
  if (!file)
    return EPLB_SUCCESS;
  eplb_status_t status = read_map_lines(file, m);
  m->is_known = !ferror(file) && m->count > 0;
  fclose(file);
  return status;
}

void eplb_mapped_free(eplb_mapped_t *m) {
  free(m->range);
  *m = (eplb_mapped_t){0};
}

/* The first range that ends behind the address, or count. */
static int find_range(const eplb_mapped_t *m, uintptr_t address) {
  int low = 0, high = m->count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (m->range[middle].end > address)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

const char *eplb_mapped_fault(const eplb_mapped_t *m, const void *address, size_t bytes) {
  uintptr_t at = (uintptr_t)address, end = at + bytes;
  for (int i = find_range(m, at); m->is_known && at < end; at = m->range[i++].end) {
    if (i == m->count || m->range[i].begin > at)
      return "not mapped";
    if (!m->range[i].is_usable)
      return "read-only";
  }
  return NULL;
}
