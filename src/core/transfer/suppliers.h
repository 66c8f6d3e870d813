/* Which device supplies an expert to each device that lacks it: domain by domain, those that have sent least. */
#ifndef EPLB_CORE_TRANSFER_SUPPLIERS_H
#define EPLB_CORE_TRANSFER_SUPPLIERS_H

#include <eplb/topology.h>
#include <stdint.h>

enum { EPLB_LACKING = -1 };

/* A device that holds the expert or is to get it. */
typedef struct eplb_endpoint {
  int32_t device;
  int32_t slot;  /* that holds the expert, or is the first to get it */
  int32_t ready; /* first stage in which it can send; 0: holds the expert; EPLB_LACKING: has no supplier yet */
  int32_t from;  /* the endpoint that supplies it */
} eplb_endpoint_t;

typedef struct eplb_suppliers {
  const eplb_topology_t *topology;
  int64_t *sent;     /* by level, then domain: weight that has left it for others; after the levels, by device */
  int64_t *entered;  /* [num_devices]: weight that has come in by a device, once for each domain that it thus entered */
  int32_t *position; /* [num_devices]: of a device in the order by domains, in which each domain is a run */
  int32_t *device_at;        /* [num_devices]: the device at a position */
  int32_t *source;           /* [num_devices]: scratch: the endpoints that can send */
  eplb_endpoint_t *endpoint; /* [num_devices]: those of the current expert, by position */
  int num_endpoints;
  unsigned turn;  /* counts the choices, so that they do not all begin at the same device */
  int64_t weight; /* of the current expert */
} eplb_suppliers_t;

eplb_status_t eplb_suppliers_init(eplb_suppliers_t *suppliers, const eplb_topology_t *topology);
void eplb_suppliers_free(eplb_suppliers_t *suppliers);

/* The innermost level whose domain two devices share; num_levels if they are the same, -1 if there is none. */
int eplb_shared_level(const eplb_topology_t *topology, int a, int b);

/* Chooses the supplier and the stage of each of suppliers->endpoint. At least one of them must be ready. */
void eplb_suppliers_choose(eplb_suppliers_t *suppliers, int64_t weight);

#endif
