/* A job's load balancer: token counts in, migrated weights and new maps out.
 *
 *   create -> register every tensor of every layer -> per step: record counts -> now and then: rebalance -> destroy
 *
 * One thread of a rank uses a session at a time; MPI_THREAD_SINGLE is enough and nothing runs in the background. A
 * session has its own duplicate of the communicator, with the error handler that the communicator has at the time.
 *
 * Where a call of MPI fails, that handler is called first: MPI_ERRORS_ARE_FATAL, MPI's default, ends the job. Under
 * MPI_ERRORS_RETURN the session ends its call with EPLB_ERR_MPI and a sentence of what was being done and MPI's own
 * text. All ranks return that, as any failure, if MPI still works between them; where only the last message of a call
 * failed, and only on one rank, they return it from the next collective call. After that the session is broken: each
 * collective call returns EPLB_ERR_MPI at once, and only eplb_rebalance_end, eplb_replicas_reduce_end and
 * eplb_session_destroy are of use. */
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

/* Checksums of whole experts. Samples of weights are compared with each of these, see "Detection" below. */
typedef enum eplb_verify {
  EPLB_VERIFY_FIRST,  /* checksums travel with the experts of the first rebalance that moves any */
  EPLB_VERIFY_ALWAYS, /* with those of every rebalance; and whole experts are compared where samples would be */
  EPLB_VERIFY_NEVER   /* never: samples only */
} eplb_verify_t;

/* Where incoming experts are kept until the commit, and so what the job may do with a layer meanwhile: see "Who may
 * read and write weights" below. */
typedef enum eplb_mode {
  EPLB_MODE_SHADOW,  /* beside the slots: the job may read the layer, not write it */
  EPLB_MODE_IN_PLACE /* in the slots that they are for: the job must neither read nor write the layer; less staging,
                        fewer copies. A failure leaves such slots empty; each expert still has a replica. */
} eplb_mode_t;

/* The steps at which a session asks its fault callback. */
typedef enum eplb_step {
  EPLB_STEP_CREATE,    /* in eplb_session_create, after this rank's own checks */
  EPLB_STEP_REDUCE,    /* in begin, before counts are reduced */
  EPLB_STEP_PLAN,      /* after planning: on rank 0, and on other ranks that plan */
  EPLB_STEP_BROADCAST, /* after the mapping has arrived */
  EPLB_STEP_DERIVE,    /* after this rank's transfers are derived */
  EPLB_STEP_STAGE,     /* after staging is allocated */
  EPLB_STEP_SEND,      /* a chunk is about to be sent; its checksum is taken already */
  EPLB_STEP_RECEIVE,   /* a chunk has arrived */
  EPLB_STEP_ARRIVE,    /* an expert has arrived as a whole; its checksum is not compared yet */
  EPLB_NUM_STEPS
} eplb_step_t;

/* Fault injection, for tests of a job's own error paths. What it returns, if not EPLB_SUCCESS, is taken as the failure
 * of that step on this rank: a code of eplb/status.h reaches every rank as it is (EPLB_ERR_MPI also breaks the session,
 * as a failure of MPI does), with the sentence that the callback gave to eplb_fail; anything else is EPLB_ERR_ARGUMENT.
 * From EPLB_STEP_SEND on `bytes[size]` may also be damaged, where the processor can touch them: they are the chunk, or
 * the expert's first piece, where it lies (in a slot, in staging, on its way); elsewhere `bytes` is NULL. A slot that
 * is damaged where it is read counts as written: EPLB_ERR_CHANGED. */
typedef eplb_status_t eplb_fault_fn(void *arg, eplb_step_t step, void *bytes, size_t size);

/* Told by test, wait and commit how far this rank is: bytes of weights that have arrived, of those that will. */
typedef void eplb_progress_fn(void *arg, int64_t arrived, int64_t all);

