/* The outer domain of a rank's host: EPLB_DOMAIN, else the switches that Slurm names. */
#include "mpi/detect/racks.h"
#include "mpi/detect/rank.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the node's own name begins in Slurm's address. SLURMD_NODENAME is needed, because the name may contain dots. */
static size_t switches_length(const char *address) {
  const char *node = getenv("SLURMD_NODENAME"), *last = strrchr(address, '.');
  size_t length = strlen(address), own = node ? strlen(node) : 0;
  if (own && own + 1 < length && address[length - own - 1] == '.' && !strcmp(address + length - own, node))
    return length - own - 1;
  return last ? (size_t)(last - address) : 0;
}

/* Slurm's address of a node is "spine0.leaf4.node17", its pattern "switch.switch.node": all but the node say what
 * encloses it. Without SLURMD_NODENAME, the names of the switches are taken to have no dots. What does not go together
 * is left alone: Slurm's plugins differ, and the job did not ask for it. */
static void take_slurm(const char *address, const char *pattern, eplb_rank_info_t *info) {
  char path[EPLB_DOMAIN_PATH_MAX] = "", switches[EPLB_DOMAIN_PATH_MAX];
  size_t length = 0;
  snprintf(switches, sizeof switches, "%.*s", (int)switches_length(address), address);
  const char *at = switches;
  for (; *at && strchr(pattern, '.'); pattern += strcspn(pattern, ".") + 1) {
    size_t value = strcspn(at, ".");
    int wrote = snprintf(path + length, sizeof path - length, "%s%.*s=%.*s", length ? "/" : "",
                         (int)strcspn(pattern, "."), pattern, (int)value, at);
    if (wrote < 0 || (size_t)wrote >= sizeof path - length)
      return;
    length += (size_t)wrote;
    at += value + (at[value] == '.');
  }
  if (!length || (*at && getenv("SLURMD_NODENAME")) || strchr(pattern, '.') ||
      eplb_check_domain("SLURM_TOPOLOGY_ADDR", path))
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
