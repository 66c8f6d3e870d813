#include <ctype.h>
#include <eplb/detect.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NVIDIA = 0x10de, AMD = 0x1002, INTEL = 0x8086, NONE = -1 };

/* The accelerators that a list counts, in its order: part of those of the host. */
typedef struct choice {
  const eplb_host_t *host;
  const char *variable; /* that lists them, in sentences */
  int count;
  int *index; /* [count] */
} choice_t;

static void choose_vendor(choice_t *c, uint16_t vendor) {
  c->count = 0;
  for (int i = 0; i < c->host->num_accelerators; i++)
    if (!vendor || c->host->accelerator[i].vendor == vendor)
      c->index[c->count++] = i;
}

static const eplb_accelerator_t *chosen(const choice_t *c, int i) {
  return &c->host->accelerator[c->index[i]];
}

static int knows_uuids(const choice_t *c) {
  for (int i = 0; i < c->count; i++)
    if (chosen(c, i)->uuid[0])
      return 1;
  return 0;
}

/* "GPU-1234" and "1234" are the same UUID; so is the GPU of "MIG-GPU-1234/1/0". */
static size_t bare_uuid(const char **text, size_t length) {
  static const char *const prefixes[] = {"MIG-", "GPU-"};
  for (int i = 0; i < 2; i++)
    if (length >= 4 && !strncasecmp(*text, prefixes[i], 4)) {
      *text += 4;
      length -= 4;
    }
  const char *slash = memchr(*text, '/', length);
  return slash ? (size_t)(slash - *text) : length;
}

static int same_uuid(const char *known, const char *name, size_t length) {
  size_t known_length = bare_uuid(&known, strlen(known));
  length = bare_uuid(&name, length);
  return length >= 4 && length <= known_length && !strncasecmp(known, name, length);
}

/* A bus id in full, without its domain or without its function. */
static int same_bus(const char *known, const char *name, size_t length) {
  const char *with_bus = strchr(known, ':');
  size_t all = strlen(known);
  if (!with_bus || !memchr(name, ':', length))
    return 0;
  return ((length == all || length + 2 == all) && !strncasecmp(known, name, length)) ||
         ((length == strlen(with_bus + 1) || length + 2 == strlen(with_bus + 1)) &&
          !strncasecmp(with_bus + 1, name, length));
}

static int looks_like_uuid(const char *text, size_t length) {
  const char *bare = text;
  size_t rest = bare_uuid(&bare, length), digits = 0;
  for (size_t i = 0; i < rest; i++) {
    if (!isxdigit((unsigned char)bare[i]) && bare[i] != '-')
      return 0;
    digits += bare[i] != '-';
  }
  return digits >= 8;
}

static eplb_status_t refuse(const choice_t *c, const char *entry, size_t length) {
  return eplb_fail(
      EPLB_ERR_ARGUMENT,
      "environment variable %s names device \"%.*s\"; expected a PCI bus id, a UUID or a number below the %d "
      "accelerator%s of %s%s",
      c->variable, (int)(length < 64 ? length : 64), entry, c->count, c->count == 1 ? "" : "s", c->host->name,
      c->count == c->host->num_accelerators ? "" : " that it counts");
}

/* The accelerator that an entry names. Of Intel's masks ("1.0": tile 0 of card 1) the card counts. NONE where it is
 * a UUID and hwloc knows none, or a MIG device's own. */
static eplb_status_t find_entry(const choice_t *c, const char *entry, size_t length, int *position) {
  char *end = NULL;
  errno = 0;
  long number = length && isdigit((unsigned char)entry[0]) ? strtol(entry, &end, 10) : -1;
  if (number >= 0 && !errno && (end == entry + length || (*end == '.' && c->variable[0] == 'Z'))) {
    if (number >= c->count)
      return refuse(c, entry, length);
    *position = (int)number;
    return EPLB_SUCCESS;
  }
  int matches = 0, match = NONE;
  for (int i = 0; i < c->count && length; i++)
    if (same_bus(chosen(c, i)->bus_id, entry, length) ||
        (chosen(c, i)->uuid[0] && same_uuid(chosen(c, i)->uuid, entry, length))) {
      match = i;
      matches++;
    }
  int is_mig = length > 4 && !strncasecmp(entry, "MIG-", 4) && strncasecmp(entry + 4, "GPU-", length < 8 ? 0 : 4);
  if (matches != 1 && (!looks_like_uuid(entry, length) || matches > 1 || (knows_uuids(c) && !is_mig)))
    return refuse(c, entry, length);
  *position = matches == 1 ? match : NONE;
  return EPLB_SUCCESS;
}

static size_t entry_length(const char *list) {
  size_t length = strcspn(list, ",");
  while (length && isspace((unsigned char)list[length - 1]))
    length--;
  return length;
}

static const char *skip_space(const char *text) {
  return text + strspn(text, " \t");
}

/* Leaves what the list names, in its order. An entry of -1 ends it. NONE stands where a UUID could not be looked up.
 * Cards that a mask names by several tiles stand once. */
