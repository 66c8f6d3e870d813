/* A session's options: the job's struct, overridden by the environment, checked and compared between ranks. The rows
 * say the rest; a new option is a member and a row. */
#include "mpi/session/options.h"
#include "core/util/count.h"
#include "mpi/comm/compare.h"
#include "mpi/session/environment.h"
#include <limits.h>
#include <string.h>
#include <xxhash.h>

static const char *const mode_names[] = {"shadow", "in-place"};
static const char *const verify_names[] = {"first", "always", "never"};

#define LAST(names) ((int)(sizeof(names) / sizeof *(names)) - 1)

#define PLACE(member) offsetof(eplb_session_options_t, member)

static const eplb_option_t rows[] = {
    {"session", "history", "WINDOWS", "number of recent windows to plan with, including the newest",
     EPLB_OPTION_INTEGER, PLACE(history), 1, EPLB_HISTORY_MAX, 0, EPLB_HISTORY_MAX, NULL, ~0u, 0},
    {"session", "plan_ranks", "RANKS",
     "number of ranks that plan, each some of the layers; 1: rank 0 alone; 0: as many as save time",
     EPLB_OPTION_INTEGER, PLACE(plan_ranks), 0, INT_MAX, 0, 0, NULL, ~0u, 0},
    {"session", "node_level", "NAME", "level of the machine that planners take as the node", EPLB_OPTION_TEXT,
     PLACE(node_level), 0, EPLB_LEVEL_NAME_MAX, 0, 0, NULL, ~0u, 0},
    {"session", "mode", "NAME", "shadow: experts arrive in staging memory; in-place: directly in the slots that change",
     EPLB_OPTION_NAME, PLACE(mode), 0, LAST(mode_names), 0, EPLB_MODE_SHADOW, mode_names, ~0u, 0},
    {"session", "staging_bytes", "BYTES",
     "limit of a rank's memory for incoming experts; 0: what its largest layer needs", EPLB_OPTION_BYTES,
     PLACE(staging_bytes), 0, 0x1p62, 0, 0, NULL, ~0u, 0},
    {"session", "chunk_bytes", "BYTES", "longest message", EPLB_OPTION_BYTES, PLACE(chunk_bytes), 1, 1 << 30, 0,
     4 << 20, NULL, ~0u, 0},
    {"session", "shared_bytes", "BYTES", "shared memory of each rank for messages within its node; 0: use MPI only",
     EPLB_OPTION_BYTES, PLACE(shared_bytes), 0, 1 << 30, 0, 4 << 20, NULL, ~0u, 0},
    {"session", "verify", "WHEN",
     "checksums of whole experts: first rebalance, always or never; samples are always compared", EPLB_OPTION_NAME,
     PLACE(verify), 0, LAST(verify_names), 0, EPLB_VERIFY_FIRST, verify_names, ~0u, 0},
};

const eplb_option_table_t eplb_session_table = {"session options", "eplb_session_options_init",
                                                sizeof(eplb_session_options_t), sizeof rows / sizeof *rows, rows};

void eplb_session_options_init_size(eplb_session_options_t *options, size_t size) {
  eplb_option_table_init(&eplb_session_table, options, size);
}

const eplb_option_t *eplb_session_option_describe(int number) {
  return number >= 0 && number < eplb_session_table.num_options ? &rows[number] : NULL;
}

/* ---- checks on one rank ---- */

/* A copy of one of libeplb's structs, of this version or an older one, which the environment can change; *own has the
 * defaults. */
static eplb_status_t take_options(const char *title, const char *init, size_t size, const void *given, void *own) {
  const eplb_option_table_t table = {.title = title, .init = init, .size = size};
  return given ? eplb_option_table_take(&table, given, own) : EPLB_SUCCESS;
}

static eplb_status_t take_payback(const eplb_payback_t **given, eplb_payback_t *own) {
  const eplb_payback_t *from = *given;
  *given = from ? own : NULL;
  return take_options("payback options", "eplb_payback_init", sizeof *own, from, own);
}

static void set_defaults(eplb_own_options_t *own) {
  eplb_session_options_init(&own->session);
  eplb_plan_options_init(&own->plan);
  eplb_payback_init(&own->plan_payback);
  eplb_trigger_init(&own->trigger);
  eplb_payback_init(&own->trigger_payback);
}

/* Members that are pointers may be anything where a struct's size is refused: they are then NULL. */
static eplb_status_t take_structs(const eplb_session_options_t *given, eplb_own_options_t *own) {
  eplb_session_options_t *o = &own->session;
  eplb_status_t status = eplb_option_table_take(&eplb_session_table, given, o);
  const eplb_plan_options_t *plan = o->plan;
  const eplb_trigger_t *trigger = o->trigger;
  o->plan = &own->plan;
  o->trigger = trigger ? &own->trigger : NULL;
  if (!status)
    status = take_options("plan options", "eplb_plan_options_init", sizeof own->plan, plan, &own->plan);
  if (!status)
    status = take_payback(&own->plan.payback, &own->plan_payback);
  if (!status)
    status = take_options("trigger options", "eplb_trigger_init", sizeof own->trigger, trigger, &own->trigger);
  return status ? status : take_payback(&own->trigger.payback, &own->trigger_payback);
}

