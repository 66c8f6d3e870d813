/* Everything that the job does because of mpi-eplb: where experts are, and when they move. */
#ifndef MOE_BALANCE_H
#define MOE_BALANCE_H

#include "optimizer.h"
#include "options.h"
#include <eplb/eplb_mpi.h>

enum { HIDDEN = 4 }; /* neurons of an expert for each of the model's width */

typedef struct balance {
  const options_t *options;
  balance_mode_t mode;
  int rank, ranks, slots;
  eplb_session_t *session;
  eplb_split_t split;
  size_t parameters; /* of an expert */
  adam_t *layer;     /* [layers]: [slots][parameters] each */
  int is_open;       /* a rebalance */
  long moved;        /* slots, so far */
  int rebalances;
  double seconds; /* that this rank spent in the calls of rebalances */
} balance_t;

/* Ends the job with the sentence of the library's last error, or with this one. */
void balance_need(eplb_status_t status);
void balance_stop(const char *sentence);

/* A session with experts that follow from the seed, the same whatever slots they are in. Collective. */
void balance_create(const options_t *options, balance_mode_t mode, balance_t *balance);
void balance_free(balance_t *balance);

/* The weights of one of this rank's slots. */
adam_t balance_slot(const balance_t *balance, int layer, int slot);

/* Before a layer routes: its experts are in their new slots afterwards. */
void balance_before_layer(balance_t *balance, int layer);
/* Between the forward and the backward pass: nothing moves any more. */
void balance_after_forward(balance_t *balance);
/* Counts the router's choices and routes them. */
void balance_route(balance_t *balance, int layer, const int32_t *expert, eplb_routing_t *routing);
/* Once a layer's gradients are there: starts to add up those of replicas. */
void balance_after_backward(balance_t *balance, int layer);
/* The optimizer's step of all experts; then a rebalance where one is due. */
void balance_step(balance_t *balance, int step);

/* How many slots hold other bits than the first replica of their expert. Collective. */
int balance_count_different(const balance_t *balance);

#endif
