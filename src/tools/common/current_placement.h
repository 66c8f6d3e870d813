/* The placement that a command starts from: what --current names. */
#ifndef EPLB_TOOLS_COMMON_CURRENT_PLACEMENT_H
#define EPLB_TOOLS_COMMON_CURRENT_PLACEMENT_H

#include <eplb/eplb.h>

typedef struct current_question {
  const char *file, *loads_file; /* "-": standard input */
  const eplb_loads_t *loads;
  const eplb_topology_t *topology;
} current_question_t;

/* Reads the placement of the recording's layers, the caller's. Rows are matched by the model's numbers of layers where
 * both files have them. EPLB_ERR_SHAPE: it is none for these loads and GPUs; else errors as eplb_placement_read. */
eplb_status_t read_current_placement(const current_question_t *question, eplb_placement_t **placement);

#endif
