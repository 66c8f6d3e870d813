/* A job's load balancer: token counts in, migrated weights and new maps out.
 *
 *   create -> register every tensor of every layer -> per step: record counts -> now and then: rebalance -> destroy
 *
 * Only one thread of a rank must use a session at a time. MPI_THREAD_SINGLE is enough; nothing runs in the background.
 * A session has its own duplicate of the communicator, with the communicator's error handler.
 *
 * If a call of MPI fails, that handler is called first: MPI_ERRORS_ARE_FATAL, MPI's default, ends the job. With
 * MPI_ERRORS_RETURN the session's call returns EPLB_ERR_MPI, with a sentence that says what was being done and has
 * MPI's text. All ranks return this, as any failure, if MPI still works between them; if only the last message of a
 * call failed on one rank, the others return it from the next collective call. The session is then broken: each
 * collective call returns EPLB_ERR_MPI at once; only eplb_rebalance_end, eplb_replicas_reduce_end and
 * eplb_session_destroy are useful. */
#ifndef EPLB_SESSION_H
#define EPLB_SESSION_H

#include <eplb/memory.h>
#include <eplb/planner.h>
#include <eplb/routing.h>
#include <eplb/transfer.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eplb_session eplb_session_t;

/* When checksums of whole experts travel with them. Samples of weights are compared in all cases: see "Detection of
 * writes". */
typedef enum eplb_verify {
  EPLB_VERIFY_FIRST,  /* in the first rebalance that moves experts */
  EPLB_VERIFY_ALWAYS, /* in every rebalance; whole experts are compared instead of samples */
  EPLB_VERIFY_NEVER   /* never: samples only */
} eplb_verify_t;

/* Where incoming experts are stored until the commit. This decides what the job may do with a moving layer: see "Who
 * may read and write weights". */
typedef enum eplb_mode {
  EPLB_MODE_SHADOW,  /* in staging: the job may read the layer, but must not write it */
  EPLB_MODE_IN_PLACE /* in their slots: the job must neither read nor write the layer. Less staging, fewer copies.
                        After a failure such slots are empty; each expert still has a replica. */
} eplb_mode_t;

/* The steps at which a session calls its fault callback. */
typedef enum eplb_step {
  EPLB_STEP_CREATE,    /* in eplb_session_create, after this rank's own checks */
  EPLB_STEP_REDUCE,    /* in begin, before counts are reduced */
  EPLB_STEP_PLAN,      /* after planning: on rank 0, and on other ranks that plan */
  EPLB_STEP_BROADCAST, /* after the mapping has arrived */
  EPLB_STEP_DERIVE,    /* after this rank's transfers are derived */
  EPLB_STEP_STAGE,     /* after staging is allocated */
  EPLB_STEP_SEND,      /* before a chunk is sent; its checksum has been computed */
  EPLB_STEP_RECEIVE,   /* a chunk has arrived */
  EPLB_STEP_ARRIVE,    /* a whole expert has arrived; its checksum has not been compared */
  EPLB_NUM_STEPS
} eplb_step_t;

/* Fault injection, for tests of a job's error paths. A result other than EPLB_SUCCESS is the failure of this step on
 * this rank: every rank returns a code of eplb/status.h unchanged, with the sentence that the callback passed to
 * eplb_fail (EPLB_ERR_MPI also breaks the session, as a failure of MPI); any other value becomes EPLB_ERR_ARGUMENT.
 * From EPLB_STEP_SEND on, the callback may also damage `bytes[size]`: the chunk, or the first piece of the expert, in a
 * slot, in staging or in a buffer. `bytes` is NULL at earlier steps, and if the processor cannot access the memory. A
 * damaged slot counts as written: EPLB_ERR_CHANGED. */
typedef eplb_status_t eplb_fault_fn(void *arg, eplb_step_t step, void *bytes, size_t size);

/* Called by test, wait and commit with this rank's progress: bytes of weights that have arrived, and bytes that will
 * arrive in all. */
typedef void eplb_progress_fn(void *arg, int64_t arrived, int64_t all);

/* Called on rank 0 only, with one line without its line break:
 *   - by eplb_session_create, after success: one line for each EPLB_ variable of rank 0's environment that this library
 *     does not know;
 *   - by eplb_rebalance_begin, with a trigger, unless a rank has failed: the decision and its reason;
 *   - by any call of a rebalance: the kernel no longer allows ranks of a node to read each other's memory, and weights
 *     go through shared memory from then on. */
