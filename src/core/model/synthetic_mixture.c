/* Synthetic recordings of mixed traffic: each window mixes the expert popularities of several domains (code, chat, ...)
 * with weights that vary. */
#include "core/model/synthetic_mixture.h"
#include "core/model/synthetic_options.h"
#include "core/util/alloc.h"
#include "core/util/random.h"
#include <math.h>
#include <string.h>

/* Measured on recorded traffic: see eplb_loads_generate. */
static const double COMMON = .25, OWN_CHANGE = .27;

/* How far logarithms of the domains' weights go up and down: one domain often has half of a window, and rarely all of
 * it. */
static const double SWING = 1.2;

/* The mixture of each window, weight[num_windows][num_domains], adding up to 1. */
static void make_weights(const eplb_generate_options_t *o, uint64_t *state, double *weight) {
  for (int d = 0; d < o->num_domains; d++) {
    double normal = eplb_random_normal(state);
    for (int w = 0; w < o->num_windows; w++) {
      if (w > 0)
        normal = sqrt(1 - o->drift) * normal + sqrt(o->drift) * eplb_random_normal(state);
      weight[(size_t)w * (size_t)o->num_domains + (size_t)d] = exp(SWING * normal);
    }
  }
  for (int w = 0; w < o->num_windows; w++) {
    double sum = 0, *row = weight + (size_t)w * (size_t)o->num_domains;
    for (int d = 0; d < o->num_domains; d++)
      sum += row[d];
    for (int d = 0; d < o->num_domains; d++)
      row[d] /= sum;
  }
}

/* A layer's profiles, profile[num_domains][num_experts], each adding up to 1. */
static void make_profiles(const eplb_generate_options_t *o, uint64_t *state, double *common, double *profile) {
  for (int e = 0; e < o->num_experts; e++)
    common[e] = sqrt(COMMON) * eplb_random_normal(state);
  for (int d = 0; d < o->num_domains; d++, profile += o->num_experts) {
    double sum = 0;
    for (int e = 0; e < o->num_experts; e++)
      sum += profile[e] = exp(o->parameter * (common[e] + sqrt(1 - COMMON) * eplb_random_normal(state)));
    for (int e = 0; e < o->num_experts; e++)
      profile[e] /= sum;
  }
}

static void mix_profiles(const eplb_generate_options_t *o, uint64_t *state, const double *weight, const double *profile,
                         double *share) {
  memset(share, 0, (size_t)o->num_experts * sizeof *share);
  for (int d = 0; d < o->num_domains; d++, profile += o->num_experts)
    for (int e = 0; e < o->num_experts; e++)
      share[e] += weight[d] * profile[e];
  for (int e = 0; e < o->num_experts; e++)
    share[e] *= exp(OWN_CHANGE * eplb_random_normal(state));
}

void eplb_generate_count(const eplb_generate_options_t *o, const double *share, double *load) {
  double sum = 0;
  for (int e = 0; e < o->num_experts; e++)
    sum += share[e];
  for (int e = 0; e < o->num_experts; e++)
    load[e] = floor(share[e] / sum * o->tokens * o->num_experts + .5);
}

eplb_status_t eplb_generate_domains(const eplb_generate_options_t *o, eplb_loads_t *loads) {
  size_t experts = (size_t)o->num_experts, domains = (size_t)o->num_domains;
  double *weight = EPLB_NEW(double, (size_t)o->num_windows *domains), *profile = EPLB_NEW(double, domains *experts);
  double *common = EPLB_NEW(double, experts), *share = EPLB_NEW(double, experts);
  int complete = weight && profile && common && share;
  uint64_t state = o->seed;
  if (complete)
    make_weights(o, &state, weight);
  for (int l = 0; l < o->num_layers && complete; l++) {
    make_profiles(o, &state, common, profile);
    for (int w = 0; w < o->num_windows; w++) {
      mix_profiles(o, &state, weight + (size_t)w * domains, profile, share);
      eplb_generate_count(o, share, loads->load + ((size_t)w * (size_t)o->num_layers + (size_t)l) * experts);
    }
  }
  free(weight);
  free(profile);
  free(common);
  free(share);
  return complete ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}
