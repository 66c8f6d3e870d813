/* Synthetic recordings. The popularity of each expert (log-normal, Zipf or uniform) follows from a normal number
 * that drifts from window to window. */
#include "core/model/synthetic.h"
#include "core/model/synthetic_mixture.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/random.h"
#include <eplb/loads.h>
#include <stddef.h>

void eplb_generate_options_init(eplb_generate_options_t *options) {
  *options = (eplb_generate_options_t){.size = sizeof *options,
                                       .num_windows = 8,
                                       .num_layers = 8,
                                       .num_experts = 64,
                                       .spread = EPLB_SPREAD_LOGNORMAL,
                                       .parameter = 1,
                                       .drift = .1,
                                       .tokens = 10000,
                                       .seed = 1};
}

static eplb_status_t check_synthetic(const eplb_generate_options_t *o) {
  if (!o)
    return eplb_fail(EPLB_ERR_ARGUMENT, "generate options are NULL");
  if (o->size != sizeof *o)
    return eplb_fail(EPLB_ERR_ARGUMENT, "generate options of %s; expected %zu: call eplb_generate_options_init",
                     eplb_count(o->size, "byte"), sizeof *o);
  if ((unsigned)o->spread > EPLB_SPREAD_UNIFORM)
    return eplb_fail(EPLB_ERR_ARGUMENT, "spread is %d; expected 0 to %d", (int)o->spread, EPLB_SPREAD_UNIFORM);
  if (!(o->parameter >= 0 && o->parameter <= 16))
    return eplb_fail(EPLB_ERR_ARGUMENT, "parameter is %g; expected 0 to 16", o->parameter);
  if (!(o->drift >= 0 && o->drift <= 1))
    return eplb_fail(EPLB_ERR_ARGUMENT, "drift is %g; expected 0 to 1", o->drift);
  if (o->num_domains < 0 || o->num_domains > 64)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s; expected 0 to 64", eplb_count(o->num_domains, "domain"));
  if (o->num_domains > 0 && o->spread != EPLB_SPREAD_LOGNORMAL)
    return eplb_fail(EPLB_ERR_ARGUMENT, "domains with spread %d; expected lognormal", (int)o->spread);
  if (!(o->tokens >= 1 && o->tokens <= 0x1p40))
    return eplb_fail(EPLB_ERR_ARGUMENT, "tokens is %g; expected 1 to 2^40", o->tokens);
  if (!(o->tokens * o->num_experts < 0x1p63)) /* all of them may go to one expert */
    return eplb_fail(EPLB_ERR_ARGUMENT, "tokens is %g for each of %s; expected a sum below 2^63", o->tokens,
                     eplb_count(o->num_experts, "expert"));
  return EPLB_SUCCESS;
}

typedef struct rank {
  double normal;
  int expert;
} rank_t;

static int by_normal_descending(const void *a, const void *b) {
  const rank_t *x = a, *y = b;
  return x->normal != y->normal ? (x->normal < y->normal ? 1 : -1) : x->expert - y->expert;
}

/* How popular each expert is, from its normal number: any increasing function of that drifts as it does. */
static void popularity(const eplb_generate_options_t *o, const double *normal, rank_t *order, double *share) {
  int n = o->num_experts;
  for (int e = 0; e < n; e++)
    order[e] = (rank_t){normal[e], e};
  if (o->spread == EPLB_SPREAD_ZIPF)
    qsort(order, (size_t)n, sizeof *order, by_normal_descending);
  for (int k = 0; k < n; k++)
    switch (o->spread) {
    case EPLB_SPREAD_LOGNORMAL:
      share[k] = exp(o->parameter * normal[k]);
      break;
    case EPLB_SPREAD_ZIPF:
      share[order[k].expert] = pow(k + 1, -o->parameter);
      break;
    case EPLB_SPREAD_UNIFORM:
      share[k] = .5 * erfc(-normal[k] * 0.7071067811865476); /* the normal's own distribution function */
      break;
    }
}

/* Of the layer at hand, [num_experts] each. */
typedef struct drift {
  uint64_t state;
  double *normal, *share;
  rank_t *order;
} drift_t;

/* One layer, window after window: each expert's normal number x becomes sqrt(1 - d) x + sqrt(d) y with a fresh y, so
 * that it stays normal with deviation 1, and the share d of its variance is new. */
static void generate_layer(const eplb_generate_options_t *o, drift_t *d, int layer, eplb_loads_t *loads) {
  for (int e = 0; e < o->num_experts; e++)
    d->normal[e] = eplb_random_normal(&d->state);
  for (int w = 0; w < o->num_windows; w++) {
    for (int e = 0; w > 0 && e < o->num_experts; e++)
      d->normal[e] = sqrt(1 - o->drift) * d->normal[e] + sqrt(o->drift) * eplb_random_normal(&d->state);
    popularity(o, d->normal, d->order, d->share);
    size_t row = (size_t)w * (size_t)o->num_layers + (size_t)layer;
    eplb_generate_count(o, d->share, loads->load + row * (size_t)o->num_experts);
  }
}

static eplb_status_t generate_drifting(const eplb_generate_options_t *o, eplb_loads_t *loads) {
  drift_t d = {.state = o->seed,
               .normal = EPLB_NEW(double, o->num_experts),
               .share = EPLB_NEW(double, o->num_experts),
               .order = EPLB_NEW(rank_t, o->num_experts)};
  int complete = d.normal && d.share && d.order;
  for (int i = 0; i < o->num_layers && complete; i++)
    generate_layer(o, &d, i, loads);
  free(d.order);
  free(d.share);
  free(d.normal);
  return complete ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

eplb_status_t eplb_loads_generate(const eplb_generate_options_t *options, eplb_loads_t **loads) {
  eplb_loads_t *l = NULL;
  eplb_status_t status = check_synthetic(options);
  if (!status)
    status = eplb_loads_create(options->num_windows, options->num_layers, options->num_experts, &l);
  if (!status)
    status = options->num_domains > 0 ? eplb_generate_domains(options, l) : generate_drifting(options, l);
  if (status)
    eplb_loads_destroy(&l);
  else
    *loads = l;
  return status;
}
