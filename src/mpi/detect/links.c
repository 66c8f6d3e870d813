/* Bandwidths between accelerators from hwloc's distance matrices. Links of several tiles add up; links through switches
 * are completed by hwloc's transitive closure. */
#include "core/util/alloc.h"
#include "mpi/detect/accelerators.h"
#include "mpi/detect/islands.h"
#include <hwloc/distances.h>
#include <stdio.h>
#include <string.h>

/* The accelerator that an end of a link belongs to; -1: none, such as a switch. Of a partitioned device, the partition
 * that the end shows, or else the first. */
static int owner(const eplb_host_t *host, const hwloc_obj_t *object, hwloc_obj_t end) {
  for (; end; end = end->parent) {
    for (int i = 0; i < host->num_accelerators && end->name; i++)
      if (eplb_has_backend(&host->accelerator[i], end->name))
        return i;
    for (int i = 0; i < host->num_accelerators; i++)
      if (object[i] == end && !host->accelerator[i].partition)
        return i;
  }
  return -1;
}

static double *link_of_pair(const eplb_host_t *host, int from, int to) {
  return &host->bandwidth[(size_t)from * (size_t)host->num_accelerators + (size_t)to];
}

/* Adds a matrix of MB/s between ends to what is known: several ends (tiles) of an accelerator add up. */
static void add_bandwidth(const eplb_host_t *host, const int *end_owner, const struct hwloc_distances_s *d,
                          double *sum) {
  size_t n = (size_t)host->num_accelerators;
  for (unsigned i = 0; i < d->nbobjs; i++)
    for (unsigned j = 0; j < d->nbobjs; j++)
      if (end_owner[i] >= 0 && end_owner[j] >= 0 && end_owner[i] != end_owner[j])
        sum[(size_t)end_owner[i] * n + (size_t)end_owner[j]] += 1e6 * (double)d->values[(size_t)i * d->nbobjs + j];
}

static void keep_larger(const eplb_host_t *host, const double *sum) {
  size_t pairs = (size_t)host->num_accelerators * (size_t)host->num_accelerators;
  for (size_t i = 0; i < pairs; i++)
    if (sum[i] > host->bandwidth[i])
      host->bandwidth[i] = sum[i];
}

/* Who owns each end, and whether some are switches. */
static int find_owners(const eplb_host_t *host, const hwloc_obj_t *object, const struct hwloc_distances_s *d,
                       int *owners) {
  int switches = 0;
  for (unsigned i = 0; i < d->nbobjs; i++) {
    owners[i] = d->objs[i] ? owner(host, object, d->objs[i]) : -1;
    switches += d->objs[i] && owners[i] < 0;
  }
  return switches;
}

/* Takes direct links from the matrix. If it has switches, also links through them: hwloc merges their ports and
 * computes the transitive closure. Without switches hwloc's closure would remove direct links. */
static eplb_status_t take_matrix(hwloc_topology_t t, eplb_host_t *host, const hwloc_obj_t *object,
                                 struct hwloc_distances_s *d) {
  size_t pairs = (size_t)host->num_accelerators * (size_t)host->num_accelerators;
  int *owners = EPLB_NEW(int, d->nbobjs);
  double *sum = EPLB_NEW(double, pairs);
  if (owners && sum) {
    int switches = find_owners(host, object, d, owners);
    add_bandwidth(host, owners, d, sum);
    keep_larger(host, sum);
    if (switches && !hwloc_distances_transform(t, d, HWLOC_DISTANCES_TRANSFORM_MERGE_SWITCH_PORTS, NULL, 0) &&
        !hwloc_distances_transform(t, d, HWLOC_DISTANCES_TRANSFORM_TRANSITIVE_CLOSURE, NULL, 0)) {
      memset(sum, 0, pairs * sizeof *sum);
      find_owners(host, object, d, owners);
      add_bandwidth(host, owners, d, sum);
      keep_larger(host, sum);
    }
  }
  eplb_status_t status = owners && sum ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  free(sum);
  free(owners);
  return status;
}

static int has_links(const eplb_host_t *host) {
  for (int i = 0; i < host->num_accelerators; i++)
    for (int j = 0; j < host->num_accelerators; j++)
      if (*link_of_pair(host, i, j) > 0)
        return 1;
  return 0;
}

/* hwloc's names are NVLinkBandwidth, XGMIBandwidth, XeLinkBandwidth. */
static void name_link(hwloc_topology_t t, struct hwloc_distances_s *d, eplb_host_t *host) {
  const char *name = hwloc_distances_get_name(t, d), *end = name ? strstr(name, "Bandwidth") : NULL;
  snprintf(host->link_name, sizeof host->link_name, "%.*s", end ? (int)(end - name) : 15, name ? name : "links");
}

/* All matrices of bandwidths in which accelerators are ends, whatever their vendor calls them. */
static eplb_status_t take_all(hwloc_topology_t t, eplb_host_t *host, const hwloc_obj_t *object) {
  unsigned count = 0;
  if (hwloc_distances_get(t, &count, NULL, HWLOC_DISTANCES_KIND_MEANS_BANDWIDTH, 0) || !count)
    return EPLB_SUCCESS;
  struct hwloc_distances_s **all = EPLB_NEW(struct hwloc_distances_s *, count);
  if (!all)
    return EPLB_ERR_MEMORY;
  eplb_status_t status = EPLB_SUCCESS;
  unsigned got = count;
  if (hwloc_distances_get(t, &got, all, HWLOC_DISTANCES_KIND_MEANS_BANDWIDTH, 0))
    got = 0;
  for (unsigned i = 0; i < got && i < count; i++) {
    int had = has_links(host);
    if (!status)
      status = take_matrix(t, host, object, all[i]);
    if (!status && !had && has_links(host))
      name_link(t, all[i], host);
    hwloc_distances_release(t, all[i]);
  }
  free(all);
  return status;
}

eplb_status_t eplb_find_links(hwloc_topology_t topology, eplb_host_t *host, const hwloc_obj_t *object) {
  size_t n = (size_t)host->num_accelerators;
  host->bandwidth = EPLB_NEW(double, n *n);
  eplb_status_t status = host->bandwidth ? take_all(topology, host, object) : EPLB_ERR_MEMORY;
  return status ? status : eplb_find_islands(host);
}
