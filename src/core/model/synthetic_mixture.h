/* Made-up loads that are mixtures of domains. */
#ifndef EPLB_CORE_MODEL_SYNTHETIC_MIXTURE_H
#define EPLB_CORE_MODEL_SYNTHETIC_MIXTURE_H

#include "core/model/synthetic_options.h"
#include <eplb/loads.h>

/* Fills `loads`; options->num_domains > 0. EPLB_ERR_MEMORY. */
eplb_status_t eplb_generate_domains(const eplb_generate_options_t *options, eplb_loads_t *loads);

/* Whole tokens by share[num_experts], whose sum is that asked for but for rounding: load[num_experts]. */
void eplb_generate_count(const eplb_generate_options_t *options, const double *share, double *load);

#endif
