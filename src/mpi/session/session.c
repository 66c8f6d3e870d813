/* Creates and destroys sessions, and detects their topology. */
#include "mpi/session/session.h"
#include "core/model/remaining.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/launcher.h"
#include "mpi/machine/machine.h"
#include "mpi/memory/host.h"
#include "mpi/migrate/transport.h"
#include "mpi/session/environment.h"
#include "mpi/session/in_step.h"
#include "mpi/session/options.h"
#include "mpi/session/planning_ranks.h"
#include "mpi/session/traffic.h"
#include <eplb/detect.h>
#include <limits.h>
#include <string.h>

static void release_session(eplb_session_t *s) {
  for (int l = 0; s->layer && l < s->options.num_layers; l++)
    eplb_tensors_free(&s->layer[l]);
  free(s->layer);
  eplb_history_destroy(&s->history);
  free(s->list_length);
  free(s->list_begin);
  free(s->window);
  free(s->counts);
  free(s->load);
  if (s->memory)
    s->memory->release(s->memory->self, s->migrate.staging);
  eplb_pools_free(s->migrate.pool, s->num_pools);
  eplb_mapped_free(&s->mapped);
  free(s->reduction);
  eplb_dispatch_destroy(&s->dispatch);
  eplb_placement_destroy(&s->placement);
  eplb_topology_destroy(&s->topology);
  eplb_topology_destroy(&s->rest);
  free(s->leaving);
  eplb_ballot_free(&s->ballot);
  free(s->comm);
  free(s);
}

/* Local. */
static eplb_status_t choose_node(const eplb_session_t *s, eplb_topology_t *topology) {
  return s->options.node_level[0] ? eplb_topology_set_node_level(topology, s->options.node_level) : EPLB_SUCCESS;
}

/* Local: a copy of the topology that the caller gave. */
static eplb_status_t take_topology(eplb_session_t *s, const eplb_topology_t *given) {
  if (given->num_devices != s->num_ranks)
    return eplb_fail(EPLB_ERR_SHAPE, "a topology of %s for %s; expected one device for each rank",
                     eplb_count(given->num_devices, "device"), eplb_count(s->num_ranks, "rank"));
  int told = s->options.slots_per_rank;
  for (int r = 0; r < s->num_ranks && told; r++) {
    int slots = given->slot_begin[r + 1] - given->slot_begin[r];
    if (slots != told)
      return eplb_fail(
          EPLB_ERR_SHAPE,
          "slots_per_rank is %d, but the topology gives rank %d %s; expected the same, or 0 for the topology's number",
          told, r, eplb_count(slots, "slot"));
  }
  eplb_status_t status = eplb_topology_copy(given, &s->topology);
  return status ? status : choose_node(s, s->topology);
}

/* Collective. */
static eplb_status_t find_topology(eplb_session_t *s) {
  eplb_machine_t *machine;
  eplb_status_t status = eplb_machine_detect_on(s->comm, s->options.slots_per_rank, &machine);
  if (status)
    return status;
  status = eplb_topology_copy(machine->topology, &s->topology);
  eplb_machine_destroy(&machine);
  return eplb_agree(s->comm, status ? status : choose_node(s, s->topology));
}

static eplb_status_t take_placement(eplb_session_t *s, const eplb_placement_t *given) {
  int layers = s->options.num_layers, experts = s->options.num_experts, slots = eplb_topology_num_slots(s->topology);
  if (slots > INT_MAX / layers - 2) /* what changes has two numbers more for each layer */
    return eplb_fail(EPLB_ERR_SHAPE, "%s of %s; expected no more than %d in all", eplb_count(layers, "layer"),
                     eplb_count(slots, "slot"), INT_MAX);
  if (!given)
    return eplb_placement_create_linear(layers, experts, slots, &s->placement);
  if (given->num_layers != layers || given->num_experts != experts || given->num_slots != slots)
    return eplb_fail(EPLB_ERR_SHAPE, "the initial placement has %s of %s in %s; expected %d of %d in %d",
                     eplb_count(given->num_layers, "layer"), eplb_count(given->num_experts, "expert"),
                     eplb_count(given->num_slots, "slot"), layers, experts, slots);
  eplb_status_t status = eplb_placement_validate(given);
  return status ? status : eplb_placement_copy(given, &s->placement);
}

