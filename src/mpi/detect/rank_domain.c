#include "mpi/detect/racks.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slurm's address of a node is "spine0.leaf4.node17", its pattern "switch.switch.node": all but the last say what
 * encloses the node. What does not go together is left alone: Slurm's plugins differ, and the job did not ask for
 * it. */
static void take_slurm(const char *address, const char *pattern, eplb_rank_info_t *info) {
  char path[EPLB_DOMAIN_PATH_MAX] = "";
  size_t length = 0;
  while (strchr(address, '.') && strchr(pattern, '.')) {
    size_t value = strcspn(address, "."), name = strcspn(pattern, ".");
    int wrote = snprintf(path + length, sizeof path - length, "%s%.*s=%.*s", length ? "/" : "", (int)name, pattern,
                         (int)value, address);
    if (wrote < 0 || (size_t)wrote >= sizeof path - length)
      return;
    length += (size_t)wrote;
    address += value + 1;
    pattern += name + 1;
  }
  if (!length || strchr(address, '.') || strchr(pattern, '.') || eplb_check_domain("SLURM_TOPOLOGY_ADDR", path))
    return;
  snprintf(info->domain, sizeof info->domain, "%s", path);
  info->domain_rule = EPLB_DOMAIN_BY_SLURM;
}

eplb_status_t eplb_rank_domain(eplb_rank_info_t *info) {
  const char *own = getenv("EPLB_DOMAIN"), *address = getenv("SLURM_TOPOLOGY_ADDR");
  const char *pattern = getenv("SLURM_TOPOLOGY_ADDR_PATTERN");
  info->domain[0] = 0;
  info->domain_rule = EPLB_DOMAIN_UNKNOWN;
  if (own) {
    eplb_status_t status = eplb_check_domain("environment variable EPLB_DOMAIN", own);
    if (status)
      return status;
    snprintf(info->domain, sizeof info->domain, "%s", own);
    info->domain_rule = EPLB_DOMAIN_BY_EPLB;
  } else if (address && pattern) {
    take_slurm(address, pattern, info);
  }
  return EPLB_SUCCESS;
}
