/* Planners: from loads and a topology to a placement. */
#ifndef EPLB_PLANNER_H
#define EPLB_PLANNER_H

#include <eplb/loads.h>
#include <eplb/options.h>
#include <eplb/placement.h>
#include <eplb/transfer.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_planner {
  EPLB_PLANNER_AUTO,     /* each layer by the one of these whose plan scores best: see eplb_plan */
  EPLB_PLANNER_DEEPSEEK, /* bit for bit DeepSeek's EPLB (github.com/deepseek-ai/EPLB, eplb.py, commit d52c72d) with a
                            stable sort: ties go to the lowest index */
  EPLB_PLANNER_WINDOW,   /* for one window or a forecast: any shape, near the bound, few moves; can keep expert
                            groups on nodes, and move only what pays */
  EPLB_PLANNER_HISTORY,  /* for the next window, from several recent ones; replicas share an expert's load equally */
  EPLB_PLANNER_CHAIN     /* the same for jobs with shares for each batch (dispatch.h): replicas link devices in
                            chains, so that load can flow from any device to any other */
} eplb_planner_t;

typedef enum eplb_policy {
  EPLB_POLICY_AUTO,         /* hierarchical if the planner, expert groups and nodes allow it, else global */
  EPLB_POLICY_HIERARCHICAL, /* whole expert groups to nodes, replicas within a node: for group-limited routing */
  EPLB_POLICY_GLOBAL        /* any expert anywhere */
} eplb_policy_t;

/* How the job divides an expert's tokens over its replicas. */
typedef enum eplb_plan_split {
  EPLB_PLAN_SPLIT_EVEN,  /* equally (default) */
  EPLB_PLAN_SPLIT_SHARES /* by shares that each batch computes from its own counts (dispatch.h) */
} eplb_plan_split_t;

/* How long a planner may search, counted in candidates, not in time, so that plans are the same on every machine. */
typedef enum eplb_effort {
  EPLB_EFFORT_DEFAULT,
  EPLB_EFFORT_FAST, /* window: an eighth of that; history, chain: fewer passes */
  EPLB_EFFORT_BEST  /* window: sixteen times as long; history, chain: more passes */
} eplb_effort_t;

/* Start from eplb_plan_options_init, then change what you want. An option that the planner cannot use must stay at its
 * default: eplb_plan and eplb_plan_resolve refuse it otherwise. Options for moves have no effect without a current
 * placement. */
typedef struct eplb_plan_options {
  size_t size; /* sizeof(eplb_plan_options_t), set by _init */
  eplb_planner_t planner;
  eplb_policy_t policy;
  int num_groups; /* groups of consecutive experts for group-limited routing; 1 by default. It describes the model: a
                     global policy does not keep groups together */
  eplb_plan_split_t split;  /* what the job is like; auto scores plans by it */
  eplb_effort_t effort;     /* all but deepseek */
  double spill;             /* window, hierarchical: replicas leave their group's node, in the order of their cost for
                              routing, until this balancedness is reached; in [0, 1); 0 (default): no replica leaves */
  double balance;           /* window, moves: no more moves once this balancedness is reached; in (0, 1); .99 by
                              default */
  int max_moves;            /* all but deepseek, moves: most replicas of a layer that may move to another device;
                              INT_MAX by default */
  double node_cost;         /* all but deepseek, moves: cost of a move into another node, in moves within a node; each
                              level further out adds as much; >= 1; 4 by default. With a payback, bandwidths replace
                              it */
  double move_cost;         /* auto, history, chain, moves: least gain of a move within a node, in the mean over
                              windows of (device's time / mean time)^8; a larger value gives fewer moves. 0
                              (default): the planner's default, .003, or .01 for chain */
  double tokens_per_load;   /* all but deepseek, moves: tokens that a load of 1 stands for; needed to separate gains
                              from chance. 0 (default): 1 if a layer's loads are integers in every window, else
                              unknown: then every gain counts. INFINITY: loads are exact */
  eplb_forecast_t forecast; /* deepseek, window: how to make one load of several windows; EPLB_FORECAST_EWMA by
                                    default */
  const eplb_payback_t *payback; /* window, moves: make only moves that pay; NULL (default): no such limit. Not
                                    copied. */
} eplb_plan_options_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_plan_options_init_size(eplb_plan_options_t *options, size_t size);
static inline void eplb_plan_options_init(eplb_plan_options_t *options) {
  eplb_plan_options_init_size(options, sizeof *options);
}

/* Returns the name of an option's value: "window" for ("planner", EPLB_PLANNER_WINDOW). NULL for options without names,
 * and other values. Local; static storage. */
