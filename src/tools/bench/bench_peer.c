/* Migrates as other libraries do, for comparison: layer by layer, each expert received into spare slots with MPI_Irecv,
 * then copied. */
#include "tools/bench/bench_peer.h"
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include <string.h>

eplb_status_t peer_create(int num_layers, int num_slots, size_t bytes, peer_t *peer) {
  *peer = (peer_t){.num_layers = num_layers, .num_slots = num_slots, .bytes = bytes};
  peer->slots = eplb_new((size_t)num_layers * (size_t)num_slots, bytes);
  peer->spare = eplb_new((size_t)num_slots, bytes);
  peer->request = EPLB_NEW(MPI_Request, num_slots);
  if (peer->slots && peer->spare && peer->request) {
    memset(peer->slots, 1, (size_t)num_layers * (size_t)num_slots * bytes);
    memset(peer->spare, 1, (size_t)num_slots * bytes);
    return EPLB_SUCCESS;
  }
  peer_free(peer);
  return EPLB_ERR_MEMORY;
}

void peer_free(peer_t *peer) {
  free(peer->slots);
  free(peer->spare);
  free(peer->request);
  *peer = (peer_t){0};
}

static char *slot_at(const peer_t *p, int layer, int slot) {
  return p->slots + ((size_t)layer * (size_t)p->num_slots + (size_t)slot) * p->bytes;
}

static char *spare_at(const peer_t *p, int slot) {
  return p->spare + (size_t)slot * p->bytes;
}

/* The slot that a changing slot is fed from: its own device's, else the first of all. */
static int source_of(const eplb_placement_t *before, const eplb_topology_t *t, int layer, int expert, int device) {
  const int32_t *replica = eplb_placement_replicas(before, layer, expert);
  for (int k = 0; k < eplb_placement_counts(before, layer)[expert]; k++)
    if (eplb_topology_device_of_slot(t, replica[k]) == device)
      return replica[k];
  return replica[0];
}

static int changes(const eplb_placement_t *before, const eplb_placement_t *after, int layer, int slot) {
  int expert = eplb_placement_row(after, layer)[slot];
  return expert != EPLB_EMPTY && expert != eplb_placement_row(before, layer)[slot];
}

/* More than an int of bytes goes as blocks. */
static MPI_Datatype block_type(size_t bytes, int *count) {
  MPI_Datatype type;
  int block = bytes > (size_t)1 << 30 ? 1 << 20 : 1;
  MPI_Type_contiguous(block, MPI_BYTE, &type);
  MPI_Type_commit(&type);
  *count = (int)(bytes / (size_t)block);
  return type;
}

/* A change of placement, as one rank sees it. */
typedef struct change {
  const eplb_placement_t *before, *after;
  const eplb_topology_t *topology;
  int rank;
} change_t;

static void migrate_layer(peer_t *p, const change_t *c, int layer, MPI_Request *sends) {
  const int *begin = &c->topology->slot_begin[c->rank];
  int rank = c->rank, first = begin[0], received = 0, sent = 0, count;
  MPI_Datatype type = block_type(p->bytes, &count);
  for (int s = 0; s < c->after->num_slots; s++) {
    if (!changes(c->before, c->after, layer, s))
      continue;
    int to = eplb_topology_device_of_slot(c->topology, s);
    int source = source_of(c->before, c->topology, layer, eplb_placement_row(c->after, layer)[s], to);
    int from = eplb_topology_device_of_slot(c->topology, source);
    if (from == rank && to == rank)
      memcpy(spare_at(p, s - first), slot_at(p, layer, source - first), p->bytes);
    else if (to == rank)
      MPI_Irecv(spare_at(p, s - first), count, type, from, s % 32768, MPI_COMM_WORLD, &p->request[received++]);
    else if (from == rank)
      MPI_Isend(slot_at(p, layer, source - first), count, type, to, s % 32768, MPI_COMM_WORLD, &sends[sent++]);
  }
  MPI_Waitall(received, p->request, MPI_STATUSES_IGNORE);
  MPI_Waitall(sent, sends, MPI_STATUSES_IGNORE);
  for (int s = first; s < begin[1]; s++)
    if (changes(c->before, c->after, layer, s))
      memcpy(slot_at(p, layer, s - first), spare_at(p, s - first), p->bytes);
  MPI_Type_free(&type);
}

