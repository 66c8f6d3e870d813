/* The host's memory: the kind of memory of a session by default. Copies are done at once. */
#include "mpi/memory/host.h"
#include "core/util/alloc.h"
#include <eplb/memory.h>
#include <string.h>

static eplb_status_t allocate_host_memory(void *self, size_t bytes, void **memory) {
  (void)self;
  *memory = EPLB_NEW(char, bytes);
  return *memory ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

static void release_host_memory(void *self, void *memory) {
  (void)self;
  free(memory);
}

static eplb_status_t host_copy(void *self, int queue, void *to, const void *from, size_t bytes, eplb_copy_t direction) {
  (void)self, (void)queue, (void)direction;
  memcpy(to, from, bytes);
  return EPLB_SUCCESS;
}

static eplb_status_t host_test(void *self, int queue, int *done) {
  (void)self, (void)queue;
  *done = 1;
  return EPLB_SUCCESS;
}

const eplb_memory_t *eplb_memory_host(void) {
  static const eplb_memory_t host = {.size = sizeof host,
                                     .name = "host",
                                     .mpi_can_touch = 1,
                                     .host_can_touch = 1,
                                     .allocate = allocate_host_memory,
                                     .release = release_host_memory,
                                     .allocate_host = allocate_host_memory,
                                     .release_host = release_host_memory,
                                     .copy = host_copy,
                                     .test = host_test};
  return &host;
}
