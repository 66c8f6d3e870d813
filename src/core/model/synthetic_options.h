/* What a synthetic recording is like. */
#ifndef EPLB_CORE_MODEL_SYNTHETIC_OPTIONS_H
#define EPLB_CORE_MODEL_SYNTHETIC_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* How made-up loads are spread over the experts of a layer. */
typedef enum eplb_spread {
  EPLB_SPREAD_LOGNORMAL, /* exp(parameter * normal): parameter .5 mild, 1 like recorded traffic */
  EPLB_SPREAD_ZIPF,      /* the k-th busiest gets 1 / k^parameter */
  EPLB_SPREAD_UNIFORM    /* the same expectation for all: 0 to 2 times the mean; parameter unused */
} eplb_spread_t;

/* Start from eplb_generate_options_init, then change what you want. */
typedef struct eplb_generate_options {
  size_t size; /* sizeof(eplb_generate_options_t), set by _init */
  int num_windows, num_layers, num_experts;
  eplb_spread_t spread;
  double parameter; /* of the spread; finite, in [0, 16] */
  double drift;     /* share of a layer's popularity that is drawn anew from window to window, in [0, 1] */
  int num_domains; /* 0 (default): each expert drifts independently; 1 to 64: windows are mixtures of so many domains */
  double tokens;   /* mean tokens per expert and window, in [1, 2^40]; of all experts together below 2^63 */
  uint64_t seed;
} eplb_generate_options_t;

#endif