typedef void eplb_log_fn(void *arg, const char *line);

/* Start from eplb_session_options_init. Options must be the same on every rank, except callbacks and their args.
 * Environment variables override them; eplb_session_create reads them once: EPLB_PLANNER, EPLB_POLICY, EPLB_NUM_GROUPS,
 * EPLB_EFFORT, EPLB_SPILL, EPLB_BALANCE, EPLB_MAX_MOVES, EPLB_NODE_COST, EPLB_MOVE_COST, EPLB_TOKENS_PER_LOAD,
 * EPLB_FORECAST, EPLB_SPLIT, EPLB_HISTORY, EPLB_PLAN_RANKS, EPLB_VERIFY (first, always, never), EPLB_MODE (shadow,
 * in-place), EPLB_STAGING_BYTES, EPLB_CHUNK_BYTES, EPLB_SHARED_BYTES (bytes may end with K, M or G), EPLB_NODE_LEVEL;
 * EPLB_MIN_WINDOWS and EPLB_HYSTERESIS, each of which creates a trigger if options->trigger is NULL. An option that the
 * planner cannot use is refused: see eplb_plan_resolve. Detection and memory read EPLB_DEVICE, EPLB_DOMAIN, EPLB_RACKS
 * and EPLB_NVML_LIBRARY (see detect.h), EPLB_CUDA_LIBRARY, EPLB_HIP_LIBRARY and EPLB_GPU_AWARE (see memory.h). A value
 * that cannot be parsed is an error that names the variable, and so is a name that differs from one of these by one or
 * two letters. Other EPLB_ names are ignored, and passed to the log callback, except those that module files set:
 * EPLB_ROOT, EPLB_DIR, EPLB_HOME, EPLB_VERSION and EPLB_PREFIX. */
typedef struct eplb_session_options {
  size_t size;        /* sizeof(eplb_session_options_t), set by _init */
  int num_layers;     /* MoE layers, >= 1; must be set */
  int num_experts;    /* logical experts of a layer, >= 1; must be set */
  int slots_per_rank; /* physical experts of a layer on each rank, >= 1; with a topology: 0, or its slots of every
                         rank */
  const eplb_plan_options_t *plan; /* NULL: the defaults. Copied, with its payback, whose expert_bytes 0 means those
                                      of the heaviest layer */
  int history;                     /* windows that the planner uses, including the newest; 1 to 16 (default) */
  int plan_ranks; /* number of ranks that plan, each some of the layers, while all wait; it does not change the plan.
                     1: rank 0 alone; 0 (default): the number that an estimate finds fastest */
  const eplb_trigger_t *trigger;   /* NULL (default): every rebalance is made; else only if it pays by
                                      trigger->payback, or by plan->payback if that is NULL. Copied with its payback. */
  const eplb_topology_t *topology; /* NULL: detected; else device r is rank r. Copied. */
  char node_level
      [EPLB_LEVEL_NAME_MAX];       /* name of the planners' node level, e.g. "nvlink"; "": the topology's node_level */
  const eplb_placement_t *initial; /* the initial placement; NULL: eplb_placement_create_linear. Copied. */
  const eplb_memory_t *memory;     /* kind of memory of the registered tensors; NULL: host memory. Must outlive the
                                      session. */
  eplb_mode_t mode;
  size_t staging_bytes; /* most memory of a rank for incoming experts, at least one expert, kept until the session
                           ends; 0: what the largest layer of a rank needs if all its slots change */
  size_t chunk_bytes;   /* longest message, 1 to 2^30; 4 MiB by default; shorter for experts that ranks pass on */
  size_t shared_bytes;  /* shared memory of each rank for messages to ranks of its node; 4 MiB by default. With 0, or
                          if memory cannot be shared, MPI sends all messages */
  eplb_verify_t verify;
  eplb_fault_fn *fault; /* or NULL */
  void *fault_arg;
  eplb_progress_fn *progress; /* or NULL */
  void *progress_arg;
  eplb_log_fn *log; /* or NULL */
  void *log_arg;
} eplb_session_options_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_session_options_init_size(eplb_session_options_t *options, size_t size);
static inline void eplb_session_options_init(eplb_session_options_t *options) {
  eplb_session_options_init_size(options, sizeof *options);
}

