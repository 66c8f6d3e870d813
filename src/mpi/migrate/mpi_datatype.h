/* Describes bytes that lie in several pieces of memory to MPI. */
#ifndef EPLB_MPI_MIGRATE_MPI_DATATYPE_H
#define EPLB_MPI_MIGRATE_MPI_DATATYPE_H

#include "mpi/comm/comm.h"
#include <sys/uio.h>

/* The pieces, which the caller fills in, and the same as MPI wants it. */
typedef struct eplb_mpi_pieces {
  struct iovec *piece; /* [room] */
  int *length;
  MPI_Aint *offset;
} eplb_mpi_pieces_t;

/* The arguments of a send or a receive. */
typedef struct eplb_mpi_buffer {
  void *address;
  int count;
  MPI_Datatype type; /* to be freed unless it is MPI_BYTE */
} eplb_mpi_buffer_t;

/* Room for as many pieces. Free it also after a failure. EPLB_ERR_MEMORY. */
eplb_status_t eplb_mpi_pieces_create(int room, eplb_mpi_pieces_t *pieces);
void eplb_mpi_pieces_free(eplb_mpi_pieces_t *pieces);

/* Describes the first `count` pieces, at least one, none longer than INT_MAX. The address is that of the first, not
 * MPI_BOTTOM: by it MPI finds out whether the memory is a GPU's. Returns 0 if MPI fails, which comm remembers. End
 * *buffer with eplb_mpi_buffer_free, also then. */
int eplb_mpi_pieces_describe(eplb_mpi_pieces_t *pieces, int count, eplb_comm_t *comm, eplb_mpi_buffer_t *buffer);
void eplb_mpi_buffer_free(eplb_mpi_buffer_t *buffer, eplb_comm_t *comm);

#endif