eplb_status_t eplb_session_try_planner(const eplb_session_t *s, const eplb_topology_t *topology) {
  eplb_placement_t *trial = NULL;
  const eplb_windows_t idle = eplb_windows_single(1, s->options.num_experts, s->counts);
  eplb_plan_options_t options = *s->options.plan;
  eplb_payback_t payback;
  if (options.payback) {
    payback = *options.payback;
    payback.expert_bytes = payback.expert_bytes >= 0 && payback.expert_bytes <= 0 ? 1 : payback.expert_bytes;
    options.payback = &payback;
  }
  eplb_status_t status = eplb_plan(&options, topology, &idle, NULL, &trial);
  eplb_placement_destroy(&trial);
  return status;
}

/* What migrations need of the session, but for shared memory, which comes later. */
static void open_context(eplb_session_t *s) {
  const eplb_session_options_t *o = &s->options;
  s->migrate = (eplb_migrate_context_t){.comm = s->comm,
                                        .rank = s->rank,
                                        .num_ranks = s->num_ranks,
                                        .topology = s->topology,
                                        .num_layers = o->num_layers,
                                        .num_experts = o->num_experts,
                                        .layer = s->layer,
                                        .memory = s->memory,
                                        .mode = o->mode,
                                        .chunk_bytes = o->chunk_bytes,
                                        .staging_limit = o->staging_bytes,
                                        .transport = eplb_transports,
                                        .fault = o->fault,
                                        .fault_arg = o->fault_arg,
                                        .read_whole = o->verify == EPLB_VERIFY_ALWAYS};
}

/* What ranks that plan need; all have the load where several do, as it is reduced to all. */
static eplb_status_t prepare_planning(eplb_session_t *s, size_t values) {
  eplb_status_t status = eplb_planning_ranks_choose(s);
  if (status)
    return status;
  int is_root = s->rank == 0, several = s->num_planning > 1;
  s->load = EPLB_NEW(double, is_root || several ? values : 1);
  s->list_length = EPLB_NEW(int32_t, is_root && several ? s->num_ranks : 1);
  s->list_begin = EPLB_NEW(int32_t, is_root && several ? s->num_ranks : 1);
  if (!s->load || !s->list_length || !s->list_begin)
    return EPLB_ERR_MEMORY;
  if (eplb_planning_ranks_layers(s).count == 0)
    return EPLB_SUCCESS;
  return eplb_history_create(s->options.num_layers, s->options.num_experts, s->options.history, EPLB_HISTORY_DECAY,
                             &s->history);
}

/* Local: all that is left to allocate and check once there is a topology. */
static eplb_status_t prepare_session(eplb_session_t *s, const eplb_placement_t *initial) {
  for (int d = 0; d < s->num_ranks; d++)
    if (s->topology->slot_begin[d + 1] - s->topology->slot_begin[d] > INT16_MAX)
      return eplb_fail(EPLB_ERR_SHAPE, "rank %d has more than %s in a layer", d, eplb_count(INT16_MAX, "slot"));
  size_t values = (size_t)s->options.num_layers * (size_t)s->options.num_experts;
  s->layer = EPLB_NEW(eplb_tensors_t, s->options.num_layers);
  s->window = EPLB_NEW(int64_t, values);
  s->counts = EPLB_NEW(double, values);
  if (!s->layer || !s->window || !s->counts)
    return EPLB_ERR_MEMORY;
  open_context(s);
  eplb_status_t status = prepare_planning(s, values);
  if (!status)
    status = take_placement(s, initial);
  if (!status)
    status = eplb_session_try_planner(s, s->topology); /* better said now than by the first rebalance */
  return status ? status : eplb_migrate_fault(&s->migrate, EPLB_STEP_CREATE, NULL, 0);
}

/* The session without anything of its shape, and its own communicator: local but for the duplicate, which all ranks
 * make. On failure *session may be NULL, or not. */
