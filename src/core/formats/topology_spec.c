/* Parses a topology such as "nodes=4 gpus=8 slots=9", all nodes alike. */
#include "core/formats/topology_spec.h"
#include "core/util/alloc.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

enum { NODES, GPUS, SLOTS, RACKS, ISLANDS, NUM_KEYS };
static const char *const keys[NUM_KEYS] = {"nodes", "gpus", "slots", "racks", "islands"};

int eplb_is_topology_spec(const char *text) {
  size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");
  return word > 0 && text[word] == '=';
}

static eplb_status_t fail_spec(const char *text, const char *what) {
  return eplb_fail(EPLB_ERR_FORMAT, "topology \"%.128s\": %s; expected one such as \"nodes=4 gpus=8 slots=9\"", text,
                   what);
}

static eplb_status_t parse_spec(const char *text, long *value) {
  for (const char *at = text; *(at += strspn(at, " ,\t"));) {
    size_t word = strcspn(at, "="), k = 0;
    while (k < NUM_KEYS && (strlen(keys[k]) != word || strncmp(keys[k], at, word)))
      k++;
    if (k == NUM_KEYS || at[word] != '=')
      return fail_spec(text, "a word is not nodes, gpus, slots, racks or islands");
    char *end;
    errno = 0;
    long number = strtol(at + word + 1, &end, 10);
    if (end == at + word + 1 || errno || number < 1 || number > 1 << 20 || (*end && !strchr(" ,\t", *end)))
      return fail_spec(text, "a number is not from 1 to 1048576");
    if (value[k])
      return fail_spec(text, "a word comes twice");
    value[k] = number;
    at = end;
  }
  return EPLB_SUCCESS;
}

/* Which of `parts` equal runs of `whole` number `index` is in. */
static int run_of(long index, long whole, long parts) {
  return (int)(index * parts / whole);
}

static eplb_status_t topology_of_spec(const long *value, eplb_topology_t **topology) {
  const char *name[3];
  int devices = (int)(value[NODES] * value[GPUS]), levels = 0, node_level;
  int *domain = EPLB_NEW(int, 3 * (size_t)devices), *slots = EPLB_NEW(int, devices);
  eplb_status_t status = domain && slots ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status) {
    node_level = value[RACKS] > 0;
    if (value[RACKS])
      name[levels++] = "rack";
    name[levels++] = "node";
    if (value[ISLANDS])
      name[levels++] = "island";
    for (int d = 0; d < devices; d++) {
      long node = d / value[GPUS];
      slots[d] = (int)value[SLOTS];
      domain[(size_t)node_level * (size_t)devices + (size_t)d] = (int)node;
      if (value[RACKS])
        domain[d] = run_of(node, value[NODES], value[RACKS]);
      if (value[ISLANDS])
        domain[(size_t)(levels - 1) * (size_t)devices + (size_t)d] =
            (int)(node * value[ISLANDS]) + run_of(d % value[GPUS], value[GPUS], value[ISLANDS]);
    }
    status = eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                 .num_devices = devices,
                                                                 .num_levels = levels,
                                                                 .level_name = name,
                                                                 .node_level = node_level,
                                                                 .domain = domain,
                                                                 .slots = slots,
                                                                 .declared = 1},
                                  topology);
  }
  free(slots);
  free(domain);
  return status;
}

eplb_status_t eplb_topology_parse_spec(const char *text, int default_slots, eplb_topology_t **topology) {
  long value[NUM_KEYS] = {0};
  eplb_status_t status = parse_spec(text, value);
  if (status)
    return status;
  for (int k = NODES; k <= GPUS; k++)
    value[k] = value[k] ? value[k] : 1;
  if (!value[SLOTS])
    value[SLOTS] = default_slots;
  if (value[SLOTS] < 1)
    return fail_spec(text, "it has no slots");
  if (value[NODES] > (1 << 20) / value[GPUS])
    return fail_spec(text, "more than 1048576 devices");
  if (value[RACKS] > value[NODES] || value[ISLANDS] > value[GPUS])
    return fail_spec(text, value[RACKS] > value[NODES] ? "more racks than nodes" : "more islands than GPUs of a node");
  return topology_of_spec(value, topology);
}
