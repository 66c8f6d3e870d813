/* Bandwidth and latency of few pairs of ranks of each class. */
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "tools/topo/topo.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 4, STARTS = 64, BYTES = 4 << 20, SHORT = 8, ROUNDS_LONG = 5, ROUNDS_SHORT = 101, TAG = 1 };

/* The class of a pair: 0 for ranks of one innermost domain, and so on; num_levels where they share nothing. */
static int class_of_pair(const eplb_topology_t *t, int a, int b) {
  for (int l = t->num_levels - 1; l >= 0; l--) {
    const int *domain = t->domain + (size_t)l * (size_t)t->num_devices;
    if (domain[a] == domain[b])
      return t->num_levels - 1 - l;
  }
  return t->num_levels;
}

/* Up to PAIRS pairs of a class, the same on every rank: from starts that are spread over all ranks, each with the
 * first rank that makes such a pair. */
static int choose_pairs(const eplb_topology_t *t, int class, int pair[PAIRS][2]) {
  int count = 0, n = t->num_devices, starts = n < STARTS ? n : STARTS;
  for (int s = 0; s < starts && count < PAIRS; s++) {
    int a = (int)((int64_t)s * n / starts), b = 0;
    for (int i = 0; i < count; i++)
      if (pair[i][0] == a || pair[i][1] == a)
        b = n;
    while (b < n && (b == a || class_of_pair(t, a, b) != class))
      b++;
    if (b < n) {
      pair[count][0] = a;
      pair[count++][1] = b;
    }
  }
  return count;
}

static int ascending_seconds(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_seconds(double *value, int count) {
  qsort(value, (size_t)count, sizeof *value, ascending_seconds);
  return value[count / 2];
}

/* Half of a round trip's time, the median of all but the first, which touches memory and connects. */
static double time_exchange(MPI_Comm comm, char *bytes, int size, int rounds, int is_first, int other) {
  double time[ROUNDS_SHORT];
  for (int i = 0; i <= rounds; i++) {
    double begin = MPI_Wtime();
    if (is_first)
      MPI_Send(bytes, size, MPI_BYTE, other, TAG, comm);
    MPI_Recv(bytes, size, MPI_BYTE, other, TAG, comm, MPI_STATUS_IGNORE);
    if (!is_first)
      MPI_Send(bytes, size, MPI_BYTE, other, TAG, comm);
    if (i > 0)
      time[i - 1] = (MPI_Wtime() - begin) / 2;
  }
  return median_seconds(time, rounds);
}

/* Pair after pair, so that none disturbs another. */
static void measure_class(MPI_Comm comm, const eplb_topology_t *t, int class, char *bytes, topo_link_t *link) {
  int pair[PAIRS][2], rank;
  double own[2 * PAIRS] = {0}, all[2 * PAIRS];
  MPI_Comm_rank(comm, &rank);
  link->pairs = choose_pairs(t, class, pair);
  for (int i = 0; i < link->pairs; i++) {
    int is_first = rank == pair[i][0];
    if (is_first || rank == pair[i][1]) {
      double seconds = time_exchange(comm, bytes, SHORT, ROUNDS_SHORT, is_first, pair[i][is_first]);
      double longer = time_exchange(comm, bytes, BYTES, ROUNDS_LONG, is_first, pair[i][is_first]);
      own[2 * i] = is_first ? seconds : 0;
      own[2 * i + 1] = is_first ? BYTES / longer : 0;
    }
    MPI_Barrier(comm);
  }
  MPI_Allreduce(own, all, 2 * PAIRS, MPI_DOUBLE, MPI_MAX, comm);
  double seconds[PAIRS], rate[PAIRS];
  for (int i = 0; i < link->pairs; i++) {
    seconds[i] = all[2 * i];
    rate[i] = all[2 * i + 1];
  }
  if (link->pairs) {
    link->seconds = median_seconds(seconds, link->pairs);
    link->bytes_per_second = median_seconds(rate, link->pairs);
  }
}

eplb_status_t topo_measure(MPI_Comm comm, const eplb_topology_t *topology, topo_links_t *links) {
  char *bytes = EPLB_NEW(char, BYTES);
  eplb_comm_t all;
  eplb_comm_open(&all, comm, NULL);
  eplb_status_t status = eplb_agree(&all, bytes ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  *links = (topo_links_t){.count = topology->num_levels + 1};
  for (int c = 0; c < links->count && !status; c++) {
    topo_link_t *link = &links->link[c];
    int level = topology->num_levels - 1 - c;
    snprintf(link->name, sizeof link->name, "%s", level >= 0 ? topology->level_name[level] : "across");
    link->crosses_nodes = level < topology->node_level;
    measure_class(comm, topology, c, bytes, link);
  }
  free(bytes);
  return status;
}
