/* The part of the model that every rank has whole: embedding, causal mixing of neighbouring tokens, router, head. Its
 * gradients are added up over all ranks, as in any data-parallel job.
 *
 *   x = embedding(byte)
 *   each layer: u = x + mix(x), n = norm(u), x = u + sum over the top k experts of gate * expert(n)
 *   loss = cross entropy of the next byte, from head(norm(x)) */
#ifndef MOE_MODEL_H
#define MOE_MODEL_H

#include "optimizer.h"
#include "options.h"
#include <stdint.h>

enum { VOCABULARY = 256, MIXED = 4 /* tokens that mixing looks at */ };

/* What a layer keeps for its backward pass. */
typedef struct activations {
  double *x, *u, *n; /* [tokens][width] */
  double *scale;     /* [tokens]: 1 / root mean square of u */
  int32_t *expert;   /* [tokens][top_k] */
  double *gate;      /* [tokens][top_k]: softmax over the chosen experts' scores */
} activations_t;

typedef struct model {
  const options_t *options;
  size_t count;         /* parameters */
  adam_t dense;         /* [count] */
  double *first;        /* [VOCABULARY][width]: the embedding as it began, by which fixed routing goes */
  double *fixed;        /* [layers][experts][width]: routers as they began */
  activations_t *layer; /* [layers + 1]: the last has x, u and n of the head */
  double *scores;       /* [tokens][experts] */
  double *logits;       /* [tokens][VOCABULARY] */
} model_t;

int model_create(const options_t *options, model_t *model);
void model_free(model_t *model);

/* x of layer 0 from the bytes. */
void model_embed(model_t *model, const unsigned char *bytes);
/* u, n, expert and gate of a layer from its x. */
void model_route(model_t *model, int layer, const unsigned char *bytes);
/* The sum of the tokens' losses, from x of layer number `layers`; with d_x, [tokens][width], the gradient of `scale`
 * times that. */
double model_loss(model_t *model, const unsigned char *next, double scale, double *d_x);
/* From d_x, of the layer's result, d_n, what its experts found, and d_gate, to d_x of its x. */
void model_route_back(model_t *model, int layer, const double *d_n, const double *d_gate, double *d_x);
void model_embed_back(model_t *model, const unsigned char *bytes, const double *d_x);

#endif
