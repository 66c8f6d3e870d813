/* Groups the accelerators of a host into islands: cliques of directly linked ones, found greedily in order; without
 * links, by NUMA node. */
#include "mpi/detect/islands.h"
#include "core/util/alloc.h"
#include <string.h>

static int has_link(const eplb_host_t *host, int from, int to) {
  return host->bandwidth[(size_t)from * (size_t)host->num_accelerators + (size_t)to] > 0;
}

/* Partitions of one device are linked, though no matrix says so. */
static int are_linked(const eplb_host_t *host, int a, int b) {
  const eplb_accelerator_t *x = &host->accelerator[a], *y = &host->accelerator[b];
  if (a != b && x->num_partitions && x->bus_id[0] && !strcmp(x->bus_id, y->bus_id))
    return 1;
  return has_link(host, a, b) && has_link(host, b, a);
}

/* Whether accelerator `a` may join the island of accelerator `first`: linked to all that are in it, or, without
 * links at all, on the same NUMA node. */
static int fits(const eplb_host_t *host, const int *linked, int a, int first) {
  if (linked[a] != linked[first])
    return 0;
  if (!linked[a])
    return host->accelerator[a].numa == host->accelerator[first].numa;
  for (int b = first; b < a; b++)
    if (host->accelerator[b].island == host->accelerator[first].island && !are_linked(host, a, b))
      return 0;
  return 1;
}

/* Cliques, in order: each accelerator joins the first island that it fits, else founds one. */
static void number_islands(eplb_host_t *host, int *linked) {
  int islands = 0;
  for (int a = 0; a < host->num_accelerators; a++)
    for (int b = 0; b < host->num_accelerators && !linked[a]; b++)
      linked[a] = are_linked(host, a, b);
  for (int a = 0; a < host->num_accelerators; a++) {
    host->accelerator[a].island = -1;
    for (int island = 0; island < islands && host->accelerator[a].island < 0; island++)
      for (int first = 0; first < a; first++)
        if (host->accelerator[first].island == island) {
          if (fits(host, linked, a, first))
            host->accelerator[a].island = island;
          break;
        }
    if (host->accelerator[a].island < 0)
      host->accelerator[a].island = islands++;
  }
}

eplb_status_t eplb_find_islands(eplb_host_t *host) {
  int *linked = EPLB_NEW(int, host->num_accelerators);
  if (!linked)
    return EPLB_ERR_MEMORY;
  number_islands(host, linked);
  free(linked);
  return EPLB_SUCCESS;
}
