/* Which device supplies an expert to each device that lacks it: domain by domain, those that have sent least. */
#ifndef EPLB_CORE_TRANSFER_SUPPLIERS_H
#define EPLB_CORE_TRANSFER_SUPPLIERS_H

#include <eplb/topology.h>
#include <stdint.h>

enum { EPLB_LACKING = -1 };

/* A domain's receivers pass an expert on so many times before the next ones are supplied by earlier devices again: each
 * time is a stage to wait for, and with two the busiest of n devices sends only the third root of n. So each level adds
 * at most one stage more than that. */
enum { EPLB_PASSES = 2, EPLB_MOST_STAGES = (EPLB_PASSES + 1) * (EPLB_MAX_LEVELS + 1) + 1 };

/* A device that holds the expert or is to get it. */
typedef struct eplb_endpoint {
  int32_t device;
  int32_t slot;  /* that holds the expert, or is the first to get it */
  int32_t ready; /* first stage in which it can send; 0: holds the expert; EPLB_LACKING: has no supplier yet */
  int32_t from;  /* the endpoint that supplies it */
} eplb_endpoint_t;

/* The domains of one level; those of the last, behind the topology's own, are the devices. */
typedef struct eplb_supply_level {
  const int *domain; /* [num_devices] */
  int64_t *sent;     /* by domain: weight that has left it for others */
} eplb_supply_level_t;

/* An endpoint that can send out of its domain of the level that is being supplied. */
typedef struct eplb_source {
  int32_t endpoint, domain;
} eplb_source_t;

typedef struct eplb_suppliers {
  const eplb_topology_t *topology;
  eplb_supply_level_t *level; /* [num_levels + 1] */
  int64_t *sent;              /* all of level[].sent */
  int *itself;                /* [num_devices]: each device's own number */
  int64_t *entered;  /* [num_devices]: weight that has come in by a device, once for each domain that it thus entered */
  int32_t *position; /* [num_devices]: of a device in the order by domains, in which each domain is a run */
  int32_t *device_at;        /* [num_devices]: the device at a position */
  eplb_source_t *source;     /* [num_devices]: scratch: those that can send */
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
