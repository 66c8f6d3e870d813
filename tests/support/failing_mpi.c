#include "failing_mpi.h"
#include <mpi.h>
#include <string.h>

typedef enum role { LOCAL, LOOK, COLLECTIVE } role_t;

static struct {
  long left; /* calls until one fails, or -1 */
  failing_mpi_t how;
  int runs, failures;
  int fails_now;       /* the call under way */
  const char *idle_on; /* the look that the last call was, if it was in vain */
  const char *name;
} shim = {-1, FAILING_MPI_AFTER, 0, 0, 0, NULL, ""};

void failing_mpi_after(long successes, failing_mpi_t how) {
  shim.left = successes;
  shim.how = how;
  shim.runs = shim.failures = 0;
  shim.idle_on = NULL;
  shim.name = "";
}

void failing_mpi_resume(void) {
  shim.runs = 1;
}

void failing_mpi_pause(void) {
  shim.runs = 0;
}

int failing_mpi_failures(void) {
  return shim.failures;
}

const char *failing_mpi_name(void) {
  return shim.name;
}

static int of_all_ranks(MPI_Comm comm) {
  int size, all;
  PMPI_Comm_size(comm, &size);
  PMPI_Comm_size(MPI_COMM_WORLD, &all);
  return size == all;
}

static int counts(const char *name, role_t role, int is_idle) {
  int again = is_idle && shim.idle_on == name;
  shim.idle_on = is_idle ? name : NULL;
  return shim.runs && !again && (shim.how != FAILING_MPI_ALIKE || role == COLLECTIVE);
}

static int fails(const char *name) {
  if (shim.left < 0 || shim.left-- > 0)
    return 0;
  shim.left = shim.how == FAILING_MPI_FROM_THEN ? 0 : -1;
  if (!shim.failures++)
    shim.name = name;
  return 1;
}

/* Whether the call is to be left out. */
static int begin(const char *name, role_t role) {
  int instead = shim.how == FAILING_MPI_ALIKE || (shim.how == FAILING_MPI_INSTEAD && role != COLLECTIVE);
  shim.fails_now = 0;
  if (role == LOOK && !instead)
    return 0; /* counted when it is known whether it was idle */
  shim.fails_now = counts(name, role, role == LOOK) && fails(name);
  return shim.fails_now && instead;
}

static int end(int code) {
  return shim.fails_now ? MPI_ERR_OTHER : code;
}

static int end_look(const char *name, int code, int is_idle) {
  int instead = shim.how == FAILING_MPI_ALIKE || shim.how == FAILING_MPI_INSTEAD;
  return !instead && counts(name, LOOK, is_idle) && fails(name) ? MPI_ERR_OTHER : code;
}

static role_t role_over(MPI_Comm comm) {
  return shim.how == FAILING_MPI_ALIKE && !of_all_ranks(comm) ? LOCAL : COLLECTIVE;
}

/* ---- collective ---- */

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  return begin("MPI_Allreduce", role_over(comm)) ? MPI_ERR_OTHER : end(PMPI_Allreduce(from, to, count, type, op, comm));
}

int MPI_Iallreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request) {
  return begin("MPI_Iallreduce", role_over(comm)) ? MPI_ERR_OTHER
                                                  : end(PMPI_Iallreduce(from, to, count, type, op, comm, request));
}

int MPI_Reduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm) {
  return begin("MPI_Reduce", role_over(comm)) ? MPI_ERR_OTHER : end(PMPI_Reduce(from, to, count, type, op, root, comm));
}

int MPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  return begin("MPI_Bcast", role_over(comm)) ? MPI_ERR_OTHER : end(PMPI_Bcast(buffer, count, type, root, comm));
}

int MPI_Allgather(const void *from, int count, MPI_Datatype type, void *to, int to_count, MPI_Datatype to_type,
                  MPI_Comm comm) {
  return begin("MPI_Allgather", role_over(comm)) ? MPI_ERR_OTHER
                                                 : end(PMPI_Allgather(from, count, type, to, to_count, to_type, comm));
}

int MPI_Alltoall(const void *from, int count, MPI_Datatype type, void *to, int to_count, MPI_Datatype to_type,
                 MPI_Comm comm) {
  return begin("MPI_Alltoall", role_over(comm)) ? MPI_ERR_OTHER
                                                : end(PMPI_Alltoall(from, count, type, to, to_count, to_type, comm));
}

