/* Options of commands that plan for a recording: its file, the GPUs, nodes and slots. */
#include "tools/common/recording_options.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include <eplb/formats.h>
#include <stdio.h>

enum { KEY_NODES = 2048, KEY_GPUS, KEY_SLOTS, KEY_TOPOLOGY, KEY_NODE_LEVEL, KEY_EXPERT_BYTES };

static const struct argp_option arguments[] = {
    {"nodes", KEY_NODES, "N", 0, "nodes (1)", 0},
    {"gpus", KEY_GPUS, "G", 0, "GPUs in all (default: 8 per node)", 0},
    {"slots", KEY_SLOTS, "P", 0,
     "total of physical experts per layer (default: an eighth more than experts, rounded up to a multiple of the GPUs)",
     0},
    {"topology", KEY_TOPOLOGY, "FILE|SPEC", 0,
     "instead of these: a topology in JSON (eplb topo --save), or a text such as \"nodes=4 gpus=8 slots=9\"", 0},
    {"node-level", KEY_NODE_LEVEL, "NAME", 0,
     "level of the topology that planners take as the node, such as an NVLink domain that spans hosts (the topology's "
     "node_level)",
     0},
    {"expert-bytes", KEY_EXPERT_BYTES, "BYTES", 0, "weights of one expert of one layer, to print the bytes that move",
     0},
    {0}};

static error_t parse_recording_option(int key, char *text, struct argp_state *state) {
  recording_options_t *o = state->input;
  switch (key) {
  case KEY_NODES:
    o->nodes = (int)tool_integer(state, o->declared = "nodes", text, 1, 1 << 20);
    return 0;
  case KEY_GPUS:
    o->gpus = (int)tool_integer(state, o->declared = "gpus", text, 1, 1 << 20);
    return 0;
  case KEY_SLOTS:
    o->slots = (int)tool_integer(state, "slots", text, 1, 1 << 30);
    return 0;
  case KEY_TOPOLOGY:
    o->topology = text;
    return 0;
  case KEY_NODE_LEVEL:
    o->node_level = text;
    return 0;
  case KEY_EXPERT_BYTES:
    o->expert_bytes = (double)tool_bytes(state, "expert-bytes", text, 1, INT64_C(1) << 40);
    return 0;
  case ARGP_KEY_ARG:
    if (o->loads)
      tool_usage_error(state, "\"%s\" is a second file of loads; expected one", text);
    o->loads = text;
    return 0;
  case ARGP_KEY_END:
    if (o->topology && o->declared)
      tool_usage_error(state, "--topology has nodes and GPUs of its own; expected it without --%s", o->declared);
    return 0;
  case ARGP_KEY_NO_ARGS:
    tool_usage_error(
        state, "no file of loads; expected one, such as from eplb generate -o loads.csv, or - for standard input");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

const struct argp recording_argp = {arguments, parse_recording_option, NULL, NULL, NULL, NULL, NULL};

eplb_status_t recording_read(const char *path, eplb_loads_t **loads) {
  char shown[HUMAN_TEXT_MAX];
  eplb_status_t status = eplb_loads_read(path, loads);
  if (!status && (*loads)->incomplete)
    fprintf(stderr, "eplb: note: %s ends within a window, which is left out\n", human_text(path, shown));
  return status;
}

static eplb_status_t declare(const recording_options_t *o, int num_experts, eplb_topology_t **topology) {
  int gpus = o->gpus ? o->gpus : 8 * o->nodes;
  int64_t wanted = num_experts + (num_experts + 7) / 8, slots = o->slots ? o->slots : (wanted + gpus - 1) / gpus * gpus;
  if (slots > INT32_MAX)
    return eplb_fail(EPLB_ERR_SHAPE, "%s on %s need too many slots", eplb_count(num_experts, "expert"),
                     eplb_count(gpus, "GPU"));
  if (o->nodes > gpus)
    return eplb_fail(EPLB_ERR_SHAPE, "--nodes is %d for %s; every node needs one", o->nodes, eplb_count(gpus, "GPU"));
  int *node = EPLB_NEW(int, gpus), *share = EPLB_NEW(int, gpus);
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (node && share) {
    for (int g = 0; g < gpus; g++) {
      node[g] = (int)((int64_t)g * o->nodes / gpus);
      share[g] = (int)slots / gpus + (g < slots % gpus);
    }
    status = eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                 .num_devices = gpus,
                                                                 .num_levels = 1,
                                                                 .level_name = (const char *const[]){"node"},
                                                                 .domain = node,
                                                                 .slots = share,
                                                                 .declared = 1},
                                  topology);
  }
  free(node);
  free(share);
  return status;
}

/* The slots of a GPU depend on how many GPUs there are, so that it is read twice. */
static eplb_status_t read_topology(const recording_options_t *o, int num_experts, eplb_topology_t **topology) {
  const char *file = o->topology;
  int wanted = o->slots ? o->slots : num_experts + (num_experts + 7) / 8;
  eplb_status_t status = eplb_topology_read(file, 0, topology);
  if (!status && o->slots && o->slots != eplb_topology_num_slots(*topology))
    return eplb_fail(EPLB_ERR_SHAPE, "--slots is %d, and the topology has %s", o->slots,
                     eplb_count(eplb_topology_num_slots(*topology), "slot"));
  if (!status || file[0] == '-')
    return status;
  status = eplb_topology_read(file, 1, topology);
  if (status)
    return status;
  int gpus = (*topology)->num_devices;
  eplb_topology_destroy(topology);
  return eplb_topology_read(file, (wanted + gpus - 1) / gpus, topology);
}

eplb_status_t recording_topology(const recording_options_t *o, int num_experts, eplb_topology_t **topology) {
  eplb_status_t status = o->topology ? read_topology(o, num_experts, topology) : declare(o, num_experts, topology);
  return status || !o->node_level ? status : eplb_topology_set_node_level(*topology, o->node_level);
}
