/* What a dispatch knows of its placement. */
#ifndef EPLB_CORE_DISPATCH_DISPATCH_H
#define EPLB_CORE_DISPATCH_DISPATCH_H

#include "core/dispatch/flow.h"
#include <eplb/dispatch.h>
#include <stddef.h>

struct eplb_dispatch {
  const eplb_topology_t *topology;
  const eplb_placement_t *placement;
  eplb_flows_t *flows;   /* [num_layers] */
  double *inverse_speed; /* [num_devices] */
  double *part;          /* [num_slots]: scratch */
  double *time;          /* [num_devices]: scratch */
  int32_t *device_of;    /* [num_slots] */
};

static inline const int32_t *eplb_dispatch_begin(const eplb_dispatch_t *d, int layer) {
  return d->placement->replica_begin + (size_t)layer * ((size_t)d->placement->num_experts + 1);
}

static inline const int32_t *eplb_dispatch_slots(const eplb_dispatch_t *d, int layer) {
  return d->placement->replica_slot + (size_t)layer * (size_t)d->placement->num_slots;
}

/* EPLB_ERR_ARGUMENT: no dispatch, or a layer that is not there. */
eplb_status_t eplb_dispatch_check(const eplb_dispatch_t *dispatch, int layer);

#endif
