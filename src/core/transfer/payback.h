/* The rows of eplb_payback_t. */
#ifndef EPLB_CORE_TRANSFER_PAYBACK_H
#define EPLB_CORE_TRANSFER_PAYBACK_H

#include "core/util/option_table.h"
#include <eplb/payback.h>

extern const eplb_option_table_t eplb_payback_table;

/* Copies a payback of this version or an older one, and checks it. EPLB_ERR_ARGUMENT names the member that is wrong. */
eplb_status_t eplb_payback_take(const eplb_payback_t *given, eplb_payback_t *payback);

#endif
