/* From loads and topology to a placement. */
#ifndef EPLB_PLANNER_H
#define EPLB_PLANNER_H

#include <eplb/forecast.h>
#include <eplb/payback.h>
#include <eplb/placement.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_planner {
  EPLB_PLANNER_DEFAULT,   /* the best that this version has: any shape, near the bound, few moves */
  EPLB_PLANNER_REFERENCE, /* bit for bit DeepSeek's EPLB (github.com/deepseek-ai/EPLB, eplb.py, commit d52c72d) with a
                             stable sort: ties go to the lowest index */
  EPLB_PLANNER_SCENARIO,  /* for the next window, by all recent ones at once, and an equal split over replicas */
  EPLB_PLANNER_LINKED     /* the same where each batch has its own shares (dispatch.h): replicas link devices */
} eplb_planner_t;

typedef enum eplb_policy {
  EPLB_POLICY_AUTO,         /* hierarchical where expert groups and nodes allow it, else global */
  EPLB_POLICY_HIERARCHICAL, /* whole expert groups to nodes, replicas within a node: for group-limited routing */
  EPLB_POLICY_GLOBAL        /* any expert anywhere */
} eplb_policy_t;

/* How long the default planner may look: counted in candidates, not in time, so that plans are the same everywhere. */
typedef enum eplb_effort {
  EPLB_EFFORT_DEFAULT,
  EPLB_EFFORT_FAST, /* an eighth of that */
  EPLB_EFFORT_BEST  /* sixteen times as long */
} eplb_effort_t;

/* Start from eplb_plan_options_init, then change what you want. All but the first three are for the default planner; of
 * these, effort, max_moves and node_cost also for the scenario and the linked planner, which know no other policy than
 * global. */
typedef struct eplb_plan_options {
  size_t size; /* sizeof(eplb_plan_options_t), set by _init */
  eplb_planner_t planner;
  eplb_policy_t policy;
  int num_groups; /* groups of consecutive experts, as group-limited routing has them; 1 by default */
  eplb_effort_t effort;
  double spill;     /* hierarchical: replicas leave their group's node, those that cost routing least first, until this
                       balancedness is reached; 0: none does (default); below 1 */
  double balance;   /* eplb_replan: good enough, so that nothing more need move; in (0, 1); .99 by default */
  int max_moves;    /* eplb_replan: replicas of a layer that may move to another device; INT_MAX by default */
  double node_cost; /* eplb_replan: price of a move into another node, in moves within one; as much again for each level
                       further out; >= 1; 4 by default */
  double move_price; /* eplb_replan, scenario and linked: what a move within a node must gain, in the price of a device
                        that they reckon with: the mean over windows of (time / mean time)^8; more for fewer moves.
                        0 (default): the planner's own, .003 or, linked, .01 */
  double tokens_per_load;   /* eplb_replan: tokens that a load of 1 stands for, by which gains are told from chance; 0
                               (default): 1 where a layer's loads are whole numbers in every window, else unknown, and
                               no gain is taken for chance; INFINITY: loads are exact. The reference does without. */
  eplb_forecast_t forecast; /* of several windows, for the planners that take but one; EPLB_FORECAST_LAST by default */
  const eplb_payback_t *payback; /* eplb_replan: move only what pays; NULL: regardless (default). Not copied. */
} eplb_plan_options_t;

EPLB_PUBLIC void eplb_plan_options_init(eplb_plan_options_t *options);

/* Names as users write them, e.g. "hierarchical"; NULL for a value that is none. Local; static storage. */
EPLB_PUBLIC const char *eplb_planner_name(eplb_planner_t planner);
EPLB_PUBLIC const char *eplb_policy_name(eplb_policy_t policy);
EPLB_PUBLIC const char *eplb_effort_name(eplb_effort_t effort);

/* The reverse. Local. EPLB_ERR_ARGUMENT says what was written and which names there are. */
EPLB_PUBLIC eplb_status_t eplb_planner_parse(const char *name, eplb_planner_t *planner);
EPLB_PUBLIC eplb_status_t eplb_policy_parse(const char *name, eplb_policy_t *policy);
EPLB_PUBLIC eplb_status_t eplb_effort_parse(const char *name, eplb_effort_t *effort);