static eplb_status_t open_session(eplb_comm_t *given, const eplb_session_options_t *options, eplb_session_t **session) {
  MPI_Comm own = MPI_COMM_NULL;
  int code = MPI_Comm_dup(given->mpi, &own);
  eplb_session_t *s = *session = EPLB_NEW(eplb_session_t, 1);
  eplb_comm_t *comm = EPLB_NEW(eplb_comm_t, 1);
  int has_own = eplb_comm_ok(given, code, "duplicating the communicator");
  if (s && comm && !eplb_ballot_prepare(&s->ballot)) {
    s->comm = comm;
    s->rank = given->rank;
    s->num_ranks = given->size;
    s->options = *options;
    s->memory = options->memory ? options->memory : eplb_memory_host();
    eplb_comm_open(comm, has_own ? own : MPI_COMM_NULL, given);
    return EPLB_SUCCESS;
  }
  free(comm);
  if (has_own)
    eplb_comm_ok(given, MPI_Comm_free(&own), "freeing a communicator");
  return EPLB_ERR_MEMORY;
}

/* Once all ranks have their own communicator, failures of MPI are that one's. */
static void leave_given(eplb_session_t *s, const eplb_comm_t *given) {
  eplb_comm_t own = *given;
  own.mpi = s->comm->mpi;
  *s->comm = own;
}

/* Collective: all that follows once the options are agreed on. */
static eplb_status_t build_session(eplb_session_t *s) {
  eplb_status_t status = s->topology ? EPLB_SUCCESS : find_topology(s);
  if (!status)
    status = eplb_agree(s->comm, prepare_session(s, s->options.initial));
  if (!status)
    status = eplb_shm_queue_create(s->comm, s->options.shared_bytes, &s->migrate.queue);
  if (status)
    return status;
  s->migrate.cma = eplb_cma_create(s->migrate.queue);
  return eplb_agree(s->comm, EPLB_SUCCESS);
}

/* What the options point to is the caller's, who may end it now. */
static void keep_options(eplb_session_t *s, const eplb_own_options_t *own) {
  s->options.topology = NULL;
  s->options.initial = NULL;
  s->plan = own->plan;
  s->payback = own->plan_payback;
  s->trigger = own->trigger;
  s->trigger_payback = own->trigger_payback;
  s->options.plan = &s->plan;
  if (s->plan.payback)
    s->plan.payback = &s->payback;
  s->trigger.payback = &s->trigger_payback;
  if (s->options.trigger)
    s->options.trigger = &s->trigger;
}

/* What the session shares with other ranks. */
static void release_shared(eplb_session_t *s) {
  eplb_traffic_close(s);
  eplb_cma_destroy(&s->migrate.cma);
  eplb_shm_regions_destroy(&s->migrate.regions);
  eplb_shm_queue_destroy(&s->migrate.queue);
  if (s->comm)
    eplb_comm_free(s->comm);
}

eplb_status_t eplb_session_create(MPI_Comm comm, const eplb_session_options_t *options, eplb_session_t **session) {
  eplb_comm_t given;
  eplb_status_t status = eplb_comm_take(&given, comm);
  if (status)
    return status;
  int launched_as;
  eplb_own_options_t own;
  eplb_session_t *s;
  status = eplb_options_resolve(options, &own);
  if (!status)
    status = eplb_launcher_check(&launched_as);
  if (!status && !session)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t opened = open_session(&given, &own.session, &s);
  status = status ? status : opened;
  if (!status && own.session.topology)
    status = take_topology(s, own.session.topology);
  status = eplb_options_agree(&given, status, &own.session);
  if (!status) {
    leave_given(s, &given);
    status = build_session(s);
  }
  if (status) {
    if (s) {
      release_shared(s);
      release_session(s);
    }
    return status;
  }
  keep_options(s, &own);
  *session = s;
  if (s->rank == 0)
    eplb_environment_warn(&s->options);
  return EPLB_SUCCESS;
}

