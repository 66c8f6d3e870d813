/* Synthetic recordings, for the tool and for tests. */
#ifndef EPLB_CORE_MODEL_SYNTHETIC_H
#define EPLB_CORE_MODEL_SYNTHETIC_H

#include "core/model/synthetic_options.h"
#include <eplb/loads.h>

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
