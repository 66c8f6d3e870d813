#include "mpi/migrate/location.h"

char *eplb_location_address(const eplb_migrate_context_t *c, int layer, const eplb_location_t *place, size_t offset,
                            size_t *length) {
  const eplb_tensor_t *t = c->layer[layer].tensor;
  size_t staging = place->staging;
  for (; offset >= t->bytes; t++) {
    offset -= t->bytes;
    staging += t->table ? 0 : t->bytes;
  }
  *length = t->bytes - offset;
  if (place->slot >= 0)
    return eplb_tensor_slot(t, place->slot) + offset;
  return t->table ? (char *)c->pool[t->pool].spare[place->spare] + offset : c->staging + staging + offset;
}
