/* What migration is compared to: the way of its peers, and plain copies. */
#ifndef EPLB_TOOLS_BENCH_BENCH_PEER_H
#define EPLB_TOOLS_BENCH_BENCH_PEER_H

#include <eplb/placement.h>
#include <mpi.h>
#include <stddef.h>

/* One tensor of each expert, twice: the slots, and a layer's spare slots. */
typedef struct peer {
  int num_layers, num_slots;
  size_t bytes;
  char *slots, *spare;
  MPI_Request *request;
} peer_t;

eplb_status_t peer_create(int num_layers, int num_slots, size_t bytes, peer_t *peer);
void peer_free(peer_t *peer);

/* As vLLM's and SGLang's rearrangement does it, layer by layer: every slot whose expert changes gets it whole, in one
 * message, from its first holder (or by a copy, where the rank holds it), into spare memory; then all is copied into
 * place. Returns this rank's seconds. Collective. */
double peer_migrate(peer_t *peer, const eplb_placement_t *before, const eplb_placement_t *after,
                    const eplb_topology_t *topology, int rank);

/* The bytes that this sends across nodes; sent[num_devices] gets those of each sender. */
int64_t peer_count(const eplb_placement_t *before, const eplb_placement_t *after, const eplb_topology_t *topology,
                   int64_t bytes, int64_t *sent);

/* The bytes that must cross between nodes, with any method: an expert once into each node that is to hold it and did
 * not. */
int64_t peer_count_least(const eplb_placement_t *before, const eplb_placement_t *after, const eplb_topology_t *topology,
                         int64_t bytes);

/* All ranks at once copy as many bytes as their changing slots hold. Returns this rank's seconds. Collective. */
double peer_memcpy(peer_t *peer, const eplb_placement_t *before, const eplb_placement_t *after,
                   const eplb_topology_t *topology, int rank);

/* Bytes per second in one direction from the first node to the second; 0 where there is one. Collective. */
double peer_measure_rate(const eplb_topology_t *topology, int rank);

#endif