/* Returns row `number` of this struct's options, as eplb_option_describe for other structs; NULL past the last. Local;
 * static storage. */
EPLB_PUBLIC const eplb_option_t *eplb_session_option_describe(int number);

/* Creates a session. Collective over comm, which is duplicated. The caller owns *session. On failure every rank returns
 * the same code and sentence and *session is unchanged: EPLB_ERR_ARGUMENT names the option or variable; EPLB_ERR_SHAPE;
 * EPLB_ERR_MISMATCH names the option in which ranks differ, and their values; EPLB_ERR_UNSUPPORTED; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_create(MPI_Comm comm, const eplb_session_options_t *options,
                                              eplb_session_t **session);

/* Frees *session and sets it to NULL; it may be NULL. Collective over the session's ranks; must be called before
 * MPI_Finalize. EPLB_ERR_STATE: a rebalance is open; EPLB_ERR_MISMATCH; after both *session is unchanged. */
EPLB_PUBLIC eplb_status_t eplb_session_destroy(eplb_session_t **session);

/* Detects the machine again, e.g. after ranks were bound elsewhere, and replaces the domains of the session's topology.
 * Slots, speeds and the placement do not change; the next rebalance plans for the new domains. Collective over the
 * session's ranks. On failure every rank returns the same code and sentence and nothing has changed: EPLB_ERR_STATE: a
 * rebalance is open; others as eplb_machine_detect. */
EPLB_PUBLIC eplb_status_t eplb_session_redetect(eplb_session_t *session);

/* Declares which ranks will leave the job: leaving[r] is 1 for the ranks that will, 0 for the others; leaving[number of
 * ranks], copied. NULL: none. Every later rebalance gives each expert a slot on the ranks that stay, and sets the slots
 * of the leaving ranks to EPLB_EMPTY, until the next call; NULL reverts it. The leaving ranks must still take part in
 * all collective calls: the others receive experts from them. After such a rebalance the job destroys the session and
 * creates one on the ranks that stay. Its `initial` is the placement of eplb_placement_carry, which then loses no
 * expert; the slots hold what that placement says.
 *
 * The planner, the trigger and max_moves apply to the ranks that stay; a transfer that is needed only because a rank
 * leaves does not count in max_moves and does not need the trigger. If the leaving ranks hold no expert, reports give
 * the balancedness of the other ranks.
 *
 * Collective over the session's ranks, with the same list on every rank. On failure every rank returns the same code
 * and sentence and nothing has changed: EPLB_ERR_ARGUMENT: a value that is neither 0 nor 1; EPLB_ERR_STATE: a rebalance
 * is open; EPLB_ERR_SHAPE: the ranks that stay have fewer slots than there are experts ("16 slots left for 24 experts;
 * every expert needs one"); EPLB_ERR_MISMATCH: ranks gave different lists; others as eplb_plan, if the planner cannot
 * plan for the ranks that stay; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_drain(eplb_session_t *session, const int *leaving);

/* Allocates zeroed memory for weights that other ranks of the node can read directly, without a copy by this rank; if
 * memory cannot be shared (shared_bytes 0, a small /dev/shm) it is private memory. All pages are allocated and mapped
 * on these ranks now, so that no migration waits for them. Weights may be in other memory, but move faster within a
 * node in this one. Collective over the session's ranks; `bytes` may differ by rank. eplb_session_destroy frees the
 * memory. EPLB_ERR_ARGUMENT, EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_allocate(eplb_session_t *session, size_t bytes, void **memory);

/* Registers one tensor of a layer: this rank's slot k is at (char *)base + k stride and has `bytes` bytes. Local. Every
 * rank must register the same tensors of a layer in the same order, with the same bytes; base and stride may differ.
 * `name` identifies the tensor in messages and is copied. All tensors of an expert move together. The caller owns the
 * memory, which must hold the experts of eplb_session_placement and must stay valid until the tensor is unregistered or
 * the session is destroyed. EPLB_ERR_ARGUMENT: layer out of range, no name, base NULL with bytes > 0 and slots on this
 * rank, stride < bytes, or host memory that is not mapped or read-only according to /proc/self/maps
 * (eplb_rebalance_begin checks again: EPLB_ERR_ARGUMENT); EPLB_ERR_STATE: the name or overlapping memory is already
 * registered, or a rebalance is open; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_register(eplb_session_t *session, int layer, const char *name, void *base,
                                                size_t bytes, size_t stride);

/* The same for a tensor with a table of addresses: this rank's slot k is at slot[k]. A commit then copies nothing: it
 * exchanges entries of the table with spares, so the job must not keep copies of these addresses.
 * eplb_session_register_spares must be called with the same name; all layers' tensors of that name must have the same
 * bytes. Local. The caller owns `slot` and all memory. Errors as eplb_session_register; EPLB_ERR_ARGUMENT also: an
 * entry is NULL. */
