/* Opens and closes what the messages of the job need: see traffic.h. */
#include "mpi/session/traffic.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"

/* What precedes the rows for each slot: how the rank's plan ended, and which layer it is of. */
enum { BLOCK_HEAD = 2 };

static void free_traffic(eplb_traffic_t *t) {
  if (!t)
    return;
  free(t->out);
  free(t->in);
  free(t->share);
  free(t->sum);
  free(t);
}

static eplb_traffic_t *allocate_traffic(const eplb_session_t *s) {
  eplb_traffic_t *t = EPLB_NEW(eplb_traffic_t, 1);
  if (!t)
    return NULL;
  for (int r = 0; r < s->num_ranks; r++) {
    int slots = s->topology->slot_begin[r + 1] - s->topology->slot_begin[r];
    t->stride = slots + BLOCK_HEAD > t->stride ? slots + BLOCK_HEAD : t->stride;
  }
  size_t values = (size_t)s->num_ranks * (size_t)t->stride;
  t->out = EPLB_NEW(int32_t, values);
  t->in = EPLB_NEW(int32_t, values);
  t->share = EPLB_NEW(float, s->placement->num_slots);
  t->sum = EPLB_NEW(int64_t, s->options.num_experts);
  if (t->out && t->in && t->share && t->sum)
    return t;
  free_traffic(t);
  return NULL;
}

eplb_status_t eplb_traffic_open(eplb_session_t *s) {
  if (s->traffic)
    return EPLB_SUCCESS;
  eplb_traffic_t *t = allocate_traffic(s);
  eplb_status_t status = eplb_agree(s->comm, t ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (status) {
    free_traffic(t);
    return status;
  }
  MPI_Comm own = MPI_COMM_NULL;
  int is_made = eplb_comm_ok(s->comm, MPI_Comm_dup(s->comm->mpi, &own), "duplicating the communicator");
  eplb_comm_open(&t->comm, is_made ? own : MPI_COMM_NULL, s->comm);
  status = eplb_agree(s->comm, EPLB_SUCCESS);
  if (status) /* some ranks may have no duplicate, and freeing one is collective */
    free_traffic(t);
  else
    s->traffic = t;
  return status;
}

void eplb_traffic_close(eplb_session_t *s) {
  if (s->traffic)
    eplb_comm_free(&s->traffic->comm);
  free_traffic(s->traffic);
  s->traffic = NULL;
}
