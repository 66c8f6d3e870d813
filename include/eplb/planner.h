/* From loads and topology to a placement. */
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
  EPLB_PLANNER_WINDOW,   /* for one window, or a forecast: any shape, near the bound, few moves; keeps expert groups on
                            nodes, and moves only what pays */
  EPLB_PLANNER_HISTORY,  /* for the next window, from several recent ones; replicas share an expert's load equally */
  EPLB_PLANNER_CHAIN     /* the same where each batch has its own shares (dispatch.h): replicas chain devices, so that
                            load can flow from each to each */
} eplb_planner_t;

typedef enum eplb_policy {
  EPLB_POLICY_AUTO,         /* hierarchical where the planner, expert groups and nodes allow it, else global */
  EPLB_POLICY_HIERARCHICAL, /* whole expert groups to nodes, replicas within a node: for group-limited routing */
  EPLB_POLICY_GLOBAL        /* any expert anywhere */
} eplb_policy_t;

/* How the job divides an expert's tokens over its replicas. */
typedef enum eplb_plan_split {
  EPLB_PLAN_SPLIT_EVEN,  /* equally (default) */
  EPLB_PLAN_SPLIT_SHARES /* by shares that each batch computes from its own counts (dispatch.h) */
} eplb_plan_split_t;

/* How long a planner may search: counted in candidates, not in time, so that plans are the same everywhere. */
typedef enum eplb_effort {
  EPLB_EFFORT_DEFAULT,
  EPLB_EFFORT_FAST, /* window: an eighth of that; history, chain: fewer passes */
  EPLB_EFFORT_BEST  /* window: sixteen times as long; history, chain: more passes */
} eplb_effort_t;

/* Start from eplb_plan_options_init, then change what you want. An option that the planner cannot use must stay at its
 * default: eplb_plan and eplb_plan_resolve refuse it otherwise. Options for moves have no effect where there is no
 * current placement. */
typedef struct eplb_plan_options {
  size_t size; /* sizeof(eplb_plan_options_t), set by _init */
  eplb_planner_t planner;
  eplb_policy_t policy;
  int num_groups; /* groups of consecutive experts for group-limited routing; 1 by default. What the model is like: a
                     global policy does not keep them together */
  eplb_plan_split_t split; /* what the job is like; auto scores plans by it */
  eplb_effort_t effort;    /* all but deepseek */
  double spill;            /* window, hierarchical: replicas leave their group's node, those that cost routing least
                              first, until this balancedness is reached; 0: none does (default); below 1 */
  double balance;          /* window, moves: good enough, so that nothing more need move; in (0, 1); .99 by default */
  int max_moves;           /* all but deepseek, moves: replicas of a layer that may move to another device; INT_MAX by
                              default */
  double node_cost;        /* all but deepseek, moves: cost of a move into another node, in moves within one; as much
                              again for each level further out; >= 1; 4 by default. With a payback, what bandwidths say */
  double move_cost;        /* auto, history, chain, moves: what a move within a node must gain, in the mean over windows
                              of (device's time / mean time)^8; more for fewer moves. 0 (default): the planner's own,
                              .003 or, of chain, .01 */
  double tokens_per_load;  /* all but deepseek, moves: tokens that a load of 1 stands for, by which gains are told from
                              chance; 0 (default): 1 where a layer's loads are whole numbers in every window, else
                              unknown, and no gain is taken for chance; INFINITY: loads are exact */
  eplb_forecast_t forecast;      /* deepseek, window: of several windows; EPLB_FORECAST_EWMA by default */
  const eplb_payback_t *payback; /* window, moves: move only what pays; NULL: regardless (default). Not copied. */
} eplb_plan_options_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_plan_options_init_size(eplb_plan_options_t *options, size_t size);
static inline void eplb_plan_options_init(eplb_plan_options_t *options) {
  eplb_plan_options_init_size(options, sizeof *options);
}

/* The name of a value of an option that has names: ("planner", EPLB_PLANNER_WINDOW) is "window". NULL for others.
 * Local; static storage. */
EPLB_PUBLIC const char *eplb_plan_name(const char *option, int value);