EPLB_PUBLIC eplb_status_t eplb_session_register_table(eplb_session_t *session, int layer, const char *name, void **slot,
                                                      size_t bytes);

/* Registers spare memory for incoming experts of all tensors that are registered by table under this name:
 * spare[count], each of `bytes`. The number of spares limits the incoming experts of a round, as staging does for other
 * tensors. Commits exchange entries of `spare` with entries of the tables: memory of a slot becomes a spare. So tables
 * and spares together always hold the same addresses. Local; every rank must register the same number.
 * EPLB_ERR_ARGUMENT; EPLB_ERR_STATE: already registered, or a rebalance is open; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_register_spares(eplb_session_t *session, const char *name, void **spare,
                                                       int count, size_t bytes);

/* Unregisters a tensor of a layer, or all of its tensors if name is NULL; must be called before their memory is freed,
 * e.g. when the job allocates its weights again. Every rank must then register the same tensors in the same order;
 * before the next rebalance every layer must have a tensor. Local. EPLB_ERR_ARGUMENT: no such layer or tensor;
 * EPLB_ERR_STATE: a rebalance is open. */
EPLB_PUBLIC eplb_status_t eplb_session_unregister(eplb_session_t *session, int layer, const char *name);

/* Unregisters the spares of a name. Local. EPLB_ERR_ARGUMENT: no spares have this name; EPLB_ERR_STATE: a rebalance is
 * open. */
EPLB_PUBLIC eplb_status_t eplb_session_unregister_spares(eplb_session_t *session, const char *name);

/* Adds this rank's token counts of one layer to the current window: count[num_experts], by logical expert, >= 0. Either
 * every rank counts the tokens that its router sends, whichever rank computes them (eplb_routing_t.count), or every
 * rank counts the tokens that it receives; the two must not be mixed. Local, no MPI, O(num_experts). EPLB_ERR_ARGUMENT;
 * EPLB_ERR_LOADS: a negative count, or a sum that reaches 2^63 (the window is then unchanged). */
EPLB_PUBLIC eplb_status_t eplb_session_record(eplb_session_t *session, int layer, const int64_t *count);

/* Drops this rank's counts of the current window, e.g. of a warm-up or an evaluation. Local. Every rank must call it:
 * else the window has the counts of the other ranks. EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_session_discard_window(eplb_session_t *session);

/* Return the current placement, and the topology that it is planned for. Local; valid and at the same address until the
 * session is destroyed. eplb_rebalance_commit rewrites the rows of its layer; in in-place mode so does a call that ends
 * a rebalance early; eplb_session_redetect rewrites the topology. */
EPLB_PUBLIC const eplb_placement_t *eplb_session_placement(const eplb_session_t *session);
EPLB_PUBLIC const eplb_topology_t *eplb_session_topology(const eplb_session_t *session);

/* Returns the expert of each of this rank's slots of a layer, or EPLB_EMPTY; slot k is slot k of the registered
 * tensors. It points into the maps of eplb_session_placement, so a commit rewrites it. Sets *num_slots, unless NULL.
 * Returns NULL, and sets *num_slots to 0, if the layer or session does not exist. Local. To find the ranks that hold an
 * expert, take the slots of its replicas from replica_slot (placement.h), and their ranks from
 * eplb_topology_device_of_slot. */
EPLB_PUBLIC const int32_t *eplb_session_slots(const eplb_session_t *session, int layer, int *num_slots);

