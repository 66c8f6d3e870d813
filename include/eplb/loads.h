/* Expert loads: how many tokens each logical expert of each MoE layer got, window by window. */
#ifndef EPLB_LOADS_H
#define EPLB_LOADS_H

#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A recording. Plain data: read it freely; arrays belong to it. */
typedef struct eplb_loads {
  int num_windows; /* >= 1; windows follow each other in time */
  int num_layers;  /* >= 1; MoE layers only */
  int num_experts; /* >= 1; logical experts of a layer */
  int *layer_id;   /* [num_layers]: the model's own number of each MoE layer */
  int incomplete;  /* 1: the file ended within a window, which was left out */
  double *load;    /* [num_windows][num_layers][num_experts], row-major, tokens (any unit: only ratios matter) */
} eplb_loads_t;

/* All sizes of a recording stay within this many values, so that no product of them overflows. */
#define EPLB_LOADS_MAX_VALUES (INT64_C(1) << 34)

/* Allocates a recording with all loads zero and layer_id = 0, 1, 2, ... Local.
 * The caller owns *loads and ends it with eplb_loads_destroy. EPLB_ERR_ARGUMENT: a size < 1 or too many values;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_loads_create(int num_windows, int num_layers, int num_experts, eplb_loads_t **loads);

/* Frees *loads and sets it NULL; NULL is fine. Local. */
EPLB_PUBLIC void eplb_loads_destroy(eplb_loads_t **loads);

/* One window, `[num_layers][num_experts]`, inside `loads`; window in [0, num_windows). Local. */
EPLB_PUBLIC const double *eplb_loads_window(const eplb_loads_t *loads, int window);

/* Whether load[num_layers][num_experts] can be planned for: each value finite, >= 0 and < 2^63. Local.
 * EPLB_ERR_LOADS names the first layer and expert (by index) that is not; EPLB_ERR_ARGUMENT: a size < 1 or NULL. */
EPLB_PUBLIC eplb_status_t eplb_loads_check(int num_layers, int num_experts, const double *load);

/* How many layers of load[num_layers][num_experts] have no load at all, as dense layers and idle ones. Local. */
EPLB_PUBLIC int eplb_loads_idle_layers(int num_layers, int num_experts, const double *load);

/* The sum over all windows: sum[num_layers][num_experts], the caller's. Local. */
EPLB_PUBLIC void eplb_loads_sum(const eplb_loads_t *loads, double *sum);

/* How made-up loads are spread over the experts of a layer. */
typedef enum eplb_spread {
  EPLB_SPREAD_LOGNORMAL, /* exp(parameter * normal): parameter .5 mild, 1 like recorded traffic */
  EPLB_SPREAD_ZIPF,      /* the k-th busiest gets 1 / k^parameter */
  EPLB_SPREAD_UNIFORM    /* all alike in expectation: 0 to 2 times the mean; parameter unused */
} eplb_spread_t;

/* Start from eplb_generate_options_init, then change what you want. */
typedef struct eplb_generate_options {
  size_t size; /* sizeof(eplb_generate_options_t), set by _init */
  int num_windows, num_layers, num_experts;
  eplb_spread_t spread;
  double parameter; /* of the spread; finite, in [0, 16] */
  double drift;     /* share of a layer's popularity that is drawn anew from window to window, in [0, 1] */
  int num_domains;  /* 0 (default): experts drift each by itself; 1 to 64: windows are mixtures of so many domains */
  double tokens;    /* mean tokens per expert and window, in [1, 2^40]; of all experts together below 2^63 */
  uint64_t seed;
} eplb_generate_options_t;

/* 8 windows of 8 layers of 64 experts, lognormal 1, drift .1, 10,000 tokens per expert, seed 1. Local. */
EPLB_PUBLIC void eplb_generate_options_init(eplb_generate_options_t *options);

/* Makes up a recording of whole numbers of tokens; the same options give the same recording. Local.
 * With domains (chat, code, ...; lognormal only) each layer has a profile of popularity for each domain, and `drift` is
 * of the mixture's weights, which all layers share. As in recorded traffic of GLM-5.2, 75 layers of 256 experts and
 * four domains: logarithms of two domains' profiles have a correlation of .25, an expert's own changes from window to
 * window a deviation of .27, and parameter .74 is a profile's deviation there.
 * The caller owns *loads. EPLB_ERR_ARGUMENT names the option; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_loads_generate(const eplb_generate_options_t *options, eplb_loads_t **loads);

#ifdef __cplusplus
}
#endif
#endif
