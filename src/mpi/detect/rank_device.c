/* Which accelerator a rank drives: the one that EPLB_DEVICE names, else by the lists of visible devices, else by its
 * number on the node. */
#include "mpi/detect/rank_device.h"
#include "core/util/count.h"
#include "mpi/detect/device_names.h"
#include "mpi/detect/visible_lists.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void use(const eplb_host_t *host, int index, eplb_device_rule_t rule, eplb_rank_info_t *info) {
  info->num_accelerators = host->num_accelerators;
  info->device_index = index;
  info->device_rule = (int32_t)(index < 0 ? EPLB_DEVICE_IS_NUMA : rule);
  if (index < 0)
    memset(&info->device, 0, sizeof info->device);
  else
    info->device = host->accelerator[index];
}

/* ---- EPLB_DEVICE ---- */

/* How many accelerators the text names, and the last of them. */
static int match(const eplb_host_t *host, const char *text, int *index) {
  char *end = NULL;
  size_t length = strlen(text);
  errno = 0;
  long number = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : -1;
  if (number >= 0 && !errno && !*end) {
    *index = number < host->num_accelerators ? (int)number : -1;
    return *index >= 0;
  }
  int matches = 0;
  for (int i = 0; i < host->num_accelerators; i++)
    if (eplb_is_bus_id(&host->accelerator[i], text, length) || eplb_is_uuid_of(&host->accelerator[i], text, length)) {
      *index = i;
      matches++;
    }
  return matches;
}

static eplb_status_t use_own(const eplb_host_t *host, const char *text, eplb_rank_info_t *info) {
  int index = -1, matches = match(host, text, &index);
  if (matches > 1 && host->accelerator[index].num_partitions)
    return eplb_fail(
        EPLB_ERR_ARGUMENT,
        "environment variable EPLB_DEVICE names device \"%.64s\", which has %d partitions; expected one of "
        "these, such as \"%s/%d\"",
        text, matches, host->accelerator[index].bus_id, host->accelerator[index].partition);
  if (matches != 1)
    return eplb_fail(
        EPLB_ERR_ARGUMENT,
        "environment variable EPLB_DEVICE names device \"%.64s\"; expected a PCI bus id, a UUID or a number "
        "below the %d accelerator%s of %s",
        text, host->num_accelerators, eplb_plural(host->num_accelerators), host->name);
  use(host, index, EPLB_DEVICE_BY_EPLB, info);
  return EPLB_SUCCESS;
}

/* ---- lists of visible devices ---- */

/* Number `place` of the vendor's accelerators, counted round. */
static int pick_accelerator(const eplb_host_t *host, uint16_t vendor, int place) {
  int count = 0, index = -1;
  for (int i = 0; i < host->num_accelerators; i++)
    count += !vendor || host->accelerator[i].vendor == vendor;
  for (int i = 0, left = count ? place % count : 0; i < host->num_accelerators && index < 0; i++)
    if ((!vendor || host->accelerator[i].vendor == vendor) && left-- == 0)
      index = i;
  return index;
}

static void use_visible(const eplb_host_t *host, const eplb_visible_list_t *list, int local_rank, int place,
                        eplb_rank_info_t *info) {
  eplb_device_rule_t rule = list->variable ? EPLB_DEVICE_BY_VISIBLE : EPLB_DEVICE_BY_LOCAL_RANK;
  if (!list->count) {
    if (list->variable)
      snprintf(info->note, sizeof info->note, "%s is %s%.40s%s: no accelerator for this rank", list->variable,
               *getenv(list->variable) ? "\"" : "empty", getenv(list->variable), *getenv(list->variable) ? "\"" : "");
    use(host, -1, EPLB_DEVICE_IS_NUMA, info);
    return;
  }
  const eplb_visible_t *v = &list->device[place % list->count];
  int index = v->index;
  snprintf(info->note, sizeof info->note, "%s", list->note);
  if (index == EPLB_UNKNOWN_DEVICE) {
    snprintf(info->note, sizeof info->note, "%s has a UUID that hwloc does not know here: device by local rank",
             list->variable);
    index = pick_accelerator(host, list->vendor, local_rank);
    rule = EPLB_DEVICE_BY_LOCAL_RANK;
  }
  use(host, index, rule, info);
  if (v->tile >= 0) {
    info->device.partition = (int16_t)v->tile;
    info->device.num_partitions = (int16_t)(v->tile < 2 ? 2 : v->tile + 1);
  }
  if (v->uuid[0])
    memcpy(info->device.uuid, v->uuid, sizeof info->device.uuid);
}

eplb_status_t eplb_find_device(const eplb_host_t *host, int local_rank, int place, eplb_rank_info_t *info) {
  if (!host || !info || local_rank < 0 || place < 0)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a rank's device needs a host, a place for it and a local rank of 0 or more");
  const char *own = getenv("EPLB_DEVICE");
  eplb_visible_list_t list;
  if (own) {
    eplb_status_t status = use_own(host, own, info);
    if (!status)
      info->note[0] = 0;
    return status;
  }
  eplb_status_t status = eplb_visible_devices(host, &list);
  if (status)
    return status;
  info->note[0] = 0;
  use_visible(host, &list, local_rank, place, info);
  free(list.device);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info) {
  return eplb_find_device(host, local_rank, local_rank, info);
}

int eplb_rank_shares_device(const eplb_rank_info_t *a, const eplb_rank_info_t *b) {
  if (a->device_index < 0 || a->device_index != b->device_index)
    return 0;
  const eplb_accelerator_t *x = &a->device, *y = &b->device;
  if (x->num_partitions && y->num_partitions && x->partition != y->partition)
    return 0;
  return !x->uuid[0] || !y->uuid[0] || !strcmp(x->uuid, y->uuid) ||
         (eplb_is_mig(x->uuid, strlen(x->uuid)) != eplb_is_mig(y->uuid, strlen(y->uuid)));
}
