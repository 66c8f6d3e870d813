/* Synthetic recordings, for the tool and for tests. */
#ifndef EPLB_CORE_MODEL_SYNTHETIC_H
#define EPLB_CORE_MODEL_SYNTHETIC_H

#include <eplb/loads.h>

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

/* 8 windows of 8 layers of 64 experts, lognormal 1, drift .1, 10,000 tokens per expert, seed 1. Local. */
void eplb_generate_options_init(eplb_generate_options_t *options);

/* Makes up a recording of whole numbers of tokens; the same options give the same recording. Local.
 * With domains (chat, code, ...; lognormal only) each layer has a profile of popularity for each domain, and `drift` is
 * of the mixture's weights, which all layers share. As in recorded traffic of GLM-5.2, 75 layers of 256 experts and
 * four domains: logarithms of two domains' profiles have a correlation of .25, an expert's own changes from window to
 * window a deviation of .27, and parameter .74 is a profile's deviation there.
 * The caller owns *loads. EPLB_ERR_ARGUMENT names the option; EPLB_ERR_MEMORY. */
eplb_status_t eplb_loads_generate(const eplb_generate_options_t *options, eplb_loads_t **loads);

#endif
