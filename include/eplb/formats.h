/* Files: expert loads in, placements out, topologies both ways. */
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
 * What is in the file tells of which kind it is, whatever its name:
 *
 * CSV with the header `window,layer,e0,e1,...`: one row for each window and layer, whole windows in any order of rows;
 * `layer` is the model's own layer number. With the header `layer_id,expert_id,count` (SGLang's older recorders) or
 * `window,layer,expert,count`: one row for each expert; experts without a row have no load. Without a header: one
 * window, one row per layer, one column per expert; or three columns that are layer, expert and count, or four with
 * the window before them, if they can be nothing else: most experts of every layer have a row. Where the first columns
 * may be such numbers or loads, the file is refused: write the header. A byte order mark of UTF-8 is passed over, here
 * and in JSON.
 *
 * JSON as SGLang has it, [layers][experts] or [windows][layers][experts], in the member "logical_count" or by itself;
 * or {"load_history": [{"logical_expert_load": [layers][experts]}, ...]}, one for each window; or of its recorder
 * "per_pass", {"records": [{"forward_pass_id": 7, "global_physical_count": [layers][slots], ...}, ...],
 * "last_physical_to_logical_map": [layers][slots]}: a forward pass is a window, and its ranks are added up.
 *
 * JSON lines of vLLM, {"record_type": "eplb_load_stats", "version": 1, "expert_load": [layers][slots], "p2l_map":
 * [layers][slots], ...}: each is a window; loads of an expert's replicas are added up, and what is in an empty slot
 * (-1) must be 0. Lines are in the order of time. Records of other types are passed over.
 *
 * NumPy's .npy: [layers][experts] or [windows][layers][experts], whole numbers of 1, 2, 4 or 8 bytes or real ones of 2,
 * 4 or 8, in either order of bytes and of axes.
 *
 * A folder of TensorRT-LLM's statistics, with meta_info.json and rank0.safetensors, rank1.safetensors, ..., all of
 * whose tensors "{iteration}_{layer}" are added up: iterations are windows, layers the model's own. Each rank counts
 * what it routes, and ranks of a pipeline have layers of their own.
 *
 * A recording that ended within its last window, as one that was killed, lacks that one: loads->incomplete says so. CSV
 * with a row for each expert is the exception: that rows are missing does not show there, and they count as no load.
 * Where layers have no numbers they are 0, 1, 2, ... EPLB_ERR_IO: it cannot be opened or read; EPLB_ERR_FORMAT,
 * EPLB_ERR_LOADS: names file, line and column, index or tensor, what stands there and what was expected;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_loads_read(const char *path, eplb_loads_t **loads);

/* Writes CSV with the header. Local. "-" is standard output. A file appears whole or not at all: it is written
 * beside its final name and then renamed. EPLB_ERR_IO, EPLB_ERR_MEMORY: the old file, if any, is as it was. */
EPLB_PUBLIC eplb_status_t eplb_loads_write(const char *path, const eplb_loads_t *loads);

/* What a placement file says about how its placement was made. Start from eplb_plan_record_init. */
typedef struct eplb_plan_record {
  size_t size; /* sizeof(eplb_plan_record_t) */
  const eplb_topology_t *topology;
  const eplb_placement_t *placement;
  const int *layer_id; /* [num_layers] or NULL for 0, 1, 2, ... */
  eplb_planner_t planner;
  eplb_policy_t policy; /* the one that was used, not AUTO */
  int num_groups;
  double balancedness;              /* mean over layers with load; NAN where there is none */
  const double *layer_balancedness; /* [num_layers]; or NULL: the file then says nothing of balancedness */
  const double *layer_bound;        /* [num_layers], eplb_balancedness_bound, or NULL */
  const int64_t *transfers;         /* [EPLB_NUM_LINKS] from the placement before, or NULL */
} eplb_plan_record_t;

/* Sets the size, and all else to 0. */
static inline void eplb_plan_record_init(eplb_plan_record_t *record) {
  memset(record, 0, sizeof *record);
  record->size = sizeof *record;
}

/* Writes a placement as JSON: `version`, shape, topology, `physical_to_logical_map` [layers][slots],
 * `logical_to_physical_map` [layers][experts][replicas, -1 after them], `logical_replica_count` [layers][experts],
 * `balancedness` {"mean", "layers", "layers_without_load"; null for NAN}, `transfers` by link where there are any, and
 * how it was made. Local. Path, wholeness and errors as eplb_loads_write; EPLB_ERR_ARGUMENT: path, record, its topology
 * or placement is NULL; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_write_json(const char *path, const eplb_plan_record_t *record);

/* A placement as a file has it. Plain data: read it freely; arrays belong to it. */
typedef struct eplb_placement_file {
  eplb_placement_t *placement;
  int *layer_id;   /* [placement->num_layers]: the model's own number of each row, ascending; NULL: not told */
  int num_devices; /* that the slots are on; 0: not told */
} eplb_placement_file_t;

/* Reads a placement; there are as many experts as the largest number in it says. "-" is standard input. Local. The
 * caller owns *file. What is in the file tells of which kind it is, whatever its name:
 * JSON that eplb_placement_write_json has written or that SGLang starts from (`physical_to_logical_map`), YAML of
 * TensorRT-LLM (`initial_global_assignments`), JSON lines of vLLM (the record "eplb_initial_mapping") or JSON of
 * vllm-ascend (`layer_list`). EPLB_ERR_IO; EPLB_ERR_FORMAT names line, key or row, what stands there and what was
 * expected; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_read(const char *path, eplb_placement_file_t **file);

/* Frees *file and sets it NULL; NULL is fine. Local. */
EPLB_PUBLIC void eplb_placement_file_destroy(eplb_placement_file_t **file);

/* A declared topology: a short text such as "nodes=4 gpus=8 slots=9", or the path of a JSON file. Local. The caller
 * owns *topology, which is marked as declared.
 *
 * The text has KEY=NUMBER parted by blanks or commas: nodes (1), gpus of each node (1), slots of each GPU
 * (default_slots), racks that the nodes are dealt to in equal runs, islands of each node likewise; devices are
 * numbered node by node.
 *
 * The file has, itself or in its member "topology", "levels" (names, outermost first), "node_level" (which is the
 * node; default: the level of that name), "domain_of_device" [levels][devices], and may have "slots_of_device" and
 * "speed_of_device"; or just "node_of_device" [devices]. Placement files and those of `eplb topo --save` are such
 * files.
 *
 * default_slots < 1: the number of slots must be told. EPLB_ERR_FORMAT, EPLB_ERR_IO, EPLB_ERR_ARGUMENT,
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_read(const char *text, int default_slots, eplb_topology_t **topology);

/* Reads what `eplb topo --measure --save FILE` found, the member "links", so that payback reckons with it. Local.
 * Sets payback->bytes_per_second of EPLB_LINK_NODE and EPLB_LINK_NETWORK where pairs within a node and of two nodes
 * were measured: the slowest class of each. EPLB_ERR_IO; EPLB_ERR_FORMAT where there are none. */
EPLB_PUBLIC eplb_status_t eplb_links_read_json(const char *path, eplb_payback_t *payback);

#ifdef __cplusplus
}
#endif
#endif
