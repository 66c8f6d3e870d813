/* Gathers one message from each node's leader on rank 0; the ranks of a node report to their leader. */
#include "mpi/machine/gather.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "mpi/machine/node_report.h"
#include <limits.h>

/* What a leader sends and what rank 0 receives. */
typedef struct post {
  eplb_rank_report_t *report; /* [ranks of the node] */
  char *message, *all;
  int *size, *begin; /* [leaders]: of each message in `all` */
  int num_leaders;
  size_t total;
} post_t;

static void release_gather(post_t *p) {
  free(p->report);
  free(p->message);
  free(p->all);
  free(p->size);
  free(p->begin);
}

static eplb_status_t prepare_gather(post_t *p, const eplb_node_t *node) {
  if (node->rank > 0 || !node->host)
    return EPLB_SUCCESS;
  p->num_leaders = node->leaders.size;
  p->report = EPLB_NEW(eplb_rank_report_t, node->num_ranks);
  p->message = EPLB_NEW(char, eplb_node_report_size(node->host, node->num_ranks));
  p->size = EPLB_NEW(int, p->num_leaders);
  p->begin = EPLB_NEW(int, p->num_leaders);
  return p->report && p->message && p->size && p->begin ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

/* To the node's leader, and how long the leaders' messages are to rank 0, which then makes room. */
static eplb_status_t collect_reports(post_t *p, eplb_node_t *node, const eplb_rank_info_t *info) {
  eplb_rank_report_t mine;
  eplb_report_from_info(info, &mine);
  eplb_comm_ok(&node->comm,
               MPI_Gather(&mine, (int)sizeof mine, MPI_BYTE, p->report, (int)sizeof mine, MPI_BYTE, 0, node->comm.mpi),
               "gathering a node's reports");
  if (node->rank > 0)
    return EPLB_SUCCESS;
  eplb_node_report_write(node->host, p->report, node->num_ranks, p->message);
  int size = (int)eplb_node_report_size(node->host, node->num_ranks);
  if (!eplb_comm_ok(&node->leaders, MPI_Gather(&size, 1, MPI_INT, p->size, 1, MPI_INT, 0, node->leaders.mpi),
                    "gathering the lengths of nodes' reports") ||
      node->leaders.rank > 0)
    return EPLB_SUCCESS; /* the next agreement reports a failure */
  for (int i = 0; i < p->num_leaders; i++) {
    p->begin[i] = (int)p->total;
    p->total += (size_t)p->size[i];
    if (p->total > INT_MAX)
      return eplb_fail(EPLB_ERR_UNSUPPORTED, "reports of %s are longer than %s", eplb_count(p->num_leaders, "node"),
                       eplb_count(INT_MAX, "byte"));
  }
  p->all = EPLB_NEW(char, p->total);
  return p->all ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

/* Whether this rank, rank 0, has all of them. */
static int deliver(const post_t *p, eplb_node_t *node) {
  if (node->rank > 0)
    return 0;
  int size = (int)eplb_node_report_size(node->host, node->num_ranks);
  return eplb_comm_ok(
             &node->leaders,
             MPI_Gatherv(p->message, size, MPI_BYTE, p->all, p->size, p->begin, MPI_BYTE, 0, node->leaders.mpi),
             "gathering the nodes' reports") &&
         node->leaders.rank == 0;
}

static eplb_status_t unpack_reports(const post_t *p, int num_ranks, eplb_gathered_t *g) {
  *g = (eplb_gathered_t){.rank = EPLB_NEW(eplb_rank_info_t, num_ranks),
                         .host = EPLB_NEW(eplb_host_t *, p->num_leaders),
                         .leader = EPLB_NEW(int, p->num_leaders),
                         .num_hosts = p->num_leaders,
                         .bytes = p->total};
  eplb_status_t status = g->rank && g->host && g->leader ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int i = 0; i < p->num_leaders && !status; i++) {
    status = eplb_node_report_read(p->all + p->begin[i], g->rank, &g->host[i]);
    if (!status)
      g->leader[i] = eplb_node_report_leader(p->all + p->begin[i]);
  }
  if (status)
    eplb_gathered_release(g);
  return status;
}

eplb_status_t eplb_gather(eplb_comm_t *comm, eplb_node_t *node, const eplb_rank_info_t *info, eplb_status_t mine,
                          eplb_gathered_t *gathered) {
  post_t post = {0};
  eplb_gathered_t g = {0};
  eplb_status_t own = prepare_gather(&post, node);
  eplb_status_t status = eplb_agree(comm, mine ? mine : own);
  if (!status)
    status = eplb_agree(comm, collect_reports(&post, node, info));
  if (!status)
    status = eplb_agree(comm, deliver(&post, node) ? unpack_reports(&post, comm->size, &g) : EPLB_SUCCESS);
  release_gather(&post);
  if (status)
    eplb_gathered_release(&g);
  else if (comm->rank == 0)
    *gathered = g;
  return status;
}

void eplb_gathered_release(eplb_gathered_t *gathered) {
  for (int i = 0; gathered->host && i < gathered->num_hosts; i++)
    eplb_host_destroy(&gathered->host[i]);
  free(gathered->host);
  free(gathered->leader);
  free(gathered->rank);
  *gathered = (eplb_gathered_t){0};
}
