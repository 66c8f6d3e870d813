/* Is it worth it: what a change of placement saves, and what it costs to get there. */
#ifndef EPLB_PAYBACK_H
#define EPLB_PAYBACK_H

#include <eplb/transfer.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a move costs and what balance saves, in seconds: for the window planner, and for a trigger. Start from
 * eplb_payback_init, then set what you know. */
typedef struct eplb_payback {
  size_t size;             /* sizeof(eplb_payback_t), set by _init */
  double seconds_per_load; /* that a device of speed 1 takes for a load of 1, e.g. a token; required */
  double horizon;          /* how many windows like the one planned for the new placement will serve; 1 by default */
  double expert_bytes;     /* weights of one expert of the layer; required, except by a session */
  double bytes_per_second
      [EPLB_NUM_LINKS]; /* of one device, by eplb_link_t: 1e12 within it, 100e9 within a node, 25e9 across */
} eplb_payback_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_payback_init_size(eplb_payback_t *payback, size_t size);
static inline void eplb_payback_init(eplb_payback_t *payback) {
  eplb_payback_init_size(payback, sizeof *payback);
}

/* Seconds that one layer's busiest device is faster in `after` than in `before`, over all windows: negative where it is
 * slower. Local, pure. load[num_experts]. */
EPLB_PUBLIC double eplb_payback_gain(const eplb_payback_t *payback, const eplb_topology_t *topology,
                                     const eplb_placement_t *before, const eplb_placement_t *after, int layer,
                                     const double *load);

/* Seconds that the transfers take on the device that has most to send or to receive, links of each kind one after
 * another. Local, pure. device_seconds[2 * num_devices]: scratch, the caller's. */
EPLB_PUBLIC double eplb_payback_cost(const eplb_payback_t *payback, const eplb_topology_t *topology,
                                     const eplb_transfers_t *transfers, double *device_seconds);

#ifdef __cplusplus
}
#endif
#endif
