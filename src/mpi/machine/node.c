/* The ranks of a node: who they are, which of them see the same accelerators, and what one rank of each view detects
 * for all of them. */
#include "mpi/machine/node.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/launcher.h"
#include "mpi/detect/rank_device.h"
#include "mpi/detect/visible_lists.h"
#include "mpi/machine/device_view.h"
#include "mpi/machine/host_merge.h"
#include "mpi/machine/host_pack.h"

/* ---- the ranks of the node ---- */

/* What decides which accelerators a rank sees, and which of them it may use. */
typedef struct sight {
  uint64_t view, lists;
  int64_t process; /* the launcher's number on the node, or -1 */
} sight_t;

/* Whether the launcher started more processes on the node than these ranks: then some numbers are beyond theirs. */
static int are_some_of_more(const eplb_node_t *node, const sight_t *all) {
  int64_t most = 0;
  for (int r = 0; r < node->num_ranks; r++) {
    if (all[r].process < 0)
      return 0;
    most = all[r].process > most ? all[r].process : most;
  }
  return most >= node->num_ranks;
}

static void list_processes(eplb_node_t *node, const sight_t *all) {
  const sight_t *own = &all[node->rank];
  for (int r = 0; r < node->num_ranks && are_some_of_more(node, all); r++)
    if (all[r].view == own->view && all[r].lists == own->lists)
      node->process[node->num_processes++] = (int)all[r].process;
}

/* The first rank of the node with this rank's view, and this rank's place among those that also have its lists. */
static int find_view(eplb_node_t *node, sight_t *all) {
  sight_t own = {eplb_device_view(), eplb_visible_hash(), eplb_launcher_local_rank()};
  int first = node->rank;
  if (!eplb_comm_ok(&node->comm, MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, node->comm.mpi),
                    "exchanging which accelerators are seen"))
    return first;
  for (int r = node->rank - 1; r >= 0; r--)
    if (all[r].view == own.view) {
      first = r;
      node->place += all[r].lists == own.lists;
    }
  list_processes(node, all);
  return first;
}

/* Where each node has one view, node->view stays MPI_COMM_NULL. */
static eplb_status_t split_views(eplb_comm_t *comm, eplb_node_t *node) {
  sight_t *all = EPLB_NEW(sight_t, node->num_ranks);
  node->process = EPLB_NEW(int, node->num_ranks);
  eplb_status_t status = eplb_agree(comm, all && node->process ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (!status) {
    int first = find_view(node, all);
    if (!eplb_everywhere(comm, first == 0))
      status = eplb_comm_split(&node->comm, first, &node->view);
  }
  free(all);
  return status;
}

eplb_status_t eplb_node_split(eplb_comm_t *comm, eplb_node_t *node) {
  *node = (eplb_node_t){.rank = 0};
  eplb_comm_open(&node->leaders, MPI_COMM_NULL, comm);
  eplb_comm_open(&node->view, MPI_COMM_NULL, comm);
  eplb_status_t status = eplb_comm_split_shared(comm, &node->comm, &node->id);
  if (!status)
    status = eplb_comm_split(comm, node->comm.rank == 0 ? 0 : MPI_UNDEFINED, &node->leaders);
  node->rank = node->comm.rank;
  node->num_ranks = node->comm.size;
  return status ? status : split_views(comm, node);
}

/* ---- detection ---- */

static char *pack_view(const eplb_host_t *host, int *size) {
  char *bytes = EPLB_NEW(char, eplb_host_pack_size(host, 1));
  *size = bytes ? (int)eplb_host_pack_size(host, 1) : 0;
  if (bytes)
    eplb_host_pack_write(host, 1, bytes);
  return bytes;
}

/* Rank 0 of comm detects the host and sends it to the others. On failure *host is NULL on all of them. */
static eplb_status_t inspect_host(eplb_comm_t *comm, eplb_host_t **host) {
  eplb_status_t status = EPLB_SUCCESS;
  char *bytes = NULL;
  int size = 0;
  if (comm->rank == 0)
    status = eplb_host_detect(NULL, host);
  if (*host && !(bytes = pack_view(*host, &size)))
    status = EPLB_ERR_MEMORY;
  if (!eplb_comm_ok(comm, MPI_Bcast(&size, 1, MPI_INT, 0, comm->mpi), "broadcasting a host's size") && comm->rank > 0)
    size = 0;
  if (comm->rank > 0 && size > 0 && !(bytes = EPLB_NEW(char, size)))
    status = EPLB_ERR_MEMORY;
  int all_can = eplb_everywhere(comm, size > 0 && bytes);
  int has_host = all_can && eplb_comm_ok(comm, MPI_Bcast(bytes, size, MPI_BYTE, 0, comm->mpi), "broadcasting a host");
  if (has_host && comm->rank > 0)
    status = eplb_host_pack_read(bytes, host);
  if (!all_can)
    eplb_host_destroy(host);
  free(bytes);
  return status;
}

/* The views of a node's ranks: packed, one after another, and read. */
typedef struct views {
  int *size, *begin; /* [ranks of the node]: of the view that a rank is the first of; size 0: of none */
  char *bytes;
  eplb_host_t **host; /* [count] */
  int count, total, own;
} views_t;

static void release_views(views_t *v) {
  for (int i = 0; v->host && i < v->count; i++)
    eplb_host_destroy(&v->host[i]);
  free(v->host);
  free(v->bytes);
  free(v->begin);
  free(v->size);
}

/* How long each is. `own` becomes the number of this rank's view: its first rank says. */
static eplb_status_t count_views(eplb_node_t *node, int size, views_t *v) {
  eplb_comm_ok(&node->comm, MPI_Allgather(&size, 1, MPI_INT, v->size, 1, MPI_INT, node->comm.mpi),
               "exchanging the sizes of views");
  for (int r = 0; r < node->num_ranks; r++) {
    if (r == node->rank)
      v->own = v->count;
    v->begin[r] = v->total;
    v->total += v->size[r];
    v->count += v->size[r] > 0;
  }
  eplb_comm_ok(&node->view, MPI_Bcast(&v->own, 1, MPI_INT, 0, node->view.mpi), "broadcasting the number of a view");
  v->bytes = EPLB_NEW(char, v->total);
  v->host = EPLB_NEW(eplb_host_t *, v->count);
  return v->bytes && v->host ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

static eplb_status_t read_views(const eplb_node_t *node, views_t *v) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int r = 0, i = 0; r < node->num_ranks && !status; r++)
    if (v->size[r])
      status = eplb_host_pack_read(v->bytes + v->begin[r], &v->host[i++]);
  return status;
}