double peer_migrate(peer_t *p, const eplb_placement_t *before, const eplb_placement_t *after,
                    const eplb_topology_t *topology, int rank) {
  const change_t change = {before, after, topology, rank};
  MPI_Request *sends = EPLB_NEW(MPI_Request, after->num_slots);
  MPI_Barrier(MPI_COMM_WORLD);
  double since = MPI_Wtime();
  for (int l = 0; l < p->num_layers && sends; l++)
    migrate_layer(p, &change, l, sends);
  free(sends);
  return MPI_Wtime() - since;
}

int64_t peer_count(const eplb_placement_t *before, const eplb_placement_t *after, const eplb_topology_t *topology,
                   int64_t bytes, int64_t *sent) {
  int64_t across = 0;
  for (int l = 0; l < after->num_layers; l++)
    for (int s = 0; s < after->num_slots; s++) {
      if (!changes(before, after, l, s))
        continue;
      int to = eplb_topology_device_of_slot(topology, s);
      int source = source_of(before, topology, l, eplb_placement_row(after, l)[s], to);
      int from = eplb_topology_device_of_slot(topology, source);
      sent[from] += from == to ? 0 : bytes;
      across += eplb_topology_node(topology, from) == eplb_topology_node(topology, to) ? 0 : bytes;
    }
  return across;
}

static int node_holds(const eplb_placement_t *placement, const eplb_topology_t *t, int layer, int expert, int node) {
  const int32_t *replica = eplb_placement_replicas(placement, layer, expert);
  for (int k = 0; k < eplb_placement_counts(placement, layer)[expert]; k++)
    if (eplb_topology_node(t, eplb_topology_device_of_slot(t, replica[k])) == node)
      return 1;
  return 0;
}

int64_t peer_count_least(const eplb_placement_t *before, const eplb_placement_t *after, const eplb_topology_t *topology,
                         int64_t bytes) {
  int64_t least = 0;
  for (int l = 0; l < after->num_layers; l++)
    for (int e = 0; e < after->num_experts; e++)
      for (int n = 0; n < eplb_topology_num_nodes(topology); n++)
        if (node_holds(after, topology, l, e, n) && !node_holds(before, topology, l, e, n))
          least += bytes;
  return least;
}

double peer_memcpy(peer_t *p, const eplb_placement_t *before, const eplb_placement_t *after,
                   const eplb_topology_t *topology, int rank) {
  int first = topology->slot_begin[rank];
  MPI_Barrier(MPI_COMM_WORLD);
  double since = MPI_Wtime();
  for (int l = 0; l < p->num_layers; l++)
    for (int s = first; s < topology->slot_begin[rank + 1]; s++)
      if (changes(before, after, l, s))
        memcpy(spare_at(p, s - first), slot_at(p, l, s - first), p->bytes);
  return MPI_Wtime() - since;
}

double peer_measure_rate(const eplb_topology_t *t, int rank) {
  enum { MESSAGE = 4 << 20, MESSAGES = 8 };
  double rate = 0;
  char *buffer = NULL;
  if (eplb_topology_num_nodes(t) < 2)
    return 0;
  int from = t->node_device[t->node_begin[0]], to = t->node_device[t->node_begin[1]], good;
  if (rank == from || rank == to)
    buffer = EPLB_NEW(char, MESSAGE);
  good = buffer || (rank != from && rank != to);
  MPI_Allreduce(MPI_IN_PLACE, &good, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  for (int i = 0; i <= MESSAGES && good; i++) { /* the first opens the connection */
    double since = i <= 1 ? MPI_Wtime() : rate;
    rate = since;
    if (rank == from)
      MPI_Send(buffer, MESSAGE, MPI_BYTE, to, 0, MPI_COMM_WORLD);
    else if (rank == to)
      MPI_Recv(buffer, MESSAGE, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  double seconds = good ? MPI_Wtime() - rate : 0;
  MPI_Bcast(&seconds, 1, MPI_DOUBLE, to, MPI_COMM_WORLD);
  free(buffer);
  return seconds > 0 ? (double)MESSAGE * MESSAGES / seconds : 0;
}