/* Collective: the session's devices in the domains that are detected now; and those that remain, if any leave. */
static eplb_status_t detect_domains(const eplb_session_t *s, eplb_topology_t **topology, eplb_topology_t **rest) {
  eplb_machine_t *machine = NULL;
  eplb_status_t status = eplb_machine_detect_on(s->comm, 1, &machine);
  if (status)
    return status;
  const eplb_topology_t *found = machine->topology;
  const char *names[EPLB_MAX_LEVELS];
  for (int l = 0; l < found->num_levels; l++)
    names[l] = found->level_name[l];
  int *slots = EPLB_NEW(int, s->num_ranks);
  for (int r = 0; slots && r < s->num_ranks; r++)
    slots[r] = s->topology->slot_begin[r + 1] - s->topology->slot_begin[r];
  status = slots ? eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                       .num_devices = s->num_ranks,
                                                                       .num_levels = found->num_levels,
                                                                       .level_name = names,
                                                                       .node_level = found->node_level,
                                                                       .domain = found->domain,
                                                                       .slots = slots,
                                                                       .speed = s->topology->speed},
                                        topology)
                 : EPLB_ERR_MEMORY;
  free(slots);
  eplb_machine_destroy(&machine);
  if (!status && (status = choose_node(s, *topology)))
    eplb_topology_destroy(topology);
  if (!status && s->rest)
    status = eplb_remaining_topology(*topology, s->leaving, rest);
  return eplb_agree(s->comm, status);
}

eplb_status_t eplb_session_redetect(eplb_session_t *session) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t status = EPLB_SUCCESS;
  if (session->rebalancing)
    status = eplb_fail(EPLB_ERR_STATE, "the machine cannot be detected anew while a rebalance is open");
  status = eplb_in_step(session, EPLB_CALL_REDETECT, status, 0, 0);
  eplb_topology_t *found = NULL, *rest = NULL, old;
  if (!status)
    status = detect_domains(session, &found, &rest);
  if (!status) { /* the caller may hold the address */
    old = *session->topology;
    *session->topology = *found;
    *found = old;
    eplb_topology_t *old_rest = session->rest;
    session->rest = rest;
    rest = old_rest;
  }
  eplb_topology_destroy(&found);
  eplb_topology_destroy(&rest);
  return status;
}

eplb_status_t eplb_session_destroy(eplb_session_t **session) {
  if (!session || !*session)
    return EPLB_SUCCESS;
  eplb_session_t *s = *session;
  if (eplb_mpi_is_over())
    return eplb_fail(EPLB_ERR_STATE, "MPI is finalized already; expected eplb_session_destroy before MPI_Finalize");
  eplb_status_t status = EPLB_SUCCESS;
  int was_broken = eplb_comm_is_broken(s->comm);
  if (s->rebalancing)
    status = eplb_fail(EPLB_ERR_STATE, "the session has an open rebalance; call eplb_rebalance_end first");
  int is_reducing = !status && (status = eplb_session_check_not_reducing(s));
  if (!was_broken)
    status = eplb_in_step(s, EPLB_CALL_DESTROY, status, 0, 0);
  if (s->rebalancing || is_reducing || (status && status != EPLB_ERR_MPI))
    return status;
  release_shared(s);
  if (!status && !was_broken)
    status = eplb_comm_status(s->comm);
  release_session(s);
  *session = NULL;
  return status;
}

eplb_status_t eplb_session_allocate(eplb_session_t *session, size_t bytes, void **memory) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t status = memory ? EPLB_SUCCESS : eplb_fail(EPLB_ERR_ARGUMENT, "memory is NULL");
  status = eplb_in_step(session, EPLB_CALL_ALLOCATE, status, 0, 0);
  return status ? status
                : eplb_shm_regions_add(session->comm, session->migrate.queue, &session->migrate.regions, bytes, memory);
}

const eplb_placement_t *eplb_session_placement(const eplb_session_t *session) {
  return session->placement;
}

eplb_status_t eplb_session_plan_options(const eplb_session_t *session, eplb_plan_options_t *resolved) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  return eplb_plan_resolve(&session->plan, session->rest ? session->rest : session->topology, resolved);
}

const eplb_topology_t *eplb_session_topology(const eplb_session_t *session) {
  return session->topology;
}
