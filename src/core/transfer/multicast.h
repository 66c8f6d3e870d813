/* How an expert reaches the devices that lack it: domain by domain, from those that have sent least. */
#ifndef EPLB_CORE_TRANSFER_MULTICAST_H
#define EPLB_CORE_TRANSFER_MULTICAST_H

#include <eplb/topology.h>
#include <stdint.h>

enum { EPLB_LACKING = -1 };

/* A device that holds the expert or is to get it. */
typedef struct eplb_endpoint {
  int32_t device;
  int32_t slot;  /* that holds it, or is the first to get it */
  int32_t ready; /* the first stage in which it can send: 0 where it holds the expert; EPLB_LACKING until it is fed */
  int32_t from;  /* the point that feeds it */
} eplb_endpoint_t;

typedef struct eplb_multicast {
  const eplb_topology_t *topology;
  int64_t *sent;    /* by level, then domain: weight that has left it for others; after the levels, by device */
  int64_t *entered; /* [num_devices]: weight that has come in by a device, once for each domain that it thus entered */
  int32_t *rank;    /* [num_devices]: place of a device in the order by domains, in which each domain is a run */
  int32_t *ranked;  /* [num_devices]: the device at a place */
  int32_t *source;  /* [num_devices]: scratch: the points that can send */
  eplb_endpoint_t *endpoint; /* [num_devices]: those of the current expert, by rank */
  int num_points;
  unsigned turn;  /* counts the choices, so that they do not all begin at the same device */
  int64_t weight; /* of the current expert */
} eplb_multicast_t;

eplb_status_t eplb_multicast_init(eplb_multicast_t *feeder, const eplb_topology_t *topology);
void eplb_multicast_free(eplb_multicast_t *feeder);

/* The innermost level whose domain two devices share; num_levels if they are the same, -1 if there is none. */
int eplb_shared_level(const eplb_topology_t *topology, int a, int b);

/* Decides by whom each of feeder->point is fed and when. Of the points at least one is ready. */
void eplb_multicast_supply(eplb_multicast_t *feeder, int64_t weight);

#endif
