/* The rows of eplb_payback_t. */
#ifndef EPLB_CORE_TRANSFER_PAYBACK_H
#define EPLB_CORE_TRANSFER_PAYBACK_H

#include "core/util/option_table.h"
#include <eplb/transfer.h>

extern const eplb_option_table_t eplb_payback_table;

/* Copies a payback of this version or an older one, and checks it. EPLB_ERR_ARGUMENT names the member that is wrong. */
eplb_status_t eplb_payback_take(const eplb_payback_t *given, eplb_payback_t *payback);

/* The same, and refuses a payback that does not say the bytes of an expert. */
eplb_status_t eplb_payback_take_whole(const eplb_payback_t *given, eplb_payback_t *payback);

/* Seconds that one layer's busiest device is faster in `after` than in `before`, over all windows: negative where it is
 * slower. Local, pure. load[num_experts]. */
double eplb_payback_gain(const eplb_payback_t *payback, const eplb_topology_t *topology, const eplb_placement_t *before,
                         const eplb_placement_t *after, int layer, const double *load);

/* Seconds that the transfers take on the device that has most to send or to receive, links of each kind one after
 * another. Local, pure. device_seconds[2 * num_devices]: scratch, the caller's. */
double eplb_payback_cost(const eplb_payback_t *payback, const eplb_topology_t *topology,
                         const eplb_transfers_t *transfers, double *device_seconds);

#endif
