/* Another first place for replicas: balanced largest differencing (Michiels, Aarts, Korst and van Leeuwen, "Balanced
 * multi-way number partitioning", 2007). Better than packing one by one where devices have few slots. */
#ifndef EPLB_CORE_PLAN_WINDOW_LARGEST_DIFFERENCING_H
#define EPLB_CORE_PLAN_WINDOW_LARGEST_DIFFERENCING_H

#include "core/plan/window/lpt.h"

/* Where devices have more slots than this, packing one by one is as good. */
enum { EPLB_DIFFERENCING_MAX_SLOTS = 64 };

typedef struct eplb_largest_differencing_scratch {
  uint64_t *keys, *spare; /* [largest number of slots * num_devices] */
  int32_t *expert;        /* the same: what each place of a bin holds, bin after bin */
  int32_t *next;          /* the same */
  int32_t *first, *last;  /* the same: of each bin of each row */
  double *sum;            /* the same */
} eplb_largest_differencing_scratch_t;

/* Places as many replicas as layer->count says and indexes. Returns 0, with nothing done, where it does not apply:
 * devices' slots or speeds differ, too many slots, or counts do not fill them. */
int eplb_largest_differencing_slots(eplb_window_state_t *layer, eplb_lpt_scratch_t *lpt,
                                    eplb_largest_differencing_scratch_t *scratch);

#endif
