/* A communicator that remembers how MPI failed on this rank, until all ranks know it.
 *
 * Every return code of MPI goes through eplb_comm_ok (or eplb_mpi, where there is no eplb_comm_t). A call that fails on
 * one rank may have succeeded on the others, which go on. So this rank must go on too, with values that it set before
 * the call, take part in the messages that the others expect, and report the failure at the next agreement (agree.h).
 * That agreement ends with EPLB_ERR_MPI on every rank, and from then on the communicator is broken: no call uses it
 * again. */
#ifndef EPLB_MPI_COMM_COMM_H
#define EPLB_MPI_COMM_COMM_H

#include <eplb/status.h>
#include <mpi.h>

typedef struct eplb_comm {
  MPI_Comm mpi;
  int rank, size;
  struct eplb_comm *parent;      /* the one whose ranks these are some of: it takes their failures; or NULL */
  eplb_status_t failure;         /* EPLB_ERR_MPI: a call has failed on this rank */
  int is_broken;                 /* all ranks know that */
  int has_strays;                /* messages that no rank receives may arrive: MPI must not reuse its context id */
  char sentence[EPLB_ERROR_MAX]; /* of that failure */
} eplb_comm_t;

/* EPLB_SUCCESS, or EPLB_ERR_MPI with the sentence "DOING: " and MPI's own text for the code. Local. */
eplb_status_t eplb_mpi(int code, const char *doing);

/* Whether MPI_Finalize has been called: then no other call may be made. Local. */
int eplb_mpi_is_over(void);

/* Whether the call that returned `code` succeeded; if not, keeps the first such failure for the next agreement and
 * leaves eplb_last_error() unchanged. Local. */
int eplb_comm_ok(eplb_comm_t *comm, int code, const char *doing);

/* The communicator that comm was split from, the one that split from, and so on: the last of them; comm itself if it
 * has no parent. Local. */
eplb_comm_t *eplb_comm_outermost(eplb_comm_t *comm);

/* Records eplb_last_error() as such a failure. Local. */
void eplb_comm_note(eplb_comm_t *comm);

/* What has failed on this rank: EPLB_SUCCESS, or EPLB_ERR_MPI and its sentence. Local. */
eplb_status_t eplb_comm_status(const eplb_comm_t *comm);

/* Whether all ranks know that MPI has failed: then nothing may be sent any more. Local. */
int eplb_comm_is_broken(const eplb_comm_t *comm);

/* Opens a caller's communicator. Local; every rank gets the same result. EPLB_ERR_ARGUMENT: MPI_COMM_NULL or an
 * intercommunicator. */
eplb_status_t eplb_comm_take(eplb_comm_t *given, MPI_Comm comm);

/* Wraps `mpi`, which may be MPI_COMM_NULL, and sets rank and size, which are -1 and 0 if MPI fails. `parent` must
 * outlive it, or is NULL. Local. */
void eplb_comm_open(eplb_comm_t *comm, MPI_Comm mpi, eplb_comm_t *parent);

/* Gives the communicator back to MPI, unless it has strays. Only for one that the library made. Collective over it. */
void eplb_comm_free(eplb_comm_t *comm);

#endif
