/* What a session holds. From counts to weights: plan_step.c (counts to a placement), ../migrate/migration_plan.c (the
 * placement to this rank's transfers), ../migrate/migration.c (moves them), rebalance.c and commit.c (the calls that
 * put these together); options.c and session.c are its life. */
#ifndef EPLB_MPI_SESSION_SESSION_H
#define EPLB_MPI_SESSION_SESSION_H

#include "mpi/memory/cma.h"
#include "mpi/memory/shm_region.h"
#include "mpi/migrate/tensors.h"
#include "mpi/session/vote.h"
#include <eplb/session.h>

typedef struct eplb_rebalancing eplb_rebalancing_t;

struct eplb_session {
  eplb_comm_t *comm; /* its own */
  int rank, num_ranks;
  eplb_ballot_t ballot;           /* with which each collective call begins */
  eplb_session_options_t options; /* with the environment's overrides; its topology and initial are not kept */
  eplb_payback_t payback;         /* what options.plan.payback points to, if anything */
  eplb_payback_t trigger_payback; /* what trigger.payback points to, if there is a trigger */
  eplb_trigger_t trigger;         /* what options.trigger points to, if anything */
  int windows_since;              /* on rank 0: since the last rebalance that changed anything */
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  eplb_tensors_t *layer;   /* [num_layers] */
  int64_t *window;         /* [num_layers][num_experts]: tokens counted on this rank since the last rebalance */
  double *counts;          /* the same as they are reduced */
  double *load;            /* on rank 0: of all ranks */
  eplb_history_t *history; /* on rank 0: the windows of earlier rebalances */
  int num_pools;
  eplb_pool_t *pool;
  const eplb_memory_t *memory;
  eplb_shm_queue_t *queue; /* to and from ranks that share memory with this one; or NULL */
  eplb_shm_regions_t *regions;
  eplb_mapped_t mapped; /* memory of this process, as of a registration or begin */
  eplb_cma_t *cma;      /* of their own memory; or NULL */
  char *staging;        /* for incoming experts, as large as any rebalance has needed so far */
  size_t staging_bytes;
  uint64_t rebalances;             /* begun so far */
  int has_verified;                /* a rebalance with checksums has moved weights */
  eplb_rebalancing_t *rebalancing; /* NULL: none is open */
};

static inline int eplb_session_slots(const eplb_session_t *s) {
  return s->topology->slot_begin[s->rank + 1] - s->topology->slot_begin[s->rank];
}

/* Whether weights go to `rank` and come from it by messages. */
static inline int eplb_session_uses_letters(const eplb_session_t *s, int rank) {
  return s->memory->host_can_touch && eplb_shm_queue_reaches(s->queue, rank);
}

/* Whether all registered memory can still be read and written, as far as the kernel says. EPLB_ERR_ARGUMENT names what
 * cannot; EPLB_ERR_MEMORY. Local. */
eplb_status_t eplb_session_check_mapped(eplb_session_t *session);

/* The fault callback's answer at a step; EPLB_SUCCESS where there is no callback. */
eplb_status_t eplb_session_fault(const eplb_session_t *session, eplb_step_t step, void *bytes, size_t size);

#endif
