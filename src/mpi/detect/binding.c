/* Where this process is bound: the package and NUMA node that contain all processing units that it may run on. */
#include "mpi/detect/rank.h"
#include <errno.h>
#include <sched.h>
#include <string.h>

/* The operating system says which processing units this process may run on; it asks for a larger set if it has more. */
static cpu_set_t *allowed(int *bits) {
  for (*bits = 1024; *bits <= 1 << 20; *bits *= 4) {
    cpu_set_t *set = CPU_ALLOC((size_t)*bits);
    if (!set || !sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)*bits), set))
      return set;
    CPU_FREE(set);
    if (errno != EINVAL)
      break;
  }
  return NULL;
}

/* -2: none yet; -1: several. */
static int32_t merge_domain(int32_t so_far, int32_t next) {
  return so_far == -2 || so_far == next ? next : -1;
}

eplb_status_t eplb_rank_binding(const eplb_host_t *host, eplb_rank_info_t *info) {
  int bits;
  cpu_set_t *set = allowed(&bits);
  if (!set)
    return eplb_fail(EPLB_ERR_MEMORY, "cannot read which processors this process may run on: %s", strerror(errno));
  int32_t package = -2, numa = -2, pus = 0;
  for (int p = 0; p < bits; p++) {
    if (!CPU_ISSET_S((size_t)p, CPU_ALLOC_SIZE((size_t)bits), set))
      continue;
    pus++;
    package = merge_domain(package, p < host->num_pu_numbers ? host->pu_package[p] : -1);
    numa = merge_domain(numa, p < host->num_pu_numbers ? host->pu_numa[p] : -1);
  }
  CPU_FREE(set);
  info->package = package < 0 ? -1 : package;
  info->numa = numa < 0 ? -1 : numa;
  info->num_pus = pus;
  return EPLB_SUCCESS;
}
