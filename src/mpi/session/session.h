/* What a session holds. From counts to weights: plan_step.c (counts to a placement), ../migrate/migration_plan.c (the
 * placement to this rank's transfers), ../migrate/migration.c (moves them), rebalance.c, advance.c and commit.c
 * (the calls that put these together). traffic.c, route.c, replicas.c and reduction.c: the job's tokens and gradients.
 * saved.c: restarts. options.c and session.c are its life, registration.c its tensors, window.c its counts. */
#ifndef EPLB_MPI_SESSION_SESSION_H
#define EPLB_MPI_SESSION_SESSION_H

#include "mpi/migrate/context.h"
#include "mpi/session/reduction.h"
#include "mpi/session/vote.h"

typedef struct eplb_rebalancing eplb_rebalancing_t;
typedef struct eplb_traffic eplb_traffic_t;

struct eplb_session {
  eplb_comm_t *comm; /* its own */
  int rank, num_ranks;
  eplb_ballot_t ballot;           /* with which each collective call begins */
  eplb_session_options_t options; /* with the environment's overrides; its topology and initial are not kept */
  eplb_plan_options_t plan;       /* what options.plan points to */
  eplb_payback_t payback;         /* what plan.payback points to, if anything */
  eplb_payback_t trigger_payback; /* what trigger.payback points to, if there is a trigger */
  eplb_trigger_t trigger;         /* what options.trigger points to, if anything */
  int windows_since;              /* since the last rebalance that changed anything */
  eplb_topology_t *topology;
  int *leaving;          /* [num_ranks]: 1 for ranks that will leave; or NULL */
  eplb_topology_t *rest; /* of the others, if any rank leaves; else NULL */
  eplb_placement_t *placement;
  eplb_tensors_t *layer;   /* [num_layers] */
  int64_t *window;         /* [num_layers][num_experts]: tokens counted on this rank since the last rebalance */
  double *counts;          /* the same as they are reduced */
  int num_planning;        /* ranks that plan, each some of the layers */
  double *load;            /* on ranks that plan: of all ranks */
  eplb_history_t *history; /* on ranks that plan: the windows of earlier rebalances; else NULL */
  int32_t *list_length, *list_begin; /* [num_ranks]: scratch of planning_ranks.c, on rank 0 */
  const eplb_memory_t *memory;
  int num_pools;
  eplb_migrate_context_t migrate;  /* owns its pools, staging and shared memory; points to what else is here */
  eplb_mapped_t mapped;            /* memory of this process, as of a registration or begin */
  uint64_t rebalances;             /* begun so far */
  int has_verified;                /* a rebalance with checksums has moved weights */
  eplb_rebalancing_t *rebalancing; /* NULL: none is open */
  eplb_dispatch_t *dispatch;       /* NULL: not asked for yet */
  eplb_reduction_t *reduction;     /* [num_layers], of replicas' gradients; NULL: there was none yet */
  eplb_traffic_t *traffic;         /* NULL: no call has needed it yet */
};

static inline int eplb_session_num_slots(const eplb_session_t *s) {
  return s->topology->slot_begin[s->rank + 1] - s->topology->slot_begin[s->rank];
}

/* Whether the session's shape can be planned on these devices. What an expert weighs need not be known yet. Local. As
 * eplb_plan. */
eplb_status_t eplb_session_try_planner(const eplb_session_t *session, const eplb_topology_t *topology);

/* Makes the inverse maps of a layer whose row of physical_to_logical was rewritten, and renews its dispatch tables. */
void eplb_session_index_layer(eplb_session_t *session, int layer);

/* EPLB_ERR_STATE: a reduction of replicas' gradients is open. Local. */
eplb_status_t eplb_session_check_not_reducing(const eplb_session_t *session);

/* Whether all registered memory can still be read and written, as far as the kernel says. EPLB_ERR_ARGUMENT names what
 * cannot; EPLB_ERR_MEMORY. Local. */
eplb_status_t eplb_session_check_mapped(eplb_session_t *session);

#endif
