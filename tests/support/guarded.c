#include "guarded.h"
#include "pages.h"
#include <stdlib.h>
#include <string.h>

static int fails(guarded_t *g, long *left) {
  int now = *left == 0;
  *left -= *left >= 0;
  g->failures += now;
  return now;
}

static eplb_status_t hand_over(guarded_t *g, void *got, void **memory) {
  if (!got)
    return eplb_fail(EPLB_ERR_MEMORY, "out of guarded memory");
  g->live++;
  *memory = got;
  return EPLB_SUCCESS;
}

static eplb_status_t allocate(void *self, size_t bytes, void **memory) {
  guarded_t *g = self;
  return hand_over(g, fails(g, &g->allocations) ? NULL : pages_new(bytes), memory);
}

static eplb_status_t allocate_host(void *self, size_t bytes, void **memory) {
  guarded_t *g = self;
  return hand_over(g, fails(g, &g->allocations) ? NULL : malloc(bytes + 1), memory);
}

static void release(void *self, void *memory) {
  ((guarded_t *)self)->live -= memory != NULL;
  pages_free(memory);
}

static void release_host(void *self, void *memory) {
  ((guarded_t *)self)->live -= memory != NULL;
  free(memory);
}

static eplb_status_t copy(void *self, int queue, void *to, const void *from, size_t bytes, eplb_copy_t direction) {
  guarded_t *g = self;
  if (queue < 0 || queue >= EPLB_MEMORY_QUEUES)
    return eplb_fail(EPLB_ERR_INTERNAL, "queue %d; expected 0 to %d", queue, EPLB_MEMORY_QUEUES - 1);
  if (fails(g, &g->copies))
    return eplb_fail(EPLB_ERR_UNSUPPORTED, "injected into a copy");
  size_t from_bytes = direction == EPLB_COPY_IN ? 0 : bytes, to_bytes = direction == EPLB_COPY_OUT ? 0 : bytes;
  pages_open(from, from_bytes);
  pages_open(to, to_bytes);
  memcpy(to, from, bytes);
  pages_close(from, from_bytes);
  pages_close(to, to_bytes);
  return EPLB_SUCCESS;
}

static eplb_status_t test(void *self, int queue, int *done) {
  (void)self, (void)queue;
  *done = 1;
  return EPLB_SUCCESS;
}

void guarded_init(guarded_t *guarded) {
  *guarded = (guarded_t){.memory = {.size = sizeof guarded->memory,
                                    .name = "guarded",
                                    .self = guarded,
                                    .allocate = allocate,
                                    .release = release,
                                    .allocate_host = allocate_host,
                                    .release_host = release_host,
                                    .copy = copy,
                                    .test = test},
                         .allocations = -1,
                         .copies = -1};
}
