/* How an expert's load is best divided among its replicas when the loads are known: so that it can flow from busy
 * devices to idle ones. */
#ifndef EPLB_CORE_DISPATCH_FLOW_H
#define EPLB_CORE_DISPATCH_FLOW_H

#include <eplb/status.h>
#include <stdint.h>

/* Two replicas of an expert, between which load can flow. */
typedef struct eplb_flow {
  int32_t a, b;               /* replicas, as the placement numbers them: index into replica_slot of the layer */
  int32_t device_a, device_b; /* never the same */
} eplb_flow_t;

typedef struct eplb_flows {
  int count;
  eplb_flow_t *flow;
} eplb_flows_t;

/* Room for the flows of any layer of `num_slots` slots: with it, eplb_flows_find allocates nothing. EPLB_ERR_MEMORY. */
eplb_status_t eplb_flows_reserve(int num_experts, int num_slots, eplb_flows_t *flows);

/* Lists the flows of a layer with replica_begin[num_experts + 1], replica_slot[] and device_of[num_slots],
 * in room that is reserved. */
void eplb_flows_find(int num_experts, const int32_t *replica_begin, const int32_t *replica_slot,
                     const int32_t *device_of, eplb_flows_t *flows);

/* Lets load flow until times are level or nothing more can. part[]: the load of each replica; time[num_devices]: what
 * they add up to times inverse_speed[num_devices]; both are brought up to date. `fine`: a flow, of the mean time, that
 * is too small to matter. */
void eplb_flows_level(const eplb_flows_t *flows, const double *inverse_speed, double fine, int max_sweeps, double *part,
                      double *time);

#endif
