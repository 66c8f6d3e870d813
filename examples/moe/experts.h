/* The experts that this rank has in its slots: a hidden layer of 4 width neurons each. Only the rank's slots know which
 * experts these are; everything here goes by slots. */
#ifndef MOE_EXPERTS_H
#define MOE_EXPERTS_H

#include "balance.h"
#include "model.h"

/* What a layer keeps for its backward pass. */
typedef struct layer_rows {
  eplb_routing_t *routing;
  int capacity;
  double *in, *hidden; /* [num_received][width or hidden], by slot */
  double *back;        /* [num_sent][width]: the experts' results, as they came back */
} layer_rows_t;

typedef struct experts {
  const options_t *options;
  balance_t *balance;
  int hidden;
  layer_rows_t *layer;              /* [layers] */
  double *send, *receive, *grouped; /* [choices or capacity][width] */
  double *d_hidden;                 /* [capacity][hidden] */
  int capacity;
  MPI_Datatype row;
} experts_t;

int experts_create(const options_t *options, balance_t *balance, experts_t *experts);
void experts_free(experts_t *experts);

/* y[tokens][width] = u + sum of gate * expert(n). Collective. Returns how many rows this rank has computed. */
int64_t experts_forward(experts_t *experts, int layer, const activations_t *a, double *y);

/* From d_y to d_n[tokens][width], and d_gate[tokens][top_k]; adds to the gradients of the slots. Collective. */
void experts_backward(experts_t *experts, int layer, const activations_t *a, const double *d_y, double *d_n,
                      double *d_gate);

#endif
