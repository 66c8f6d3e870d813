/* The rows of eplb_trigger_t. */
#ifndef EPLB_CORE_TRANSFER_TRIGGER_H
#define EPLB_CORE_TRANSFER_TRIGGER_H

#include "core/util/option_table.h"
#include <eplb/transfer.h>

extern const eplb_option_table_t eplb_trigger_table;

#endif
