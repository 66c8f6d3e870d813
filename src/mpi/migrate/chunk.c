/* Chunk bounds in a message, and the pieces of memory that a chunk consists of. */
#include "mpi/migrate/chunk.h"

static size_t message_bytes(const eplb_migrate_context_t *c, const eplb_message_t *message) {
  return c->layer[message->layer].expert_bytes + (c->verify ? sizeof(uint64_t) : 0);
}

/* Where MPI is given a GPU's addresses, the checksum, which is in the host's memory, is a chunk of its own: no chunk is
 * of both memories. */
static int hash_is_apart(const eplb_migrate_context_t *c) {
  return c->verify && c->memory->mpi_can_touch && !c->memory->host_can_touch;
}

/* How much of a message is cut into chunks of chunk_bytes. */
static size_t even_bytes(const eplb_migrate_context_t *c, const eplb_message_t *message) {
  return hash_is_apart(c) ? c->layer[message->layer].expert_bytes : message_bytes(c, message);
}

int64_t eplb_chunk_count(const eplb_migrate_context_t *c, const eplb_message_t *message) {
  size_t bytes = even_bytes(c, message), chunk = message->chunk_bytes;
  return (int64_t)(bytes / chunk + (bytes % chunk != 0)) + hash_is_apart(c);
}

int64_t eplb_chunk_count_within(const eplb_migrate_context_t *c, const eplb_message_t *message, int64_t chunks,
                                size_t chunk_bytes) {
  const eplb_message_t given = {.layer = message->layer, .chunk_bytes = chunk_bytes};
  if (chunks == eplb_chunk_count(c, &given))
    return eplb_chunk_count(c, message);
  return (int64_t)((size_t)chunks * chunk_bytes / message->chunk_bytes);
}

void eplb_chunk_bounds(const eplb_migrate_context_t *c, const eplb_message_t *message, int64_t number, size_t *begin,
                       size_t *end) {
  size_t bytes = even_bytes(c, message);
  *begin = (size_t)number * message->chunk_bytes;
  if (*begin >= bytes) { /* the checksum, apart */
    *begin = bytes;
    *end = message_bytes(c, message);
    return;
  }
  *end = bytes - *begin < message->chunk_bytes ? bytes : *begin + message->chunk_bytes;
}

int eplb_chunk_pieces(const eplb_migrate_context_t *c, const eplb_message_t *message, uint64_t *hash, size_t begin,
                      size_t end, struct iovec *piece) {
  size_t expert_bytes = c->layer[message->layer].expert_bytes, length;
  int count = 0;
  for (size_t at = begin; at < end; at += length) {
    char *address;
    if (at < expert_bytes) {
      address = eplb_location_address(c, message->layer, &message->location, at, &length);
    } else { /* the checksum follows the weights */
      address = (char *)hash + (at - expert_bytes);
      length = expert_bytes + sizeof *hash - at;
    }
    length = length < end - at ? length : end - at;
    if (count && (char *)piece[count - 1].iov_base + piece[count - 1].iov_len == address)
      piece[count - 1].iov_len += length;
    else
      piece[count++] = (struct iovec){address, length};
  }
  return count;
}

int eplb_chunk_most_pieces(const eplb_migrate_context_t *c) {
  int most = 0;
  for (int l = 0; l < c->num_layers; l++)
    most = c->layer[l].num_tensors > most ? c->layer[l].num_tensors : most;
  return most + 1;
}
