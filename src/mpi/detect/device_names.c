/* Compares bus ids and UUIDs as users, launchers and drivers write them: with or without domain, function, or
 * prefix. */
#include "mpi/detect/device_names.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int same(const char *known, const char *name, size_t length) {
  return strlen(known) == length && !strncasecmp(known, name, length);
}

static int is_whole_bus_id(const char *known, const char *name, size_t length) {
  char shorter[EPLB_BUS_ID_MAX];
  const char *colon = strchr(known, ':');
  if (!colon)
    return 0;
  snprintf(shorter, sizeof shorter, "%.*s", (int)strcspn(known, "."), known);
  return same(known, name, length) || same(colon + 1, name, length) || same(shorter, name, length) ||
         same(strchr(shorter, ':') + 1, name, length);
}

int eplb_is_bus_id(const eplb_accelerator_t *a, const char *name, size_t length) {
  const char *slash = memchr(name, '/', length);
  if (!slash)
    return is_whole_bus_id(a->bus_id, name, length);
  char part[8];
  snprintf(part, sizeof part, "%d", a->partition);
  return a->num_partitions && same(part, slash + 1, length - (size_t)(slash + 1 - name)) &&
         is_whole_bus_id(a->bus_id, name, (size_t)(slash - name));
}

static int begins(const char *name, size_t length, const char *prefix) {
  return length >= strlen(prefix) && !strncasecmp(name, prefix, strlen(prefix));
}

/* "GPU-1234" and "1234" are the same UUID. */
static size_t bare_uuid(const char **name, size_t length) {
  static const char *const prefixes[] = {"MIG-", "GPU-"};
  for (int i = 0; i < 2; i++)
    if (begins(*name, length, prefixes[i])) {
      *name += 4;
      length -= 4;
    }
  return length;
}

int eplb_is_mig(const char *name, size_t length) {
  return begins(name, length, "MIG-");
}

size_t eplb_mig_parent_length(const char *name, size_t length) {
  const char *slash = begins(name, length, "MIG-GPU-") ? memchr(name, '/', length) : NULL;
  for (const char *at = slash; at && at < name + length; at++)
    if (!isdigit((unsigned char)*at) && *at != '/')
      return 0;
  return slash ? (size_t)(slash - name) : 0;
}

static int begins_uuid(const char *known, const char *name, size_t length) {
  size_t known_length = bare_uuid(&known, strlen(known));
  length = bare_uuid(&name, length);
  return length >= 4 && length <= known_length && !strncasecmp(known, name, length);
}

int eplb_is_uuid_of(const eplb_accelerator_t *a, const char *name, size_t length) {
  return begins_uuid(a->uuid, name, length);
}

int eplb_is_gpu_uuid_of(const eplb_accelerator_t *a, const char *name, size_t length) {
  return a->num_partitions && !a->partition && begins_uuid(a->gpu_uuid, name, length);
}

int eplb_looks_like_uuid(const char *name, size_t length) {
  size_t parent = eplb_mig_parent_length(name, length), digits = 0;
  const char *bare = name;
  size_t rest = bare_uuid(&bare, parent ? parent : length);
  for (size_t i = 0; i < rest; i++) {
    if (!isxdigit((unsigned char)bare[i]) && bare[i] != '-')
      return 0;
    digits += bare[i] != '-';
  }
  return digits >= 8;
}