/* Sets *dispatch to the dispatch tables (dispatch.h) of the session's placement. The first call creates them; every
 * commit updates them, so eplb_dispatch_update must not be called for them. The session owns them; batches (batch.h)
 * and routings that use them must be destroyed before it. Local. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_dispatch(eplb_session_t *session, eplb_dispatch_t **dispatch);

/* Creates a routing (routing.h) for this rank's batches of up to max_choices choices, with the session's dispatch
 * tables. Create one for each layer whose routing must be kept, e.g. until its backward pass. Collective over the
 * session's ranks; max_choices may differ by rank; `split` must be the same for all routings of a session. The caller
 * owns *routing and must free it with eplb_routing_destroy before the session is destroyed. On failure every rank
 * returns the same code and sentence: EPLB_ERR_ARGUMENT; EPLB_ERR_MISMATCH: ranks passed different splits, or made
 * different calls; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_routing_create(eplb_session_t *session, int max_choices, eplb_split_t split,
                                                      eplb_routing_t **routing);

/* Routes one batch of a layer: plans this rank's choices (eplb_routing_plan) and exchanges the numbers of rows
 * (eplb_routing_receive), after which the routing is ready for MPI_Alltoallv. With EPLB_SPLIT_SHARES it first sums the
 * choices of all ranks, and shares balance the ranks' work. It records nothing: pass routing->count to
 * eplb_session_record. It allocates nothing. It uses the current maps, so it must be called after the layer's commits
 * of this step.
 *
 * Collective over the session's ranks, in the same order of layers: one MPI_Alltoall of slots_per_rank + 2 integers,
 * and with shares one MPI_Allreduce of num_experts. To save messages, this call does not check that all ranks make the
 * same call. On failure every rank returns the same code and sentence, and the routing must not be used:
 * EPLB_ERR_ARGUMENT: wrong choices of a rank, or the routing of another session; EPLB_ERR_MISMATCH: ranks route
 * different layers; EPLB_ERR_STATE: the session has no routing. EPLB_ERR_SHAPE, on one rank alone: it would receive
 * 2^31 rows or more. */
EPLB_PUBLIC eplb_status_t eplb_session_route(eplb_session_t *session, int layer, const eplb_choices_t *choices,
                                             eplb_routing_t *routing);

/* Sets *resolved to the options that the session plans with: its plan options with the environment's overrides,
 * resolved by eplb_plan_resolve for its topology. *resolved must be prepared with eplb_plan_options_init. Local. Errors
 * as eplb_plan_resolve. */
EPLB_PUBLIC eplb_status_t eplb_session_plan_options(const eplb_session_t *session, eplb_plan_options_t *resolved);

/* What a rebalance did. Start from eplb_report_init. Times are this rank's, in seconds. Transfers and bytes are those
 * of all ranks together, of committed experts only. */
typedef struct eplb_report {
  size_t size;                       /* sizeof(eplb_report_t) */
  int layers_planned;                /* layers that the plan changes */
  int layers_committed;              /* layers whose change was completely committed */
  int commits_planned, commits_done; /* commit units; more than layers if staging does not hold a layer. Each is a
                                        valid placement */
  int64_t transfers[EPLB_NUM_LINKS]; /* by eplb_link_t; a copy within a device may serve several slots */
  int64_t bytes[EPLB_NUM_LINKS];     /* the same in bytes of weights */
  int64_t messages[EPLB_NUM_LINKS];  /* messages of this rank, each of one or several chunks; including those sent
                                        again */
  int64_t slots_changed;             /* sum of transfers */
  double busiest_sender;             /* bytes sent by the device that sends most, divided by the mean of all devices;
                                        1 if none sends */
  double busiest_receiver;           /* the same for receiving */
  eplb_decision_t decision;          /* on rank 0, with a trigger: the decision and its reason; else all 0 */
  eplb_planner_t planner;            /* the planner used, on every rank; AUTO: each layer by the best planner */
  eplb_policy_t policy;              /* the policy used, on every rank */
  int layers_without_load;           /* layers of the reduced window without load: they keep their placement and have
                                        no balancedness */
  double balancedness_before; /* of the reduced window, mean over layers with load, on every rank; 1 if no layer has
                                 load */
  double balancedness_after;  /* the same with the new placement */
  double seconds_reduce;
  double seconds_plan; /* on ranks that plan; on other ranks the wait for them */
  double seconds_broadcast, seconds_derive;
  int64_t bytes_broadcast; /* received by each rank from rank 0 in begin: the status of planning, and the slots that
                              change */
  double seconds_migrate;  /* in the calls after begin: time that the job cannot hide */
  double seconds_verify;   /* part of seconds_migrate */
  double seconds_open;     /* from begin to end, including the job's own time */
  size_t staging_peak, staging_limit; /* this rank's, bytes */
  int verified;                       /* 1: checksums were sent and all were right */
} eplb_report_t;

