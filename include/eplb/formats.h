/* Files: reads expert loads, placements and topologies; writes loads and placements. */
#ifndef EPLB_FORMATS_H
#define EPLB_FORMATS_H

#include <eplb/loads.h>
#include <eplb/placement.h>
#include <eplb/planner.h>
#include <eplb/transfer.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads expert loads from a file, or from a folder of statistics; "-" is standard input. Local. The caller owns *loads.
 * The content determines the format, not the name:
 *
 * CSV with the header `window,layer,e0,e1,...`: one row for each window and layer, in any order; `layer` is the model's
 * own layer number. With the header `layer_id,expert_id,count` (SGLang's older recorders) or
 * `window,layer,expert,count`: one row for each expert; experts without a row have no load. Without a header: one
 * window, one row per layer, one column per expert; or three columns (layer, expert, count), or four with the window
 * first, if the numbers cannot be loads: most experts of every layer have a row. If the first columns may be such
 * numbers or loads, the file is refused and needs a header. A UTF-8 byte order mark is skipped, also in JSON.
 *
 * JSON of SGLang: [layers][experts] or [windows][layers][experts], as the whole document or in the member
 * "logical_count"; or {"load_history": [{"logical_expert_load": [layers][experts]}, ...]}, one for each window; or of
 * its recorder "per_pass", {"records": [{"forward_pass_id": 7, "global_physical_count": [layers][slots], ...}, ...],
 * "last_physical_to_logical_map": [layers][slots]}: a forward pass is a window; its ranks are summed.
 *
 * JSON lines of vLLM, {"record_type": "eplb_load_stats", "version": 1, "expert_load": [layers][slots], "p2l_map":
 * [layers][slots], ...}: each line is a window; loads of an expert's replicas are summed, and the load of an empty slot
 * (-1) must be 0. Lines must be in the order of time. Records of other types are skipped.
 *
 * NumPy's .npy: [layers][experts] or [windows][layers][experts], integers of 1, 2, 4 or 8 bytes or reals of 2, 4 or 8,
 * in either byte order, in C or Fortran order.
 *
 * A folder of TensorRT-LLM's statistics, with meta_info.json and rank0.safetensors, rank1.safetensors, ..., whose
 * tensors "{iteration}_{layer}" are summed over ranks: iterations are windows, layers are the model's own numbers. Each
 * rank has the tokens that it routes, and ranks of a pipeline have only their layers.
 *
 * If a recording ends within its last window, e.g. of a killed job, that window is left out and loads->incomplete is 1:
 * CSV with a row for each layer, JSON lines, and TensorRT-LLM's folders. In CSV with a row for each expert, missing
 * rows cannot be recognised and count as no load. An incomplete file of another format is refused. Layers without
 * numbers get 0, 1, 2, ... EPLB_ERR_IO: the file cannot be opened or read; EPLB_ERR_FORMAT, EPLB_ERR_LOADS: the
 * sentence names file, line and column, index or tensor, what was found and what was expected; EPLB_ERR_ARGUMENT;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_loads_read(const char *path, eplb_loads_t **loads);

/* Writes CSV with the header. Local. "-" is standard output. A file is written whole or not at all: under another name,
 * which is then renamed. EPLB_ERR_ARGUMENT, EPLB_ERR_IO, EPLB_ERR_MEMORY: an old file is unchanged. */
EPLB_PUBLIC eplb_status_t eplb_loads_write(const char *path, const eplb_loads_t *loads);

/* A placement and how it was planned, for a placement file. It owns nothing. Start from eplb_plan_record_init. */
typedef struct eplb_plan_record {
  size_t size; /* sizeof(eplb_plan_record_t) */
  const eplb_topology_t *topology;
  const eplb_placement_t *placement;
  const int *layer_id; /* [num_layers] or NULL for 0, 1, 2, ... */
  eplb_planner_t planner;
  eplb_policy_t policy; /* the policy used; not AUTO */
  int num_groups;
  double balancedness;              /* mean over layers with load; NAN if no layer has load */
  const double *layer_balancedness; /* [num_layers]; NULL: the file has no balancedness */
  const double *layer_bound;        /* [num_layers], eplb_balancedness_bound, or NULL */
  const int64_t *transfers;         /* [EPLB_NUM_LINKS]: transfers from the previous placement, or NULL */
} eplb_plan_record_t;

/* Sets the size, and all else to 0. */
static inline void eplb_plan_record_init(eplb_plan_record_t *record) {
  memset(record, 0, sizeof *record);
  record->size = sizeof *record;
}

/* Writes a placement as JSON: `version`, shape, topology, `physical_to_logical_map` [layers][slots],
 * `logical_to_physical_map` [layers][experts][replicas, -1 after them], `logical_replica_count` [layers][experts],
 * `balancedness` {"mean", "layers", "layers_without_load"; null for NAN}, `transfers` by link unless NULL, and planner,
 * policy and groups. Local. Path and errors as eplb_loads_write; EPLB_ERR_ARGUMENT: path, record, its topology or
 * placement is NULL; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_write_json(const char *path, const eplb_plan_record_t *record);

/* A placement read from a file. Plain data that may be read; the struct owns its arrays. */
typedef struct eplb_placement_file {
  eplb_placement_t *placement;
  int *layer_id;   /* [placement->num_layers]: the model's own number of each row, ascending; NULL: not in the file */
  int num_devices; /* number of devices; 0: not in the file */
} eplb_placement_file_t;

/* Reads a placement. The number of experts is the largest expert number plus 1. "-" is standard input. Local. The
 * caller owns *file. The content determines the format, not the name: JSON of eplb_placement_write_json or SGLang
 * (`physical_to_logical_map`), YAML of TensorRT-LLM (`initial_global_assignments`), JSON lines of vLLM (the record
 * "eplb_initial_mapping") or JSON of vllm-ascend (`layer_list`). EPLB_ERR_IO; EPLB_ERR_FORMAT: the sentence names line,
 * key or row, what was found and what was expected; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_read(const char *path, eplb_placement_file_t **file);

/* Frees *file and sets it to NULL; it may be NULL. Local. */
EPLB_PUBLIC void eplb_placement_file_destroy(eplb_placement_file_t **file);

/* Reads a declared topology: a short text such as "nodes=4 gpus=8 slots=9", or the path of a JSON file. Local. The
 * caller owns *topology; its `declared` is 1.
 *
 * The text has KEY=NUMBER separated by blanks or commas: nodes (1), gpus of each node (1), slots of each GPU
 * (default_slots), racks (consecutive nodes, evenly divided), islands of each node (consecutive GPUs, evenly divided).
 * Devices are numbered node by node.
 *
 * The file has, at its top or in its member "topology", "levels" (names, outermost first), "node_level" (the number of
 * the planners' node level; default: the level named "node"), "domain_of_device" [levels][devices], and optionally
 * "slots_of_device" and "speed_of_device"; or only "node_of_device" [devices]. Placement files and files of `eplb topo
 * --save` have this form.
 *
 * default_slots < 1: the text or file must have the number of slots. EPLB_ERR_FORMAT, EPLB_ERR_IO, EPLB_ERR_ARGUMENT,
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_read(const char *text, int default_slots, eplb_topology_t **topology);

/* Reads the bandwidths of a file of `eplb topo --measure --save FILE`, its member "links". Local. Sets
 * payback->bytes_per_second of EPLB_LINK_NODE and EPLB_LINK_NETWORK, each to the slowest measured class within a node
 * and between nodes; a kind that was not measured is unchanged. EPLB_ERR_IO; EPLB_ERR_FORMAT, also if the file has no
 * links. */
EPLB_PUBLIC eplb_status_t eplb_links_read_json(const char *path, eplb_payback_t *payback);

#ifdef __cplusplus
}
#endif
#endif