/* What EPLB_POLICY_AUTO comes to for this topology, or the other policies themselves; never AUTO. Local.
 * As the reference: hierarchical if the groups can be dealt out evenly to the nodes; here also only if all nodes have
 * equally many devices. */
EPLB_PUBLIC eplb_policy_t eplb_plan_policy(const eplb_plan_options_t *options, const eplb_topology_t *topology);

/* Plans every layer for itself, from nothing. Local, deterministic: the same input gives the same plan on every
 * machine. load[num_layers][num_experts], as eplb_loads_check wants it. The caller owns *placement: the topology's
 * slots in rank order. Nothing need be contiguous: devices are planned node by node and mapped back to rank order.
 *
 * The default planner takes any shape, numbers of slots and speeds. It is never worse than the reference on a layer
 * that that accepts. It puts no expert twice on a device, unless only that keeps up with the reference; slots that no
 * expert can use are left EPLB_EMPTY, where a device has more of them than there are experts. EPLB_ERR_SHAPE with the
 * hierarchical policy: fewer groups than nodes, or groups that do not fit whole.
 *
 * The reference lists replicas in the order in which they were made, and refuses, with EPLB_ERR_SHAPE and a sentence
 * that names the two numbers: devices with different numbers of slots; with the hierarchical policy also groups that do
 * not divide the experts, nodes that do not divide the groups, and nodes with different numbers of devices. It knows no
 * speeds: EPLB_ERR_UNSUPPORTED where they differ. EPLB_ERR_SHAPE also: fewer slots than experts, more groups than
 * experts. EPLB_ERR_LOADS; EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_layers,
                                    int num_experts, const double *load, eplb_placement_t **placement);

/* Plans from the placement `before`: changes what gains most for its price until options->balance is reached; only
 * where that leads nowhere a layer is planned from nothing, with devices named so that most of it stays. Experts that
 * stay on a device keep their slot. A layer without load stays as it is.
 *
 * Counts vary by chance: a mean of n tokens by sqrt(n), as Poisson variables do. A layer is left as it is unless its
 * busiest device is busier than the mean by more than z standard errors, or, for the scenario and the linked planner,
 * some change gains more than z of its own; the linked planner goes by changes alone. z is such that with devices of
 * equal expected load at most 5 % of layers change in a plan. In such a layer each change must gain more than 1.645
 * standard errors (5 % for a single one). options->tokens_per_load says what is a count.
 *
 * The reference planner, which knows no placement but its own, plans from nothing. Local, deterministic. load[before->num_layers][before->num_experts].
 * Errors as eplb_plan; EPLB_ERR_SHAPE also: `before` has other slots than the topology. Memory: a byte for each expert
 * and device; ten with the scenario and the linked planner, and up to 2 KiB for each device. */
EPLB_PUBLIC eplb_status_t eplb_replan(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                      const eplb_placement_t *before, const double *load, eplb_placement_t **placement);

/* The same for the next of several windows: the scenario and the linked planner look at all of them, the others at
 * their forecast. Local, deterministic. Each window has [num_layers][num_experts] loads. Errors as eplb_plan;
 * EPLB_ERR_ARGUMENT also: no window or too many, or a weight that is not finite and above 0. */
EPLB_PUBLIC eplb_status_t eplb_plan_windows(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                            int num_layers, int num_experts, const eplb_windows_t *windows,
                                            eplb_placement_t **placement);
EPLB_PUBLIC eplb_status_t eplb_replan_windows(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                              const eplb_placement_t *before, const eplb_windows_t *windows,
                                              eplb_placement_t **placement);

/* What group-limited routing pays for a layer's placement: the nodes, other than its own, that a token is expected to
 * visit. Local. A token is taken to pick `token_groups` different groups, with chances as the product of their loads,
 * and within them `token_experts` times an expert with chances as the loads; replicas share alike, and tokens come from
 * all devices alike. In *nodes; off_home[num_nodes] or NULL: the part of each node's load that belongs to groups whose
 * largest part is on another node. load[num_experts]. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_remote_nodes(const eplb_topology_t *topology, const eplb_placement_t *placement,
                                            int layer, const double *load, int num_groups, int token_groups,
                                            int token_experts, double *nodes, double *off_home);

#ifdef __cplusplus
}
#endif
#endif
