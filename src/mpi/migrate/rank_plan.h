/* From the transfers of all ranks to those of this one. */
#ifndef EPLB_MPI_MIGRATE_RANK_PLAN_H
#define EPLB_MPI_MIGRATE_RANK_PLAN_H

#include "mpi/migrate/migration_plan.h"

/* How an expert gets to its slot's device. */
typedef enum eplb_arrival {
  EPLB_ARRIVES_STAGED, /* into staging */
  EPLB_ARRIVES_DIRECT, /* straight into the slot */
  EPLB_ARRIVES_SHARED  /* with another slot of the device: by a copy at the commit */
} eplb_arrival_t;

typedef struct eplb_rank_plan {
  const eplb_migrate_context_t *context;
  eplb_migration_plan_t *plan;
  int32_t *sent, *received;  /* [num_ranks]: experts to and from each rank in this round */
  int32_t *incoming_of_slot; /* [own slots]: which incoming a slot gets in this commit unit, or -1 */
  int32_t *copy_of_slot;     /* [own slots]: which incoming is its copy in this commit unit, or -1 */
  size_t staging;            /* that this round takes so far */
  int32_t spares;
} eplb_rank_plan_t;

/* All zero before; free also after a failure. EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_plan_init(eplb_rank_plan_t *own, const eplb_migrate_context_t *context,
                                  eplb_migration_plan_t *plan);
void eplb_rank_plan_free(eplb_rank_plan_t *own);

void eplb_rank_plan_open_round(eplb_rank_plan_t *own);
void eplb_rank_plan_open_unit(eplb_rank_plan_t *own);

/* Adds a transfer of the commit unit if it is this rank's. `is_relayed`: its expert crosses the network in another
 * transfer too, before or after this one. EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_plan_add(eplb_rank_plan_t *own, const eplb_transfer_t *transfer, eplb_arrival_t arrival,
                                 int is_relayed);

/* `count` elements of `size` bytes, and room for one more at least; *room says for how many. NULL without memory. */
void *eplb_reserve_one(void *array, int count, int *room, size_t size);

/* What staging an expert of the layer takes. */
size_t eplb_staged_size(const eplb_migrate_context_t *context, int layer);

#endif