/* Is told, on rank 0 only, one line without its end:
 *   - by eplb_session_create, that an EPLB_ variable of rank 0's environment sets nothing in this library: one line for
 *     each such variable, once the session is there;
 *   - by eplb_rebalance_begin, with a trigger, what was decided and why, where no rank has failed by then;
 *   - by the call of a rebalance that finds out, that the kernel no longer lets ranks of a node read each other's
 *     memory: from then on weights go through shared memory. */
typedef void eplb_log_fn(void *arg, const char *line);

/* Start from eplb_session_options_init, then change what you want; the same on every rank, except callbacks and their
 * args. Environment variables override, read once by eplb_session_create: EPLB_PLANNER, EPLB_POLICY, EPLB_NUM_GROUPS,
 * EPLB_EFFORT, EPLB_SPILL, EPLB_BALANCE, EPLB_MAX_MOVES, EPLB_NODE_COST, EPLB_MOVE_COST, EPLB_TOKENS_PER_LOAD,
 * EPLB_FORECAST, EPLB_HISTORY, EPLB_PLAN_RANKS, EPLB_VERIFY (first, always, never), EPLB_MODE (shadow, in-place), EPLB_STAGING_BYTES,
 * EPLB_CHUNK_BYTES, EPLB_SHARED_BYTES (bytes may end with K, M or G), EPLB_NODE_LEVEL; EPLB_MIN_WINDOWS and
 * EPLB_HYSTERESIS, either of which makes a trigger where there is none. An option that the planner cannot use is
 * refused: see eplb_plan_resolve. Detection and memory read EPLB_DEVICE, EPLB_DOMAIN, EPLB_RACKS and EPLB_NVML_LIBRARY
 * (see detect.h), EPLB_CUDA_LIBRARY, EPLB_HIP_LIBRARY and EPLB_GPU_AWARE (see memory.h). A value that does not parse is
 * an error that names the variable; so is another EPLB_ name that is one of these misspelt, by one letter or two. Other
 * EPLB_ names are ignored: the log callback is told of each, but for those that module files set: EPLB_ROOT, EPLB_DIR,
 * EPLB_HOME, EPLB_VERSION and EPLB_PREFIX. */
