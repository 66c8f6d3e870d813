/* From loads and topology to a placement. */
#ifndef EPLB_PLANNER_H
#define EPLB_PLANNER_H

#include <eplb/placement.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_planner {
  EPLB_PLANNER_DEFAULT,  /* the best that this version has; today the reference */
  EPLB_PLANNER_REFERENCE /* bit for bit DeepSeek's EPLB (github.com/deepseek-ai/EPLB, eplb.py, commit d52c72d) with a
                            stable sort: ties go to the lowest index */
} eplb_planner_t;

typedef enum eplb_policy {
  EPLB_POLICY_AUTO,         /* hierarchical where expert groups and nodes allow it, else global */
  EPLB_POLICY_HIERARCHICAL, /* whole expert groups to nodes, replicas within a node: for group-limited routing */
  EPLB_POLICY_GLOBAL        /* any expert anywhere */
} eplb_policy_t;

/* Start from eplb_plan_options_init, then change what you want. */
typedef struct eplb_plan_options {
  size_t size; /* sizeof(eplb_plan_options_t), set by _init */
  eplb_planner_t planner;
  eplb_policy_t policy;
  int num_groups; /* groups of consecutive experts, as group-limited routing has them; 1 by default */
} eplb_plan_options_t;

EPLB_PUBLIC void eplb_plan_options_init(eplb_plan_options_t *options);

/* Names as users write them, e.g. "hierarchical"; NULL for a value that is none. Local; static storage. */
EPLB_PUBLIC const char *eplb_planner_name(eplb_planner_t planner);
EPLB_PUBLIC const char *eplb_policy_name(eplb_policy_t policy);

/* The reverse. Local. EPLB_ERR_ARGUMENT says what was written and which names there are. */
EPLB_PUBLIC eplb_status_t eplb_planner_parse(const char *name, eplb_planner_t *planner);
EPLB_PUBLIC eplb_status_t eplb_policy_parse(const char *name, eplb_policy_t *policy);

/* What EPLB_POLICY_AUTO comes to for this topology, or the other policies themselves; never AUTO. Local.
 * As the reference: hierarchical if the groups can be dealt out evenly to the nodes; here also only if all nodes have
 * equally many devices. */
EPLB_PUBLIC eplb_policy_t eplb_plan_policy(const eplb_plan_options_t *options, const eplb_topology_t *topology);

/* Plans every layer for itself. Local, deterministic. load[num_layers][num_experts], as eplb_loads_check wants it.
 * The caller owns *placement: the topology's slots in rank order; replicas of an expert in the order in which they were
 * made. Nothing need be contiguous: devices are planned node by node and mapped back to rank order.
 *
 * The reference refuses, with EPLB_ERR_SHAPE and a sentence that names the two numbers: devices with different numbers of
 * slots; with the hierarchical policy also groups that do not divide the experts, nodes that do not divide the groups, and
 * nodes with different numbers of devices. It knows no speeds: EPLB_ERR_UNSUPPORTED where they differ.
 * EPLB_ERR_SHAPE also: fewer slots than experts, more groups than experts. EPLB_ERR_LOADS; EPLB_ERR_ARGUMENT;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_layers,
                                    int num_experts, const double *load, eplb_placement_t **placement);

#ifdef __cplusplus
}
#endif
#endif
