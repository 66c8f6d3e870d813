#include <ctype.h>
#include <eplb/detect.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NOT_A_DEVICE = -1 };

/* How many accelerators go by this name: a bus id, with or without its domain, or a UUID or the beginning of one; *index is the
 * last of them. */
static int match_name(const eplb_host_t *host, const char *name, size_t length, int *index) {
  int matches = 0;
  for (int i = 0; i < host->num_accelerators && length > 0; i++) {
    const eplb_accelerator_t *a = &host->accelerator[i];
    const char *short_bus = strchr(a->bus_id, ':') + 1;
    int is_bus = (strlen(a->bus_id) == length && !strncasecmp(a->bus_id, name, length)) ||
                 (strlen(short_bus) == length && !strncasecmp(short_bus, name, length));
    int is_uuid = a->uuid[0] && !strncasecmp(a->uuid, name, length);
    if (is_bus || is_uuid) {
      *index = i;
      matches++;
    }
  }
  return matches;
}

/* The accelerator that an entry of a list names, by index in the order of bus ids, by bus id or by UUID. For Intel's masks
 * ("1.0": tile 0 of card 1) the card counts. */
static eplb_status_t find_device(const eplb_host_t *host, const char *variable, const char *entry, size_t length,
                                 int *index) {
  char *end;
  errno = 0;
  long number = isdigit((unsigned char)entry[0]) ? strtol(entry, &end, 10) : -1;
  if (number >= 0 && !errno && (end == entry + length || *end == '.')) {
    if (number < host->num_accelerators) {
      *index = (int)number;
      return EPLB_SUCCESS;
    }
  } else if (match_name(host, entry, length, index) == 1) {
    return EPLB_SUCCESS;
  }
  return eplb_fail(EPLB_ERR_ARGUMENT,
                   "environment variable %s names device \"%.*s\"; expected a PCI bus id, a UUID or a number "
                   "below the %d accelerators of %s",
                   variable, (int)(length < 64 ? length : 64), entry, host->num_accelerators, host->name);
}

static void use_device(const eplb_host_t *host, int index, eplb_device_rule_t rule, eplb_rank_info_t *info) {
  info->num_accelerators = host->num_accelerators;
  info->device_rule = (int32_t)(index == NOT_A_DEVICE ? EPLB_DEVICE_IS_NUMA : rule);
  if (index == NOT_A_DEVICE)
    memset(&info->device, 0, sizeof info->device);
  else
    info->device = host->accelerator[index];
}

/* Entry number `which`, counted round, of a comma-separated list. Returns its length; *entry is NULL for an empty list. */
static size_t pick_entry(const char *list, int which, const char **entry) {
  int count = 1;
  for (const char *c = list; *c; c++)
    count += *c == ',';
  for (int skip = which % count; skip > 0; skip--)
    list = strchr(list, ',') + 1;
  *entry = list;
  return strcspn(list, ",");
}

/* The list of devices that a job was given. Where it has several entries, ranks of a node share it and each takes its own; where the
 * launcher gave each rank a list of one, that is the first entry as well. "" and -1 mean none. */
static eplb_status_t use_visible(const eplb_host_t *host, const char *variable, const char *list, int local_rank,
                                 eplb_rank_info_t *info) {
  const char *entry;
  size_t length = pick_entry(list, local_rank, &entry);
  int index = NOT_A_DEVICE;
  if (length > 0 && strncmp(entry, "-1", length)) {
    eplb_status_t status = find_device(host, variable, entry, length, &index);
    if (status)
      return status;
  }
  use_device(host, index, EPLB_DEVICE_BY_VISIBLE, info);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info) {
  static const char *const lists[] = {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
                                      "ZE_AFFINITY_MASK"};
  const char *own = getenv("EPLB_DEVICE");
  int index = NOT_A_DEVICE;
  if (own) {
    eplb_status_t status = find_device(host, "EPLB_DEVICE", own, strlen(own), &index);
    if (!status)
      use_device(host, index, EPLB_DEVICE_BY_EPLB, info);
    return status;
  }
  /* On a machine without accelerators such lists are left over from elsewhere. */
  for (size_t i = 0; i < sizeof lists / sizeof *lists && host->num_accelerators; i++)
    if (getenv(lists[i]))
      return use_visible(host, lists[i], getenv(lists[i]), local_rank, info);
  if (host->num_accelerators)
    index = local_rank % host->num_accelerators;
  use_device(host, index, EPLB_DEVICE_BY_LOCAL_RANK, info);
  return EPLB_SUCCESS;
}