typedef struct eplb_session_options {
  size_t size;        /* sizeof(eplb_session_options_t), set by _init */
  int num_layers;     /* MoE layers, >= 1; must be set */
  int num_experts;    /* logical experts of a layer, >= 1; must be set */
  int slots_per_rank; /* physical experts of a layer on each rank, >= 1; with a topology 0, or what it gives every rank */
  const eplb_plan_options_t *plan; /* NULL: the defaults. Copied, with its payback, whose expert_bytes, if 0, are those
                                      of the heaviest layer */
  int history;                     /* windows that are planned with, the newest included; 1 to 16 (default) */
  int plan_ranks; /* ranks that plan, each some of the layers, while all wait: the plan is the same with any number.
                     1: rank 0 alone; 0 (default): as many as save time by an estimate */
  const eplb_trigger_t *trigger;   /* NULL: rebalance whenever asked; else only if it pays by trigger->payback, or by
                                      plan->payback where that is NULL. Copied, as plan is. */
  const eplb_topology_t *topology; /* NULL: detect it; else device r is rank r. Copied. */
  char node_level
      [EPLB_LEVEL_NAME_MAX];       /* which level planners take for the node, e.g. "nvlink"; "": the topology's own */
  const eplb_placement_t *initial; /* what the slots hold at first; NULL: eplb_placement_create_linear. Copied. */
  const eplb_memory_t *memory;     /* what the registered tensors are in; NULL: the host's. Must outlive the session. */
  eplb_mode_t mode;
  size_t staging_bytes; /* most that a rank may use for incoming experts, until the session ends; at least one expert;
                           0: what the largest layer of a rank needs if all its slots change */
  size_t chunk_bytes;   /* longest message, 1 to 2^30; 4 MiB by default; shorter where ranks pass an expert on */
  size_t shared_bytes; /* that each rank shares with those of its node, for what they send each other; 4 MiB by default;
                           0, or where memory cannot be shared: MPI does it all */
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

/* The rows of this struct's options, as eplb_option_describe gives those of the others; NULL past the last. Local. */
EPLB_PUBLIC const eplb_option_t *eplb_session_option_describe(int number);

/* Collective over comm, which is duplicated. The caller owns *session.
 * On failure every rank returns the same code and sentence and *session is untouched: EPLB_ERR_ARGUMENT names the
 * option or variable, EPLB_ERR_SHAPE, EPLB_ERR_MISMATCH names the option in which ranks differ and their values,
 * EPLB_ERR_UNSUPPORTED, EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_create(MPI_Comm comm, const eplb_session_options_t *options,
                                              eplb_session_t **session);

/* Frees *session and sets it NULL; NULL is fine. Collective over the session's ranks, before MPI_Finalize.
 * EPLB_ERR_STATE: a rebalance is open; EPLB_ERR_MISMATCH; both leave *session as it is. */
EPLB_PUBLIC eplb_status_t eplb_session_destroy(eplb_session_t **session);

/* Looks at the machine anew, e.g. after ranks were bound elsewhere, and replaces the session's domains by what it
 * finds; slots and speeds stay, and so does the placement: the next rebalance plans for what is there now. Collective
 * over the session's ranks. On failure every rank returns the same and nothing has changed: EPLB_ERR_STATE while a
 * rebalance is open, or as eplb_machine_detect. */
EPLB_PUBLIC eplb_status_t eplb_session_redetect(eplb_session_t *session);

/* Gives memory for weights, zeroed, that the ranks of a node can read from each other without a copy by the one that
 * has it; where memory cannot be shared (shared_bytes 0, a small /dev/shm) it is memory as any other. All of it is
 * taken and mapped on each of them now, so that no migration waits for pages. Weights need not be in it: they move
 * faster within a node if they are. Collective over the session's ranks; `bytes` may differ by rank. The memory ends
 * with the session. EPLB_ERR_ARGUMENT, EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_allocate(eplb_session_t *session, size_t bytes, void **memory);

/* Registers one tensor of a layer: this rank's slot k lies at (char *)base + k stride, `bytes` long. Local; every rank
 * registers the same tensors of a layer in the same order, with the same bytes; base and stride may differ. `name`
 * tells the tensors of a layer apart in messages and is copied. All tensors of an expert move together. The memory
 * stays the caller's, must hold the experts that eplb_session_placement names, and must stay until the session is
 * destroyed. EPLB_ERR_ARGUMENT: layer out of range, no name, base NULL with bytes > 0 and slots on this rank, stride <
 * bytes, memory of the host that is not mapped or read-only, as far as /proc/self/maps tells (eplb_rebalance_begin
 * looks again: EPLB_ERR_ARGUMENT); EPLB_ERR_STATE: registered already (the name, or memory that overlaps), or a
 * rebalance is open; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_register(eplb_session_t *session, int layer, const char *name, void *base,
                                                size_t bytes, size_t stride);

/* The same for a tensor whose slots are reached through a table of addresses: this rank's slot k lies at slot[k].
 * Commit then copies nothing: it exchanges entries of the table with spares, so an address that the job keeps elsewhere
 * goes stale. Needs eplb_session_register_spares with the same name; all layers' tensors of that name have the same
 * bytes. Local. `slot` stays the caller's, as does all the memory. As eplb_session_register; EPLB_ERR_ARGUMENT also: an
 * entry that is NULL. */
EPLB_PUBLIC eplb_status_t eplb_session_register_table(eplb_session_t *session, int layer, const char *name, void **slot,
                                                      size_t bytes);

/* Gives spare memory for incoming experts to all tensors that are registered by table under this name: spare[count],
 * `bytes` each; at least as many as the staging of an ordinary tensor would hold. Entries are exchanged with those of
 * the tables: memory that was a slot's becomes spare. So when the session has ended, tables and spares together hold
 * all the memory there was. Local; every rank gives as many. EPLB_ERR_ARGUMENT; EPLB_ERR_STATE: given already, or a
 * rebalance is open; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_register_spares(eplb_session_t *session, const char *name, void **spare,
                                                       int count, size_t bytes);

/* Ends the registration of a tensor of a layer, or of all of them if name is NULL, before its memory goes: e.g. when
 * the job allocates its weights anew. Then it registers what it has now, on every rank the same in the same order;
 * before the next rebalance every layer must have a tensor again. Local. EPLB_ERR_ARGUMENT: no such layer or tensor;
 * EPLB_ERR_STATE: a rebalance is open. */
EPLB_PUBLIC eplb_status_t eplb_session_unregister(eplb_session_t *session, int layer, const char *name);

/* The same for the spares of a name. Local. EPLB_ERR_ARGUMENT: there are none; EPLB_ERR_STATE. */
EPLB_PUBLIC eplb_status_t eplb_session_unregister_spares(eplb_session_t *session, const char *name);

/* Adds this rank's token counts of one layer to the current window: count[num_experts], by logical expert, >= 0. Count
 * the tokens that this rank's router sends, whatever rank computes them, on every rank (eplb_routing_t.count has them);
 * or on every rank those that it receives: the sums are the same, but must not be mixed. Local, no MPI, O(num_experts).
 * EPLB_ERR_ARGUMENT; EPLB_ERR_LOADS: a negative count, or a sum that reaches 2^63 (the window is then unchanged). */
EPLB_PUBLIC eplb_status_t eplb_session_record(eplb_session_t *session, int layer, const int64_t *count);

/* Drops this rank's counts of the current window: those of warm-up, of an evaluation. Local; every rank does so, or the
 * window holds the counts of those that did not. EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_session_discard_window(eplb_session_t *session);

/* The current maps, and what they are planned for. Local, valid and at the same address until the session is destroyed;
 * eplb_rebalance_commit rewrites the rows of its layer, and in place so does what gives up; eplb_session_redetect
 * rewrites the topology. */
EPLB_PUBLIC const eplb_placement_t *eplb_session_placement(const eplb_session_t *session);
EPLB_PUBLIC const eplb_topology_t *eplb_session_topology(const eplb_session_t *session);

/* This rank's slots of a layer: the expert in each, or EPLB_EMPTY; slot k is the registered tensors' slot k. A pointer
 * into eplb_session_placement's maps, so a commit rewrites it. NULL, and 0 in *num_slots, where there is no such layer
 * or session; num_slots may be NULL. Local. Who holds an expert: its replicas' slots are replica_slot of the placement
 * (placement.h), and eplb_topology_device_of_slot gives the rank of a slot. */
EPLB_PUBLIC const int32_t *eplb_session_slots(const eplb_session_t *session, int layer, int *num_slots);

/* The dispatch tables (dispatch.h) of the session's placement: made by the first call, renewed by every commit, so
 * eplb_dispatch_update is never called for them. Valid until the session, which owns them, is destroyed; a batch
 * (batch.h) or routing that uses them must be destroyed before. Local. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_dispatch(eplb_session_t *session, eplb_dispatch_t **dispatch);

/* A routing (routing.h) for this rank's batches of up to max_choices choices, by the session's dispatch tables. One for
 * each layer whose routing must be kept, e.g. until its backward pass. Collective over the session's ranks; max_choices
 * may differ by rank; `split` is the same for all routings of a session. The caller owns *routing and ends it with
 * eplb_routing_destroy before the session. On failure every rank returns the same: EPLB_ERR_ARGUMENT; EPLB_ERR_MISMATCH:
 * ranks named different splits, or made different calls; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_session_routing_create(eplb_session_t *session, int max_choices, eplb_split_t split,
                                                      eplb_routing_t **routing);

/* Routes one batch of a layer: plans this rank's choices (eplb_routing_plan) and exchanges the numbers of rows
 * (eplb_routing_receive), after which the routing is ready for MPI_Alltoallv. With EPLB_SPLIT_SHARES the choices of all
 * ranks are added up first, and shares level the ranks' work. Records nothing: pass routing->count to
 * eplb_session_record. Allocates nothing. Must be called after the layer's commits of the step: rows go by the maps of
 * now.
 *
 * Collective over the session's ranks, in the same order of layers: one MPI_Alltoall of slots_per_rank + 2 integers, and
 * with shares one MPI_Allreduce of num_experts. To keep it at that, ranks are not asked whether they make the same call.
 * On failure every rank returns the same and the routing must not be used: EPLB_ERR_ARGUMENT: choices of any rank, or
 * the routing of another session; EPLB_ERR_MISMATCH: ranks route different layers; EPLB_ERR_STATE: the session has no
 * routing. EPLB_ERR_SHAPE, on that rank alone: it would receive 2^31 rows or more. */
EPLB_PUBLIC eplb_status_t eplb_session_route(eplb_session_t *session, int layer, const eplb_choices_t *choices,
                                             eplb_routing_t *routing);

/* What the session plans with: its plan options with the environment's overrides, as eplb_plan_resolve resolves them
 * for its topology. *resolved, the caller's, must be prepared by eplb_plan_options_init. Local. Errors as
 * eplb_plan_resolve. */
EPLB_PUBLIC eplb_status_t eplb_session_plan_options(const eplb_session_t *session, eplb_plan_options_t *resolved);

/* What a rebalance did; start from eplb_report_init. Times are this rank's, in seconds; numbers of transfers and bytes are those of all ranks
 * together, for what was committed. */
typedef struct eplb_report {
  size_t size;                       /* sizeof(eplb_report_t) */
  int layers_planned;                /* layers whose placement was to change */
  int layers_committed;              /* layers whose placement did, wholly */
  int commits_planned, commits_done; /* more than layers where staging does not hold a layer: each is valid in itself */
  int64_t transfers[EPLB_NUM_LINKS]; /* by eplb_link_t; a copy within a device may serve several slots */
  int64_t bytes[EPLB_NUM_LINKS];     /* the same in bytes of weights */
  int64_t messages[EPLB_NUM_LINKS];  /* that this rank sent: chunks, or several at once; also what was sent again */
  int64_t slots_changed;             /* sum of transfers */
  double busiest_sender;             /* what the device that sends most sends, of the mean of all; 1 where none sends */
  double busiest_receiver;           /* the same for receiving */
  eplb_decision_t decision;          /* on rank 0, with a trigger: also why, in one line; else all 0 */
  eplb_planner_t planner;            /* that planned, on every rank; AUTO: each layer by the best */
  eplb_policy_t policy;              /* likewise */
  int layers_without_load;           /* of the reduced window: they keep their placement and have no balancedness */
  double balancedness_before; /* mean over layers with load, of the reduced window, on every rank; 1 if none has */
  double balancedness_after;  /* of the same with the new plan */
  double seconds_reduce;
  double seconds_plan; /* on ranks that plan; on the others the wait for it */
  double seconds_broadcast, seconds_derive;
  int64_t bytes_broadcast; /* that each rank gets from rank 0 in begin: the slots that change, and how planning ended */
  double seconds_migrate;  /* in the calls after begin: what the job cannot hide */
  double seconds_verify;   /* part of seconds_migrate */
  double seconds_open;     /* from begin to end, whoever used them */
  size_t staging_peak, staging_limit; /* this rank's, bytes */
  int verified;                       /* 1: checksums travelled and all were right */
} eplb_report_t;

/* Sets the size, and all else to 0. */
static inline void eplb_report_init(eplb_report_t *report) {
  memset(report, 0, sizeof *report);
  report->size = sizeof *report;
}

/* ---- A rebalance, in parts, so that the job computes meanwhile ---- All are collective over the session's ranks: each
 * rank makes the same calls in the same order, but for test and wait, which ranks may mix. On failure every rank
 * returns the same code and sentence; layers that were not committed keep their old placement and their weights.
 *
 * Every collective call of a session tells the others which call it is. Ranks that make different calls at the same
 * time all return EPLB_ERR_MISMATCH, with a sentence that says which rank called what. A rebalance that is open then
 * stays open for eplb_rebalance_end only, where that call did not close it already; the session can be used as before.
 * Calls that a rank never makes cannot be told: the others wait for it.
 *
 * Who may read and write weights. A layer is *moving* from eplb_rebalance_begin, if the new placement changes any of
 * its slots, until its last part is committed, or the rebalance fails or ends (eplb_rebalance_is_moving tells). Weights
 * are all bytes that are registered: with an optimizer's moments that are registered, those too.
 *
 *   layer       shadow mode                            in-place mode
 *   not moving  the job may read and write all slots, also while a rebalance is open
 *   moving      the job may read all slots, by the old    the job must not read or write any slot
 *               maps; it must not write any slot
 *
 * This holds on every rank, whatever a rank's own slots do. A job that must write a moving layer writes all its
 * replicas and calls eplb_rebalance_changed.
 *
 * Threads and GPU streams of the job count as the job: what they write must be complete before begin. The library
 * itself writes slots of a moving layer in eplb_rebalance_commit and eplb_rebalance_finish_layer; in-place mode, and
 * slots that hold no expert, in every call of a rebalance. Where a slot gets another expert, the commit overwrites what
 * the slot holds: in shadow mode a write into that slot alone is lost without an error, as its expert is. Entries of
 * tables change in the commit only.
 *
 * Training: begin after the optimizer's step; before the forward pass of each layer finish that layer; end. Nothing is
 * moving by the time of the backward pass, so gradients and the next step meet every expert in its new slots. Register
 * moments and master weights as tensors of the same layer: all tensors of an expert move together.
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
 * Inference: nothing writes weights, so in shadow mode a rebalance may stay open over as many batches as it takes: one
 * eplb_rebalance_test between two batches, and eplb_rebalance_commit of the layer that it names. In in-place mode
 * finish each layer before its forward pass, as in training.
 *
 * Reloading weights (RL, a new checkpoint): reload while no rebalance is open. Or load a moving layer into all its
 * slots by the old maps, then call eplb_rebalance_changed on every rank before any other call of the rebalance. Or call
 * eplb_rebalance_end first, which drops what is not committed.
 *
 * Detection. At begin each rank samples the slots that will be read on it: of each tensor 512 bytes, all if it has no
 * more, at places spread by a hash that differs from one rebalance to the next; with EPLB_VERIFY_ALWAYS whole experts.
 * Before a part is committed the same bytes are compared, and with those of the experts that have arrived. A difference
 * ends the rebalance on all ranks with EPLB_ERR_CHANGED: "layer 3, expert 17 was written on rank 2 after the rebalance
 * began". A write that leaves all sampled bytes as they were is not found: an optimizer's step changes most bytes of
 * most experts, a write of a few bytes needs EPLB_VERIFY_ALWAYS. What the job wrote is never undone.
 *
 * Order. Test and wait name layers in ascending order, each as often as it has parts: more than one only where staging
 * does not hold what the layer needs. They name the same layer until one of its parts is committed; the next part is
 * named when it has arrived, and parts of other layers are not named in between. */

/* Reduces the counts of the window, plans with those before it on rank 0, or on several ranks whose layers come together
 * there, broadcasts what changes in the mapping, derives each rank's transfers and gets staging. All ranks compare a hash of the maps before and after that. A layer without counts keeps its placement; all do where the trigger says that it
 * does not pay. The window starts anew, unless begin fails: then all is as before, but that after
 * EPLB_ERR_LOADS the window is dropped.
 * EPLB_ERR_LOADS: an expert's counts of all ranks reach 2^63; EPLB_ERR_STATE: a rebalance is open, a layer has no
 * tensor; EPLB_ERR_MISMATCH: ranks registered different tensors;
 * EPLB_ERR_SHAPE: staging_bytes too small for an expert (says how many it needs), or the planner's; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_begin(eplb_session_t *session);

/* What test and wait put in *layer when there is no layer to name. */
enum { EPLB_LAYER_NONE = -1 /* nothing to commit yet */, EPLB_LAYER_DONE = -2 /* nothing left to commit */ };

/* Moves weights on, without waiting for them, and says which layer can be committed now: the same on every rank.
 * EPLB_ERR_CORRUPT and EPLB_ERR_CHANGED name layer, expert and ranks; the rebalance then stays open for
 * eplb_rebalance_end only. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_test(eplb_session_t *session, int *layer);

/* The same, but waits until there is a layer to commit or none is left: never EPLB_LAYER_NONE. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_wait(eplb_session_t *session, int *layer);

/* Puts the new experts of `layer` that are there into their slots and the new maps in place, once all ranks have found
 * that nothing was written (one allreduce of less than 200 bytes). Until then old weights and maps are whole and in
 * use; all ranks must commit between the same two steps of the job. EPLB_ERR_ARGUMENT: on any rank another layer than
 * test or wait named; EPLB_ERR_STATE; neither changes anything. EPLB_ERR_CHANGED, EPLB_ERR_CORRUPT: the rebalance then
 * stays open for eplb_rebalance_end only. So it does where a GPU's copy into a slot fails on some rank: the new maps
 * are then in place on all ranks, and what the layer's slots hold on that rank is not known. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_commit(eplb_session_t *session, int layer);

/* Returns when nothing of `layer` is on its way and all of it is committed; also commits the layers before it that are
 * still moving. Does nothing if no rebalance is open or the layer is not moving: so it can stand before every forward
 * pass of the layer. EPLB_ERR_ARGUMENT: no such layer; EPLB_ERR_MISMATCH: ranks name different layers (where these
 * arrive one after the other, that is found at the next call of the ranks that named the earlier one); else as wait and
 * commit. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_finish_layer(eplb_session_t *session, int layer);

/* Tells that the job has written the layer, the same values into all replicas, since begin: what has been sent of it is
 * sent again before it is named (again). Changes nothing if no rebalance is open or the layer is not moving. A
 * rebalance whose layers are written more often than they can be sent does not end: finish them. EPLB_ERR_ARGUMENT: no
 * such layer; EPLB_ERR_MISMATCH: ranks named different layers, nothing has changed; EPLB_ERR_STATE: the rebalance has
 * failed. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_changed(eplb_session_t *session, int layer);

/* 1: the layer is moving; 0: it is not, or there is no such layer or session. Local; the same on every rank. */
EPLB_PUBLIC int eplb_rebalance_is_moving(const eplb_session_t *session, int layer);

/* Ends the rebalance. What is not committed yet is dropped: call it to cancel a rebalance. Staging is kept for the next
 * one. `report`, prepared by eplb_report_init, may be NULL. EPLB_ERR_ARGUMENT: what a rank gave is no such report, and the
 * rebalance stays open; EPLB_ERR_STATE: none is open. EPLB_ERR_MISMATCH closes it as well. */
EPLB_PUBLIC eplb_status_t eplb_rebalance_end(eplb_session_t *session, eplb_report_t *report);

/* The whole at once: begin, wait and commit until done, end. `report`, prepared by eplb_report_init,
 * may be NULL; it is set on success only. */
EPLB_PUBLIC eplb_status_t eplb_rebalance(eplb_session_t *session, eplb_report_t *report);

#ifdef __cplusplus
}
#endif
#endif
