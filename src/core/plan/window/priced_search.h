/* Changing a layer's placement where each change has a price: of moving weights, of leaving home. */
#ifndef EPLB_CORE_PLAN_WINDOW_PRICED_SEARCH_H
#define EPLB_CORE_PLAN_WINDOW_PRICED_SEARCH_H

#include "core/plan/window/window_state.h"

enum { EPLB_PRICE_CLASSES = 2 * (EPLB_MAX_LEVELS + 2) };

/* What it costs to have an expert on a device: by the class of the two, so much for a replica and so much more for its
 * replica load. */
typedef struct eplb_prices {
  const uint8_t *class; /* [num_experts][num_devices] */
  double fixed[EPLB_PRICE_CLASSES], per_load[EPLB_PRICE_CLASSES];
  uint8_t is_move[EPLB_PRICE_CLASSES]; /* whether it counts as a replica that has moved */
} eplb_prices_t;

/* No change that costs this much is made. */
#define EPLB_PRICE_FORBIDDEN 1e9

typedef struct eplb_priced_search_limits {
  double target;               /* time that is good enough */
  double largest_replica_load; /* no expert gives up a replica if its replica loads then are larger */
  int max_moves;               /* replicas that may have moved in the end */
  double least_value;          /* gain per price below which nothing is done */
} eplb_priced_search_limits_t;

/* How many replicas are where they count as moved. */
int eplb_count_moves(const eplb_window_state_t *layer, const eplb_prices_t *prices);

/* First: while an expert's replica load is above the target, it gets the slot of the replica that can best be
 * spared. */
void eplb_priced_search_counts(eplb_window_state_t *layer, const eplb_prices_t *prices,
                               const eplb_priced_search_limits_t *limits);

/* Then: lowers the busiest device, again and again by the swap or recount that gains most for its price, as long as the
 * limits and layer->work allow. Returns the largest time. */
double eplb_priced_search(eplb_window_state_t *layer, const eplb_prices_t *prices,
                          const eplb_priced_search_limits_t *limits);

#endif