EPLB_PUBLIC const char *eplb_plan_name(const char *option, int value);

/* Resolves the options for a topology: sets *resolved, which must be prepared with eplb_plan_options_init; its policy
 * is never AUTO. Local. eplb_plan, a session and every command of the tool use this function. The planner AUTO becomes
 * window with a payback, or if expert groups can be kept on their nodes (a hierarchical policy; or policy AUTO,
 * num_groups > 1, and several nodes with equal numbers of devices, whose number divides the groups); else it stays
 * AUTO, with the global policy. EPLB_ERR_ARGUMENT: a value out of range; EPLB_ERR_UNSUPPORTED: an option that the
 * planner cannot use; the sentence names it, its value and the planners that can use it. */
EPLB_PUBLIC eplb_status_t eplb_plan_resolve(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                            eplb_plan_options_t *resolved);

/* Plans each layer separately: from scratch if `current` is NULL, else from that placement, with few moves; experts
 * that stay on a device keep their slot. Local, deterministic: the same input gives the same plan on every machine. The
 * caller owns *placement, which has the topology's slots in rank order. Devices of a node need not be consecutive.
 *
 * deepseek lists replicas in the order in which it creates them, and always plans from scratch. EPLB_ERR_SHAPE, with a
 * sentence that names the two numbers: devices with different numbers of slots; with the hierarchical policy also if
 * the groups do not divide the experts, the nodes do not divide the groups, or nodes have different numbers of devices.
 * EPLB_ERR_UNSUPPORTED: devices of different speeds.
 *
 * window accepts any shape, numbers of slots and speeds. From scratch it is never worse than deepseek on a layer that
 * deepseek accepts. It puts an expert twice on a device only if it would else be worse than deepseek. If a device has
 * more slots than there are experts, the slots left over stay EPLB_EMPTY. From a current placement it makes the changes
 * with the largest gain for their cost until options->balance is reached; if that fails, it plans the layer from
 * scratch and renumbers devices so that most experts stay. EPLB_ERR_SHAPE with the hierarchical policy: fewer groups
 * than nodes, or groups that do not fit on nodes. deepseek and window plan for the forecast of several windows.
 *
 * history and chain accept any shape and use all windows. With every planner, a layer without load keeps its placement.
 *
 * auto takes any shape. Candidates are the plans of history; of chain, where options->split is shares and there is at
 * least one spare slot for each device; and, where devices have at most 4 slots in the mean, of window and deepseek.
 * Each is scored on the windows, newer ones with more weight, as the job divides tokens: mean balance less a price for
 * moves, of .02 for moving every slot within its node, in proportion for less, times node_cost across nodes, and times
 * move_cost / .003 where that is set. With `current` the first candidate is that everything stays, and only then plans
 * from its placement; plans from scratch, with devices renamed, follow for layers that one of these changed, unless
 * max_moves is below a quarter of the slots. A candidate must score .002 more than the best before it, and .01 more
 * than chain where devices have more than 4 slots in the mean. So a plan never scores worse than `current`. Time is
 * that of all candidates together; window is none beyond 1024 devices.
 *
 * With `current`, history and chain plan a layer from scratch that still has the placement of
 * eplb_placement_create_linear, at its first change and if that is within max_moves: an unplanned placement is not
 * worth keeping. The first change must gain more than node_cost and move_cost; the further changes of the plan from
 * scratch need not. Devices of equal slots and speed are then renumbered so that most experts stay.
 *
 * Counts vary by chance: a count with mean n by sqrt(n), as a Poisson variable. With `current`, a layer keeps its
 * placement unless its busiest device exceeds the mean by more than z standard errors, or, for history and chain, a
 * change gains more than z of its own standard errors; chain tests changes only. z is chosen so that at most 5 % of
 * layers change in a plan if all devices have equal expected load. In a layer that passes this test each change must
 * gain more than 1.645 standard errors (5 % for a single one). options->tokens_per_load says how loads relate to
 * counts. deepseek does not test.
 *
 * EPLB_ERR_SHAPE also: fewer slots than experts, more groups than experts, or the sizes of `current` do not match
 * windows and topology. EPLB_ERR_LOADS; EPLB_ERR_MEMORY; otherwise as eplb_plan_resolve. Memory with `current`: a byte
 * for each expert and device; history and chain ten, and up to 2 KiB for each device. */
EPLB_PUBLIC eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                    const eplb_windows_t *windows, const eplb_placement_t *current,
                                    eplb_placement_t **placement);

#ifdef __cplusplus
}
#endif
#endif
