/* Describes pieces of memory to MPI: contiguous bytes, or a datatype of several pieces. */
#include "mpi/migrate/mpi_datatype.h"
#include "core/util/alloc.h"

eplb_status_t eplb_mpi_pieces_create(int room, eplb_mpi_pieces_t *p) {
  *p = (eplb_mpi_pieces_t){EPLB_NEW(struct iovec, room), EPLB_NEW(int, room), EPLB_NEW(MPI_Aint, room)};
  return p->piece && p->length && p->offset ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

void eplb_mpi_pieces_free(eplb_mpi_pieces_t *p) {
  free(p->piece);
  free(p->length);
  free(p->offset);
}

int eplb_mpi_pieces_describe(eplb_mpi_pieces_t *p, int count, eplb_comm_t *comm, eplb_mpi_buffer_t *buffer) {
  *buffer = (eplb_mpi_buffer_t){p->piece[0].iov_base, (int)p->piece[0].iov_len, MPI_BYTE};
  if (count == 1)
    return 1;
  for (int i = 0; i < count; i++) {
    p->offset[i] = (MPI_Aint)((intptr_t)p->piece[i].iov_base - (intptr_t)p->piece[0].iov_base);
    p->length[i] = (int)p->piece[i].iov_len;
  }
  buffer->count = 1;
  return eplb_comm_ok(comm, MPI_Type_create_hindexed(count, p->length, p->offset, MPI_BYTE, &buffer->type),
                      "describing an expert's tensors") &&
         eplb_comm_ok(comm, MPI_Type_commit(&buffer->type), "describing an expert's tensors");
}

void eplb_mpi_buffer_free(eplb_mpi_buffer_t *buffer, eplb_comm_t *comm) {
  if (buffer->type != MPI_BYTE && buffer->type != MPI_DATATYPE_NULL)
    eplb_comm_ok(comm, MPI_Type_free(&buffer->type), "freeing the description of an expert's tensors");
}
