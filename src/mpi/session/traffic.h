/* What the job's own messages need: the communicator that carries them, so that they cannot meet those of an open
 * rebalance, and buffers. Made at the first call that needs it. */
#ifndef EPLB_MPI_SESSION_TRAFFIC_H
#define EPLB_MPI_SESSION_TRAFFIC_H

#include "mpi/session/session.h"

struct eplb_traffic {
  eplb_comm_t comm;   /* its parent is the session's */
  eplb_split_t split; /* of all routings of the session */
  int has_split;
  int stride;        /* of the blocks below: what one rank tells another when a batch is routed */
  int32_t *out, *in; /* [num_ranks][stride] */
  float *share;      /* [num_slots] */
  int64_t *sum;      /* [num_experts] */
};

/* Makes session->traffic unless it is there. Collective, between two calls that all ranks agreed on. EPLB_ERR_MEMORY,
 * EPLB_ERR_MPI: the same on every rank. */
eplb_status_t eplb_traffic_open(eplb_session_t *session);

/* Collective. */
void eplb_traffic_close(eplb_session_t *session);

#endif