/* node->host and node->in_host from all views. */
static eplb_status_t merge(eplb_node_t *node, const views_t *v) {
  int total = 0, begin = 0;
  for (int i = 0; i < v->count; i++) {
    begin = i == v->own ? total : begin;
    total += v->host[i]->num_accelerators;
  }
  int *place = EPLB_NEW(int, total);
  eplb_status_t status = place ? eplb_host_merge(v->host, v->count, place, &node->host) : EPLB_ERR_MEMORY;
  node->in_host = status ? NULL : EPLB_NEW(int, node->seen->num_accelerators);
  for (int a = 0; node->in_host && a < node->seen->num_accelerators; a++)
    node->in_host[a] = place[begin + a];
  free(place);
  return status || node->in_host ? status : EPLB_ERR_MEMORY;
}

/* Sets node->seen on every rank of the node: by detection, or from the rank that detected. */
static eplb_status_t join_views(eplb_node_t *node) {
  views_t v = {.size = EPLB_NEW(int, node->num_ranks), .begin = EPLB_NEW(int, node->num_ranks)};
  int size = 0;
  char *own = node->view.rank == 0 ? pack_view(node->seen, &size) : NULL;
  int can = v.size && v.begin && (own || node->view.rank > 0);
  eplb_status_t status = can ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (eplb_everywhere(&node->comm, can)) {
    status = count_views(node, size, &v);
    if (eplb_everywhere(&node->comm, !status) && !status &&
        eplb_comm_ok(&node->comm,
                     MPI_Allgatherv(own, size, MPI_BYTE, v.bytes, v.size, v.begin, MPI_BYTE, node->comm.mpi),
                     "exchanging views of a host"))
      status = read_views(node, &v);
    if (!status && v.host && v.host[v.count - 1])
      status = merge(node, &v);
  }
  release_views(&v);
  free(own);
  return status;
}

eplb_status_t eplb_node_inspect(eplb_node_t *node) {
  if (node->view.mpi == MPI_COMM_NULL)
    return inspect_host(&node->comm, &node->host);
  eplb_status_t status = inspect_host(&node->view, &node->seen);
  if (eplb_everywhere(&node->comm, node->seen != NULL) && node->seen) {
    eplb_status_t joined = join_views(node);
    status = status ? status : joined;
  }
  if (!eplb_everywhere(&node->comm, node->host != NULL))
    eplb_host_destroy(&node->host);
  return status;
}

/* This rank's place among all processes of the node, by the launcher's numbers: so that ranks of another communicator
 * use other accelerators. If these would meet on an accelerator while others are free, its place among the ranks. */
static int place_on_node(const eplb_node_t *node, int accelerators) {
  int most = accelerators ? (node->num_processes + accelerators - 1) / accelerators : 0;
  for (int i = 0; i < node->num_processes; i++) {
    int together = 0;
    for (int j = 0; j < node->num_processes && accelerators; j++)
      together += node->process[i] % accelerators == node->process[j] % accelerators;
    if (together > most)
      return node->place;
  }
  return node->num_processes ? node->process[node->place] : node->place;
}

eplb_status_t eplb_node_find_device(const eplb_node_t *node, eplb_rank_info_t *info) {
  const eplb_host_t *seen = node->seen ? node->seen : node->host;
  eplb_status_t status = eplb_find_device(seen, info->local_rank, node->place, info);
  if (!status && node->num_processes && info->device_rule == EPLB_DEVICE_BY_LOCAL_RANK) {
    int place = place_on_node(node, seen->num_accelerators);
    status = eplb_find_device(seen, place, place, info);
  }
  if (status || !node->in_host)
    return status;
  info->num_accelerators = node->host->num_accelerators;
  if (info->device_index < 0)
    return EPLB_SUCCESS;
  info->device_index = node->in_host[info->device_index];
  info->device.island = node->host->accelerator[info->device_index].island;
  return EPLB_SUCCESS;
}

void eplb_node_release(eplb_node_t *node) {
  eplb_host_destroy(&node->seen);
  eplb_host_destroy(&node->host);
  free(node->in_host);
  free(node->process);
  eplb_comm_free(&node->view);
  eplb_comm_free(&node->leaders);
  eplb_comm_free(&node->comm);
}
