/* An open rebalance, between rebalance.c (begin and end), advance.c (test and wait) and commit.c. */
#ifndef EPLB_MPI_SESSION_REBALANCING_H
#define EPLB_MPI_SESSION_REBALANCING_H

#include "mpi/migrate/migration.h"
#include "mpi/session/session.h"
#include "mpi/session/vote.h"

typedef enum eplb_phase {
  EPLB_PHASE_OPENING, /* begin has not ended yet */
  EPLB_PHASE_MOVING,  /* a round, or a part of it again, is under way */
  EPLB_PHASE_READY,   /* all ranks have all of the round; its layers are being committed */
  EPLB_PHASE_DONE,    /* no round is left */
  EPLB_PHASE_FAILED   /* the round under way failed on some rank; nothing more will be committed */
} eplb_phase_t;

struct eplb_rebalancing {
  eplb_phase_t phase;
  eplb_placement_t *after;
  int32_t *changes; /* what makes it of the session's placement: core/transfer/changed_slots.h */
  eplb_migration_plan_t plan;
  eplb_migration_t migration;
  int round;            /* the one under way or ready */
  int next_unit;        /* of plan.unit: the first that is not committed */
  unsigned char *again; /* [num_layers]: written by the job while its round moves; to be sent again */
  double began;
  eplb_ballot_t ballot; /* on the round */
  int has_result;       /* of the ballot; test and wait have not used it yet */
  eplb_report_t report;
};

/* EPLB_ERR_ARGUMENT: no session; EPLB_ERR_STATE: no rebalance is open. */
eplb_status_t eplb_rebalancing_check_open(const eplb_session_t *session);

/* Starts round number `round`; ends moving if there is no such round. */
void eplb_rebalancing_start_round(eplb_rebalancing_t *rebalancing, int round);

/* In a finished round, sends the layers that are marked in `again` once more; if none is marked, the round is ready. */
void eplb_rebalancing_send_again(eplb_session_t *session);

/* Ends committing. Must be called on every rank. */
void eplb_rebalancing_fail(eplb_session_t *session);

/* Empties slots of the round that got experts directly and are not committed: they hold nothing that the map could
 * name. Must be called on every rank. */
void eplb_rebalancing_empty_direct_slots(eplb_session_t *session);

/* Waits until a vote ends the round. Collective. EPLB_ERR_MISMATCH. */
eplb_status_t eplb_rebalancing_wait_for_all(eplb_session_t *session);

/* The failure on which the last vote ended, on every rank. Collective. */
eplb_status_t eplb_rebalancing_share_failed_vote(eplb_session_t *session);

void eplb_rebalancing_tell_progress(const eplb_session_t *session);

#endif