int MPI_Allgatherv(const void *from, int count, MPI_Datatype type, void *to, const int *to_count, const int *begins,
                   MPI_Datatype to_type, MPI_Comm comm) {
  return begin("MPI_Allgatherv", role_over(comm))
             ? MPI_ERR_OTHER
             : end(PMPI_Allgatherv(from, count, type, to, to_count, begins, to_type, comm));
}

int MPI_Gather(const void *from, int count, MPI_Datatype type, void *to, int to_count, MPI_Datatype to_type, int root,
               MPI_Comm comm) {
  return begin("MPI_Gather", role_over(comm)) ? MPI_ERR_OTHER
                                              : end(PMPI_Gather(from, count, type, to, to_count, to_type, root, comm));
}

int MPI_Gatherv(const void *from, int count, MPI_Datatype type, void *to, const int *to_count, const int *begins,
                MPI_Datatype to_type, int root, MPI_Comm comm) {
  return begin("MPI_Gatherv", role_over(comm))
             ? MPI_ERR_OTHER
             : end(PMPI_Gatherv(from, count, type, to, to_count, begins, to_type, root, comm));
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *copy) {
  return begin("MPI_Comm_dup", role_over(comm)) ? MPI_ERR_OTHER : end(PMPI_Comm_dup(comm, copy));
}

int MPI_Comm_split(MPI_Comm comm, int colour, int key, MPI_Comm *part) {
  return begin("MPI_Comm_split", role_over(comm)) ? MPI_ERR_OTHER : end(PMPI_Comm_split(comm, colour, key, part));
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part) {
  return begin("MPI_Comm_split_type", role_over(comm)) ? MPI_ERR_OTHER
                                                       : end(PMPI_Comm_split_type(comm, type, key, info, part));
}

int MPI_Comm_free(MPI_Comm *comm) {
  return begin("MPI_Comm_free", role_over(*comm)) ? MPI_ERR_OTHER : end(PMPI_Comm_free(comm));
}

/* ---- local ---- */

int MPI_Comm_rank(MPI_Comm comm, int *rank) {
  return begin("MPI_Comm_rank", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Comm_rank(comm, rank));
}

int MPI_Comm_size(MPI_Comm comm, int *size) {
  return begin("MPI_Comm_size", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Comm_size(comm, size));
}

int MPI_Comm_test_inter(MPI_Comm comm, int *is_inter) {
  return begin("MPI_Comm_test_inter", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Comm_test_inter(comm, is_inter));
}

int MPI_Type_create_hindexed(int count, const int *length, const MPI_Aint *offset, MPI_Datatype old,
                             MPI_Datatype *type) {
  return begin("MPI_Type_create_hindexed", LOCAL) ? MPI_ERR_OTHER
                                                  : end(PMPI_Type_create_hindexed(count, length, offset, old, type));
}

int MPI_Type_commit(MPI_Datatype *type) {
  return begin("MPI_Type_commit", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Type_commit(type));
}

int MPI_Type_free(MPI_Datatype *type) {
  return begin("MPI_Type_free", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Type_free(type));
}

int MPI_Isend(const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request) {
  return begin("MPI_Isend", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Isend(bytes, count, type, to, tag, comm, request));
}

int MPI_Irecv(void *bytes, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request) {
  return begin("MPI_Irecv", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Irecv(bytes, count, type, from, tag, comm, request));
}

int MPI_Cancel(MPI_Request *request) {
  return begin("MPI_Cancel", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Cancel(request));
}

int MPI_Request_free(MPI_Request *request) {
  return begin("MPI_Request_free", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Request_free(request));
}

int MPI_Wait(MPI_Request *request, MPI_Status *status) {
  return begin("MPI_Wait", COLLECTIVE) ? MPI_ERR_OTHER : end(PMPI_Wait(request, status));
}

int MPI_Error_string(int code, char *text, int *length) {
  return begin("MPI_Error_string", LOCAL) ? MPI_ERR_OTHER : end(PMPI_Error_string(code, text, length));
}

/* ---- looks ---- */

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status) {
  if (begin("MPI_Test", LOOK))
    return MPI_ERR_OTHER;
  int code = PMPI_Test(request, done, status);
  return end_look("MPI_Test", code, !*done);
}

int MPI_Testsome(int count, MPI_Request *request, int *done, int *index, MPI_Status *status) {
  if (begin("MPI_Testsome", LOOK))
    return MPI_ERR_OTHER;
  int code = PMPI_Testsome(count, request, done, index, status);
  return end_look("MPI_Testsome", code, *done == MPI_UNDEFINED || *done == 0);
}