/* Sets the size, and all else to 0. */
static inline void eplb_report_init(eplb_report_t *report) {
  memset(report, 0, sizeof *report);
  report->size = sizeof *report;
}

/* ---- A rebalance in several calls, so that the job can compute in between ----
 *
 * All calls are collective over the session's ranks: each rank must make the same calls in the same order; only test
 * and wait may be mixed. On failure every rank returns the same code and sentence; layers that were not committed keep
 * their old placement and weights.
 *
 * In every collective call ranks compare which call they make. Ranks that make different calls at the same time all
 * return EPLB_ERR_MISMATCH, with a sentence that says which rank called what. An open rebalance then accepts only
 * eplb_rebalance_end, unless that call was among them and has closed it; the session can be used as before. A call that
 * a rank never makes cannot be recognised: the other ranks wait for it.
 *
 * Who may read and write weights. A layer is *moving* if the new placement changes any of its slots: from
 * eplb_rebalance_begin until its last commit unit is committed, or the rebalance fails or ends
 * (eplb_rebalance_is_moving). A *commit unit* is the part of a layer's change that is committed at once: the whole
 * change, or as much of it as staging holds. Weights are all registered bytes, including registered moments of an
 * optimizer.
 *
 *   layer       shadow mode                              in-place mode
 *   not moving  the job may read and write all slots,    the same
 *               also while a rebalance is open
 *   moving      the job may read all slots, by the old   the job must not read or write any slot
 *               maps; it must not write any slot
 *
 * This holds on every rank, even if none of its own slots changes. A job that must write a moving layer must write all
 * its replicas and then call eplb_rebalance_changed.
 *
 * Threads and GPU streams of the job count as the job: their writes must be complete before begin. The library writes
 * slots of a moving layer in eplb_rebalance_commit and eplb_rebalance_finish_layer; in in-place mode, and empty slots
 * in both modes, in every call of a rebalance. A commit overwrites slots that get another expert: in shadow mode a
 * write of the job into such a slot alone is lost without an error, together with the slot's old expert. Entries of
 * tables change only in a commit.
 *
 * Training: begin after the optimizer's step; finish each layer before its forward pass; end. No layer is moving during
 * the backward pass, so gradients and the next step find every expert in its new slots. Register moments and master
 * weights as tensors of the same layer: all tensors of an expert move together.
 *
 *   optimizer_step();
 *   status = eplb_rebalance_begin(session);
 *   for (l = 0; l < layers; l++) {
 *     status = eplb_rebalance_finish_layer(session, l);
 *     forward(l);
 *   }
 *   status = eplb_rebalance_end(session, NULL);
 *   backward();
 *
 * Inference: nothing writes weights, so in shadow mode a rebalance may stay open over many batches: call
 * eplb_rebalance_test between two batches, and eplb_rebalance_commit of the layer that it returns. In in-place mode
 * finish each layer before its forward pass, as in training.
 *
 * Reloading weights (RL, a new checkpoint): reload while no rebalance is open. Or load a moving layer into all its
 * slots by the old maps, then call eplb_rebalance_changed on every rank before any other call of the rebalance. Or call
 * eplb_rebalance_end first, which drops layers that are not committed.
 *
 * Detection of writes. At begin each rank samples its slots that will be read: up to 512 bytes of each tensor, at
 * offsets from a hash that differs in each rebalance; with EPLB_VERIFY_ALWAYS whole experts. Before a commit unit is
 * committed, the same bytes are compared with the slots again, and with the experts that have arrived. A difference
 * ends the rebalance on all ranks with EPLB_ERR_CHANGED: "layer 3, expert 17 was written on rank 2 after the rebalance
 * began". A write that changes no sampled byte is not detected: an optimizer's step changes most bytes of most experts,
 * but detecting a write of a few bytes needs EPLB_VERIFY_ALWAYS. The job's writes are never undone.
 *
 * Order. Test and wait return layers in ascending order, a layer once for each of its commit units: more than one only
 * if staging does not hold the layer's change. They return the same layer until its commit unit is committed, and its
 * next commit unit, once it has arrived, before those of other layers. */

