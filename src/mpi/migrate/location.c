/* From an expert's location and a byte offset to an address. */
#include "mpi/migrate/location.h"

char *eplb_location_address(const eplb_migrate_context_t *c, int layer, const eplb_location_t *location, size_t offset,
                            size_t *length) {
  const eplb_tensor_t *t = c->layer[layer].tensor;
  size_t staging = location->staging;
  for (; offset >= t->bytes; t++) {
    offset -= t->bytes;
    staging += t->table ? 0 : t->bytes;
  }
  *length = t->bytes - offset;
  if (location->slot >= 0)
    return eplb_tensor_slot(t, location->slot) + offset;
  return t->table ? (char *)c->pool[t->pool].spare[location->spare] + offset : c->staging + staging + offset;
}