/* What the options come to for this topology, in *resolved, which eplb_plan_options_init must have prepared: the policy
 * is never AUTO. Local. eplb_plan, a session and every command of the tool resolve by this function. The planner AUTO
 * becomes window where expert groups can be kept on their nodes (a hierarchical policy; or policy AUTO, num_groups > 1,
 * several nodes that have equally many devices and divide the groups) and where there is a payback; else it stays AUTO,
 * with the global policy. EPLB_ERR_ARGUMENT: a value out of range; EPLB_ERR_UNSUPPORTED: an option that the planner
 * cannot use: the sentence names it, its value and the planners that can. */
EPLB_PUBLIC eplb_status_t eplb_plan_resolve(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                            eplb_plan_options_t *resolved);

/* Plans every layer by itself: from scratch with `current` NULL, else from that placement, with few moves; experts that
 * stay on a device keep their slot. Local, deterministic: the same input gives the same plan on every machine. The
 * caller owns *placement: the topology's slots in rank order. Devices of a node need not be neighbours.
 *
 * deepseek lists replicas in the order in which they were made, always plans from scratch, and refuses, with
 * EPLB_ERR_SHAPE and a sentence that names the two numbers: devices with different numbers of slots; with the
 * hierarchical policy also groups that do not divide the experts, nodes that do not divide the groups, and nodes with
 * different numbers of devices. EPLB_ERR_UNSUPPORTED: devices of different speeds.
 *
 * window takes any shape, numbers of slots and speeds. From scratch it is never worse than deepseek on a layer that
 * deepseek accepts. It puts no expert twice on a device, unless only that keeps up with deepseek; slots that no expert
 * can use are left EPLB_EMPTY, where a device has more of them than there are experts. From a placement it changes what
 * gains most for its cost until options->balance is reached; only where that leads nowhere a layer is planned from
 * scratch, with devices relabelled so that most of it stays. EPLB_ERR_SHAPE with the hierarchical policy: fewer groups
 * than nodes, or groups that do not fit whole. deepseek and window plan for the forecast of several windows.
 *
 * history and chain take any shape and use all windows. A layer without load stays as it is, with every planner.
 *
 * auto takes any shape. Candidates are the plans of history; of chain, where options->split is shares and there is at
 * least one spare slot for each device; and, where devices have at most 4 slots in the mean, of window and deepseek.
 * Each is scored on the windows, newer ones with more weight, as the job divides tokens: mean balance less a price for
 * moves, of .02 for moving every slot within its node, in proportion for less, times node_cost across nodes, and times
 * move_cost / .003 where that is set. With `current` the first candidate is that everything stays, and only then plans
 * from its placement; plans from scratch, with devices renamed, follow for layers that one of these changed, unless
 * max_moves is below a quarter of the slots. A candidate must score .002 more than the best before it. So a plan never
 * scores worse than `current`. Time is that of all candidates together; window is none beyond 1024 devices.
 *
 * With `current`, history and chain plan a layer from scratch that is still as eplb_placement_create_linear makes it,
 * at its first change and if that is within max_moves: where nobody has planned, there is nothing worth keeping. That
 * change must be worth node_cost and move_cost; those that the plan from scratch adds need not be.
 * Devices of equal slots and speed are then named so that most experts stay.
 *
 * Counts vary by chance: a mean of n tokens by sqrt(n), as Poisson variables do. With `current` a layer is left as it
 * is unless its busiest device is busier than the mean by more than z standard errors, or, for history and chain, some
 * change gains more than z of its own; chain goes by changes alone. z is such that with devices of equal expected load
 * at most 5 % of layers change in a plan. In such a layer each change must gain more than 1.645 standard errors (5 %
 * for a single one). options->tokens_per_load says what is a count. deepseek does without.
 *
 * EPLB_ERR_SHAPE also: fewer slots than experts, more groups than experts, or `current` has other sizes than windows
 * and topology. EPLB_ERR_LOADS; EPLB_ERR_MEMORY; otherwise as eplb_plan_resolve. Memory with `current`: a byte for each
 * expert and device; history and chain ten, and up to 2 KiB for each device. */
EPLB_PUBLIC eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                    const eplb_windows_t *windows, const eplb_placement_t *current,
                                    eplb_placement_t **placement);

#ifdef __cplusplus
}
#endif
#endif