static eplb_status_t restrict_to(choice_t *c, const char *list) {
  int *position = malloc((size_t)(c->count ? c->count : 1) * sizeof *position);
  if (!position)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for %d accelerators", c->count);
  int count = 0;
  eplb_status_t status = EPLB_SUCCESS;
  for (const char *at = skip_space(list); !status && *at;) {
    size_t length = entry_length(at);
    int found = NONE, seen = 0;
    if (length == 2 && !strncmp(at, "-1", 2))
      break;
    status = find_entry(c, at, length, &found);
    for (int i = 0; i < count; i++)
      seen |= found != NONE && position[i] == found;
    if (!status && !seen && count < c->count)
      position[count++] = found;
    at += strcspn(at, ",");
    at = skip_space(at + (*at == ','));
  }
  for (int i = 0; i < count && !status; i++)
    position[i] = position[i] == NONE ? NONE : c->index[position[i]];
  if (!status) {
    memcpy(c->index, position, (size_t)count * sizeof *position);
    c->count = count;
  }
  free(position);
  return status;
}

/* Applies the variables that the runtimes of the host's vendors read. *set becomes the last that was set. CUDA's is
 * also read by HIP. */
static eplb_status_t apply_lists(choice_t *c, const char **set) {
  static const struct {
    const char *variable;
    uint16_t vendor;
  } lists[] = {{"CUDA_VISIBLE_DEVICES", NVIDIA},
               {"ROCR_VISIBLE_DEVICES", AMD},
               {"HIP_VISIBLE_DEVICES", AMD},
               {"CUDA_VISIBLE_DEVICES", AMD},
               {"ZE_AFFINITY_MASK", INTEL}};
  uint16_t narrowed = 0;
  eplb_status_t status = EPLB_SUCCESS;
  for (size_t i = 0; i < sizeof lists / sizeof *lists && !status; i++) {
    const char *list = getenv(lists[i].variable);
    int there = 0;
    for (int a = 0; a < c->host->num_accelerators; a++)
      there |= c->host->accelerator[a].vendor == lists[i].vendor;
    if (!list || !there || (narrowed && narrowed != lists[i].vendor))
      continue;
    if (!strcmp(lists[i].variable, "CUDA_VISIBLE_DEVICES") && lists[i].vendor == AMD && getenv("HIP_VISIBLE_DEVICES"))
      continue;
    if (!narrowed)
      choose_vendor(c, lists[i].vendor);
    narrowed = lists[i].vendor;
    c->variable = *set = lists[i].variable;
    status = restrict_to(c, list);
  }
  return status;
}

static void use(const eplb_host_t *host, int index, eplb_device_rule_t rule, eplb_rank_info_t *info) {
  info->num_accelerators = host->num_accelerators;
  info->device_index = index;
  info->device_rule = (int32_t)(index == NONE ? EPLB_DEVICE_IS_NUMA : rule);
  if (index == NONE)
    memset(&info->device, 0, sizeof info->device);
  else
    info->device = host->accelerator[index];
}

static eplb_status_t use_own(choice_t *c, const char *own, eplb_rank_info_t *info) {
  int position = NONE;
  c->variable = "EPLB_DEVICE";
  choose_vendor(c, 0);
  eplb_status_t status = find_entry(c, own, strlen(own), &position);
  if (!status && position == NONE)
    status = refuse(c, own, strlen(own));
  if (!status)
    use(c->host, position, EPLB_DEVICE_BY_EPLB, info);
  return status;
}

static eplb_status_t choose(choice_t *c, int local_rank, eplb_rank_info_t *info) {
  const char *own = getenv("EPLB_DEVICE"), *set = NULL;
  if (own)
    return use_own(c, own, info);
  choose_vendor(c, 0);
  eplb_status_t status = apply_lists(c, &set);
  if (status)
    return status;
  int index = c->count ? c->index[local_rank % c->count] : NONE, by_list = set != NULL;
  if (c->count && index == NONE) {
    snprintf(info->note, sizeof info->note, "%s has a UUID that hwloc does not know here: device by local rank", set);
    index = local_rank % c->host->num_accelerators;
    by_list = 0;
  } else if (set && !c->count) {
    snprintf(info->note, sizeof info->note, "%s is %s: no accelerator for this rank", set,
             getenv(set)[0] ? "\"-1\"" : "empty");
  }
  use(c->host, index, by_list ? EPLB_DEVICE_BY_VISIBLE : EPLB_DEVICE_BY_LOCAL_RANK, info);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info) {
  if (!host || !info || local_rank < 0)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a rank's device needs a host, a place for it and a local rank of 0 or more");
  size_t count = (size_t)host->num_accelerators;
  choice_t c = {.host = host, .index = malloc((count ? count : 1) * sizeof(int))};
  if (!c.index)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for %zu accelerators", count);
  info->note[0] = 0;
  eplb_status_t status = choose(&c, local_rank, info);
  free(c.index);
  return status;
}
