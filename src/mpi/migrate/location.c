#include "mpi/migrate/location.h"

char *eplb_location_piece(const eplb_migrate_context_t *c, int layer, const eplb_location_t *place, size_t offset,
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

int eplb_location_pieces(const eplb_migrate_context_t *c, int layer, const eplb_location_t *place, uint64_t *hash,
                         size_t begin, size_t end, eplb_piece_t *piece) {
  size_t expert_bytes = c->layer[layer].expert_bytes, length;
  int count = 0;
  for (size_t at = begin; at < end; at += length) {
    char *address;
    if (at < expert_bytes) {
      address = eplb_location_piece(c, layer, place, at, &length);
    } else { /* the checksum follows the weights */
      address = (char *)hash + (at - expert_bytes);
      length = expert_bytes + sizeof *hash - at;
    }
    length = length < end - at ? length : end - at;
    if (count && piece[count - 1].address + piece[count - 1].length == address)
      piece[count - 1].length += length;
    else
      piece[count++] = (eplb_piece_t){address, length};
  }
  return count;
}
