/* Options of commands that plan for a recording: its file and the GPUs. A child of their argp. */
#ifndef EPLB_TOOLS_COMMON_RECORDING_OPTIONS_H
#define EPLB_TOOLS_COMMON_RECORDING_OPTIONS_H

#include <argp.h>
#include <eplb/loads.h>
#include <eplb/topology.h>

/* What a file of loads may be, for help texts. */
#define RECORDING_FORMS "CSV, JSON of SGLang or vLLM, NumPy's .npy or a folder of TensorRT-LLM's statistics"

typedef struct recording_options {
  const char *loads;      /* the command's argument */
  const char *topology;   /* declared, instead of nodes and gpus; or NULL */
  const char *node_level; /* the level that is the planner's node; NULL: as the topology says */
  int nodes, gpus, slots; /* in all; gpus, slots 0: chosen */
  const char *declared;   /* "nodes" or "gpus" where it was given, or NULL */
  double expert_bytes;    /* 0: not given */
} recording_options_t;

/* Its input is a recording_options_t. */
extern const struct argp recording_argp;

/* eplb_loads_read; says on stderr where a window was left out. */
eplb_status_t recording_read(const char *path, eplb_loads_t **loads);

/* The declared topology. Slots: options->slots, or if that is 0 an eighth more than `num_experts`, rounded up to a
 * multiple of the GPUs. Slots are divided evenly among GPUs and GPUs among nodes; the first ones get one more. 0 GPUs
 * means 8 for each node. Errors as eplb_topology_read; EPLB_ERR_SHAPE: the topology does not have the number of slots
 * of --slots. */
eplb_status_t recording_topology(const recording_options_t *options, int num_experts, eplb_topology_t **topology);

#endif