/* Reduces the counts of the window; plans from this and earlier windows, on rank 0 or on several ranks; broadcasts the
 * slots that change; derives each rank's transfers and allocates staging. All ranks compare a hash of the maps before
 * and after this. A layer without counts keeps its placement; all layers do if the trigger decides that a rebalance
 * does not pay. Then a new window begins. If begin fails, nothing has changed, except that EPLB_ERR_LOADS drops the
 * window. EPLB_ERR_LOADS: an expert's counts of all ranks reach 2^63; EPLB_ERR_STATE: a rebalance is open, or a layer
 * has no tensor; EPLB_ERR_MISMATCH: ranks registered different tensors; EPLB_ERR_SHAPE: staging_bytes is too small for
 * an expert (the sentence has its size), or as eplb_plan; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_begin(eplb_session_t *session);

/* Values of *layer after test and wait if no layer can be committed. */
enum { EPLB_LAYER_NONE = -1 /* nothing to commit yet */, EPLB_LAYER_DONE = -2 /* nothing left to commit */ };

/* Progresses the migration without waiting for weights, and sets *layer to the layer that can be committed now, the
 * same on every rank. EPLB_ERR_CORRUPT and EPLB_ERR_CHANGED name layer, expert and ranks; the rebalance then accepts
 * only eplb_rebalance_end. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_test(eplb_session_t *session, int *layer);

/* The same, but waits until a layer can be committed or none is left: *layer is never EPLB_LAYER_NONE. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_wait(eplb_session_t *session, int *layer);

/* Commits the arrived commit unit of `layer`: once all ranks have detected no write (one allreduce of less than 200
 * bytes), moves its experts into their slots and updates the maps. Before it, the old weights and maps are complete and
 * in use, so all ranks must commit between the same two steps of the job. EPLB_ERR_ARGUMENT: a rank passed another
 * layer than test or wait returned; EPLB_ERR_STATE; after both nothing has changed. EPLB_ERR_CHANGED, EPLB_ERR_CORRUPT:
 * the rebalance then accepts only eplb_rebalance_end. The same holds if a GPU's copy into a slot fails on a rank: then
 * all ranks have the new maps, and the content of the layer's slots on that rank is undefined. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_commit(eplb_session_t *session, int layer);

/* Waits for `layer` and commits all of it, and the moving layers before it. Does nothing if no rebalance is open or the
 * layer is not moving, so it can be called before every forward pass of the layer. EPLB_ERR_ARGUMENT: no such layer;
 * EPLB_ERR_MISMATCH: ranks passed different layers (if the layers arrive one after the other, this is found at the next
 * call of the ranks that passed the earlier one); others as wait and commit. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_finish_layer(eplb_session_t *session, int layer);

/* Declares that the job has written the layer since begin; all replicas of an expert must have the same values. Its
 * experts are sent again before test and wait return the layer. Changes nothing if no rebalance is open or the layer is
 * not moving. If layers are written more often than they can be sent, the rebalance does not end: call
 * eplb_rebalance_finish_layer. EPLB_ERR_ARGUMENT: no such layer; EPLB_ERR_MISMATCH: ranks passed different layers, and
 * nothing has changed; EPLB_ERR_STATE: the rebalance has failed. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_changed(eplb_session_t *session, int layer);

/* Returns 1 if the layer is moving; 0 if not, or if the layer or session does not exist. Local; the same on every
 * rank. */
EPLB_PUBLIC int eplb_rebalance_is_moving(const eplb_session_t *session, int layer);

/* Ends the rebalance and drops layers that are not committed; call it to cancel a rebalance. Staging is kept for the
 * next one. `report` must be prepared with eplb_report_init, or be NULL. EPLB_ERR_ARGUMENT: the report of a rank is not
 * prepared; the rebalance stays open. EPLB_ERR_STATE: no rebalance is open. EPLB_ERR_MISMATCH also closes the
 * rebalance. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_end(eplb_session_t *session, eplb_report_t *report);

/* A whole rebalance: begin, wait and commit until done, end. `report` must be prepared with eplb_report_init, or be
 * NULL; it is set only on success. */
EPLB_PUBLIC eplb_status_t eplb_rebalance(eplb_session_t *session, eplb_report_t *report);

#ifdef __cplusplus
}
#endif
#endif