/* A trigger without a payback takes the plan's. */
static eplb_status_t check_trigger(eplb_own_options_t *own) {
  if (!own->session.trigger)
    return EPLB_SUCCESS;
  if (!own->trigger.payback && !own->plan.payback)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "a trigger without a payback; expected trigger->payback or plan->payback, to tell "
                     "what pays");
  if (!own->trigger.payback)
    own->trigger_payback = own->plan_payback;
  own->trigger.payback = &own->trigger_payback;
  const eplb_option_table_t rows_of_trigger = eplb_option_table_of("trigger");
  return eplb_option_table_check(&rows_of_trigger, &own->trigger);
}

static eplb_status_t check_sizes(const eplb_session_options_t *o) {
  if (o->num_layers < 1 || o->num_experts < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "num_layers is %d and num_experts %d; expected at least 1 of each",
                     o->num_layers, o->num_experts);
  if (o->num_experts > INT32_MAX / o->num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s; expected no more than %d in all", eplb_count(o->num_layers, "layer"),
                     eplb_count(o->num_experts, "expert"), INT32_MAX);
  if (!o->topology && (o->slots_per_rank < 1 || o->slots_per_rank > INT16_MAX))
    return eplb_fail(EPLB_ERR_ARGUMENT, "slots_per_rank is %d; expected 1 to %d", o->slots_per_rank, INT16_MAX);
  if (o->memory && o->memory->size != sizeof *o->memory)
    return eplb_fail(EPLB_ERR_ARGUMENT, "memory is a table of %s; expected %zu", eplb_count(o->memory->size, "byte"),
                     sizeof *o->memory);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_options_resolve(const eplb_session_options_t *given, eplb_own_options_t *own) {
  set_defaults(own);
  eplb_status_t status = take_structs(given, own);
  if (!status)
    status = eplb_environment_override(own);
  if (!status)
    status = check_sizes(&own->session);
  if (!status)
    status = eplb_option_table_check(&eplb_session_table, &own->session);
  return status ? status : check_trigger(own);
}

/* ---- comparison between ranks ---- */

static int64_t hash_topology(const eplb_topology_t *t) {
  if (!t)
    return 0;
  size_t devices = (size_t)t->num_devices;
  XXH64_hash_t hash = XXH3_64bits(t->domain, devices * (size_t)t->num_levels * sizeof *t->domain);
  hash = XXH3_64bits_withSeed(&t->node_level, sizeof t->node_level, hash);
  hash = XXH3_64bits_withSeed(t->slot_begin, (devices + 1) * sizeof *t->slot_begin, hash);
  return (int64_t)(XXH3_64bits_withSeed(t->speed, devices * sizeof *t->speed, hash) >> 2);
}

static int64_t hash_text(const char *text) {
  return (int64_t)(XXH3_64bits(text, strlen(text)) >> 2);
}

/* Of the members behind `size`. */
static int64_t hash_payback(const eplb_payback_t *p) {
  return p ? (int64_t)(XXH3_64bits(&p->seconds_per_load, sizeof *p - offsetof(eplb_payback_t, seconds_per_load)) >> 2)
           : 0;
}

/* A row's value, to be compared. Numbers that are not integers are compared by their bits, texts by a hash. */
static eplb_compared_t compared(const eplb_option_t *row, const void *structure) {
  if (!structure)
    return (eplb_compared_t){row->name, 0, row->type == EPLB_OPTION_TEXT || row->type == EPLB_OPTION_REAL};
  if (row->type == EPLB_OPTION_TEXT)
    return (eplb_compared_t){row->name, hash_text((const char *)structure + row->offset), 1};
  double value = eplb_option_get(row, structure);
  if (row->type == EPLB_OPTION_REAL)
    return (eplb_compared_t){row->name, (int64_t)(XXH3_64bits(&value, sizeof value) >> 2), 1};
  return (eplb_compared_t){row->name, (int64_t)value, 0};
}

/* The values of all rows; returns how many. */
static int list_values(const eplb_option_table_t *table, const void *structure, eplb_compared_t *all) {
  for (int i = 0; i < table->num_options; i++)
    all[i] = compared(&table->option[i], structure);
  return table->num_options;
}

eplb_status_t eplb_options_agree(eplb_comm_t *comm, eplb_status_t mine, const eplb_session_options_t *o) {
  int good = mine == EPLB_SUCCESS; /* else pointers and sizes may be anything */
  const eplb_compared_t fixed[] = {
      {"num_layers", o->num_layers, 0},
      {"num_experts", o->num_experts, 0},
      {"slots_per_rank", o->slots_per_rank, 0},
      {"plan.payback", good ? hash_payback(o->plan->payback) : 0, 1},
      {"trigger.payback", good && o->trigger ? hash_payback(o->trigger->payback) : 0, 1},
      {"kinds of memory", good && o->memory ? o->memory->host_can_touch * 2 + o->memory->mpi_can_touch : 3, 1},
      {"topology", good ? hash_topology(o->topology) : 0, 1},
      {"initial placements", good ? (int64_t)(eplb_hash_placement(o->initial) >> 2) : 0, 1},
  };
  eplb_compared_t all[EPLB_MAX_COMPARED];
  int count = sizeof fixed / sizeof *fixed;
  memcpy(all, fixed, sizeof fixed);
  const eplb_option_table_t plan = eplb_option_table_of("plan"), trigger = eplb_option_table_of("trigger");
  count += list_values(&plan, good ? o->plan : NULL, all + count);
  count += list_values(&eplb_session_table, good ? o : NULL, all + count);
  count += list_values(&trigger, good ? o->trigger : NULL, all + count);
  return eplb_agree_on(comm, mine, all, count);
}
