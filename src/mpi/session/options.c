#include "mpi/session/options.h"
#include "core/util/similar_name.h"
#include "mpi/comm/compare.h"
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

void eplb_session_options_init(eplb_session_options_t *options) {
  *options = (eplb_session_options_t){
      .size = sizeof *options, .chunk_bytes = 4 << 20, .shared_bytes = 4 << 20, .history = EPLB_HISTORY_MAX};
  eplb_plan_options_init(&options->plan);
}

/* A whole number from `least` to `most`, or a sentence that names the variable. */
static eplb_status_t parse_number(const char *name, const char *text, long long least, long long most,
                                  long long *number) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end || errno || value < least || value > most)
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s is \"%s\"; expected a whole number from %lld to %lld",
                     name, text, least, most);
  *number = value;
  return EPLB_SUCCESS;
}

static eplb_status_t set_planner(const char *name, const char *text, eplb_session_options_t *options) {
  if (eplb_planner_parse(text, &options->plan.planner))
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s: %s", name, eplb_last_error());
  return EPLB_SUCCESS;
}

static eplb_status_t set_policy(const char *name, const char *text, eplb_session_options_t *options) {
  if (eplb_policy_parse(text, &options->plan.policy))
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s: %s", name, eplb_last_error());
  return EPLB_SUCCESS;
}

static eplb_status_t set_effort(const char *name, const char *text, eplb_session_options_t *options) {
  if (eplb_effort_parse(text, &options->plan.effort))
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s: %s", name, eplb_last_error());
  return EPLB_SUCCESS;
}

/* A number; whether it is one that makes sense is for the planner to say. */
static eplb_status_t parse_real(const char *name, const char *text, double *number) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || !isfinite(value))
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s is \"%s\"; expected a number", name, text);
  *number = value;
  return EPLB_SUCCESS;
}

static eplb_status_t set_spill(const char *name, const char *text, eplb_session_options_t *options) {
  return parse_real(name, text, &options->plan.spill);
}

static eplb_status_t set_balance(const char *name, const char *text, eplb_session_options_t *options) {
  return parse_real(name, text, &options->plan.balance);
}

static eplb_status_t set_node_cost(const char *name, const char *text, eplb_session_options_t *options) {
  return parse_real(name, text, &options->plan.node_cost);
}

static eplb_status_t set_max_moves(const char *name, const char *text, eplb_session_options_t *options) {
  long long number;
  eplb_status_t status = parse_number(name, text, 0, INT32_MAX, &number);
  if (!status)
    options->plan.max_moves = (int)number;
  return status;
}

static eplb_status_t set_move_price(const char *name, const char *text, eplb_session_options_t *options) {
  return parse_real(name, text, &options->plan.move_price);
}

static eplb_status_t set_forecast(const char *name, const char *text, eplb_session_options_t *options) {
  if (eplb_forecast_parse(text, &options->plan.forecast))
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s: %s", name, eplb_last_error());
  return EPLB_SUCCESS;
}

static eplb_status_t set_history(const char *name, const char *text, eplb_session_options_t *options) {
  long long number;
  eplb_status_t status = parse_number(name, text, 1, EPLB_HISTORY_MAX, &number);
  if (!status)
    options->history = (int)number;
  return status;
}

/* Which of names[count] the text is; `all` says them in a sentence. */
static eplb_status_t parse_choice(const char *name, const char *text, const char *const *names, int count,
                                  const char *all, int *choice) {
  for (int i = 0; i < count; i++)
    if (!strcmp(text, names[i])) {
      *choice = i;
      return EPLB_SUCCESS;
    }
  return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s is \"%s\"; expected %s", name, text, all);
}

static eplb_status_t set_verify(const char *name, const char *text, eplb_session_options_t *options) {
  static const char *const names[] = {"first", "always", "never"};
  int choice = (int)options->verify;
  eplb_status_t status = parse_choice(name, text, names, 3, "first, always or never", &choice);
  options->verify = (eplb_verify_t)choice;
  return status;
}

static eplb_status_t set_num_groups(const char *name, const char *text, eplb_session_options_t *options) {
  long long number;
  eplb_status_t status = parse_number(name, text, 1, 1 << 30, &number);
  if (!status)
    options->plan.num_groups = (int)number;
  return status;
}

static eplb_status_t set_staging_bytes(const char *name, const char *text, eplb_session_options_t *options) {
  long long number;
  eplb_status_t status = parse_number(name, text, 0, INT64_MAX / 2, &number);
  if (!status)
    options->staging_bytes = (size_t)number;
  return status;
}

static eplb_status_t set_chunk_bytes(const char *name, const char *text, eplb_session_options_t *options) {
  long long number;
  eplb_status_t status = parse_number(name, text, 1, 1 << 30, &number);
  if (!status)
    options->chunk_bytes = (size_t)number;
  return status;
}

static eplb_status_t set_shared_bytes(const char *name, const char *text, eplb_session_options_t *options) {
  long long number;
  eplb_status_t status = parse_number(name, text, 0, 1 << 30, &number);
  if (!status)
    options->shared_bytes = (size_t)number;
  return status;
}

static eplb_status_t set_mode(const char *name, const char *text, eplb_session_options_t *options) {
  static const char *const names[] = {"shadow", "in-place"};
  int choice = (int)options->mode;
  eplb_status_t status = parse_choice(name, text, names, 2, "shadow or in-place", &choice);
  options->mode = (eplb_mode_t)choice;
  return status;
}

static eplb_status_t set_node_level(const char *name, const char *text, eplb_session_options_t *options) {
  if (!*text || strlen(text) >= sizeof options->node_level)
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s is \"%.64s\"; expected the name of a level", name,
                     text);
  snprintf(options->node_level, sizeof options->node_level, "%s", text);
  return EPLB_SUCCESS;
}

/* To detection, or to a kind of memory. */
static eplb_status_t leave_to_others(const char *name, const char *text, eplb_session_options_t *options) {
  (void)name, (void)text, (void)options;
  return EPLB_SUCCESS;
}

static const struct {
  const char *name;
  eplb_status_t (*set)(const char *name, const char *text, eplb_session_options_t *options);
} variables[] = {
    {"EPLB_PLANNER", set_planner},
    {"EPLB_POLICY", set_policy},
    {"EPLB_NUM_GROUPS", set_num_groups},
    {"EPLB_VERIFY", set_verify},
    {"EPLB_CHUNK_BYTES", set_chunk_bytes},
    {"EPLB_STAGING_BYTES", set_staging_bytes},
    {"EPLB_EFFORT", set_effort},
    {"EPLB_SPILL", set_spill},
    {"EPLB_BALANCE", set_balance},
    {"EPLB_MAX_MOVES", set_max_moves},
    {"EPLB_NODE_COST", set_node_cost},
    {"EPLB_HISTORY", set_history},
    {"EPLB_FORECAST", set_forecast},
    {"EPLB_MOVE_PRICE", set_move_price},
    {"EPLB_DEVICE", leave_to_others},
    {"EPLB_MODE", set_mode},
    {"EPLB_SHARED_BYTES", set_shared_bytes},
    {"EPLB_NODE_LEVEL", set_node_level},
    {"EPLB_DOMAIN", leave_to_others},
    {"EPLB_RACKS", leave_to_others},
    {"EPLB_NVML_LIBRARY", leave_to_others},
    {"EPLB_CUDA_LIBRARY", leave_to_others},
    {"EPLB_HIP_LIBRARY", leave_to_others},
    {"EPLB_GPU_AWARE", leave_to_others},
};
enum { NUM_VARIABLES = sizeof variables / sizeof *variables };

/* ---- the trigger's ---- */

static eplb_status_t set_min_windows(const char *name, const char *text, eplb_trigger_t *trigger) {
  long long number;
  eplb_status_t status = parse_number(name, text, 1, INT32_MAX, &number);
  if (!status)
    trigger->min_windows = (int)number;
  return status;
}

static eplb_status_t set_hysteresis(const char *name, const char *text, eplb_trigger_t *trigger) {
  return parse_real(name, text, &trigger->hysteresis);
}

static const struct {
  const char *name;
  eplb_status_t (*set)(const char *name, const char *text, eplb_trigger_t *trigger);
} trigger_variables[] = {{"EPLB_MIN_WINDOWS", set_min_windows}, {"EPLB_HYSTERESIS", set_hysteresis}};
enum { NUM_TRIGGER_VARIABLES = sizeof trigger_variables / sizeof *trigger_variables };

/* Where the job has no trigger, this makes one. */
static eplb_status_t override_trigger(int i, const char *text, eplb_session_options_t *options,
                                      eplb_trigger_t *trigger) {
  if (!options->plan.payback)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "environment variable %s is for a trigger, and plan.payback is not set; expected both, to tell "
                     "what pays",
                     trigger_variables[i].name);
  options->trigger = trigger;
  return trigger_variables[i].set(trigger_variables[i].name, text, trigger);
}

/* ---- all of them ---- */

static int is_name(const char *name, const char *entry, size_t length) {
  return strlen(name) == length && !strncmp(entry, name, length);
}

/* What module files and packages set for any library: nothing to speak of. */
static const char *const installation[] = {"EPLB_ROOT", "EPLB_DIR", "EPLB_HOME", "EPLB_VERSION", "EPLB_PREFIX"};

static const char *variable_name(int i) {
  return i < NUM_VARIABLES ? variables[i].name : trigger_variables[i - NUM_VARIABLES].name;
}

/* The name in an entry of the environment; cut where it is longer than any that is meant for this library. */
static const char *copy_name(const char *entry, char name[64]) {
  size_t length = strcspn(entry, "=");
  length = length < 63 ? length : 63;
  memcpy(name, entry, length);
  name[length] = 0;
  return name;
}

/* A name that is no option's: an error if it is nearly one's, which is then meant; else it is somebody else's. */
static eplb_status_t refuse_slips(const char *entry) {
  char name[64];
  copy_name(entry, name);
  for (int i = 0; i < NUM_VARIABLES + NUM_TRIGGER_VARIABLES; i++)
    if (eplb_is_similar_name(name + 5, variable_name(i) + 5))
      return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s sets nothing; expected %s, if that is meant", name,
                       variable_name(i));
  return EPLB_SUCCESS;
}

static int is_known(const char *entry) {
  size_t length = strcspn(entry, "=");
  for (int i = 0; i < NUM_VARIABLES + NUM_TRIGGER_VARIABLES; i++)
    if (is_name(variable_name(i), entry, length))
      return 1;
  for (size_t i = 0; i < sizeof installation / sizeof *installation; i++)
    if (is_name(installation[i], entry, length))
      return 1;
  return 0;
}

void eplb_options_warn(const eplb_session_options_t *options) {
  char name[64], line[128];
  for (char **entry = environ; options->log && entry && *entry; entry++)
    if (!strncmp(*entry, "EPLB_", 5) && !is_known(*entry)) {
      snprintf(line, sizeof line, "environment variable %s sets nothing in this library", copy_name(*entry, name));
      options->log(options->log_arg, line);
    }
}

/* One "NAME=value" of the environment. */
static eplb_status_t override(const char *entry, eplb_session_options_t *options, eplb_trigger_t *trigger) {
  const char *equals = strchr(entry, '=');
  size_t length = equals ? (size_t)(equals - entry) : strlen(entry);
  for (int i = 0; i < NUM_VARIABLES; i++)
    if (is_name(variables[i].name, entry, length))
      return variables[i].set(variables[i].name, equals ? equals + 1 : "", options);
  for (int i = 0; i < NUM_TRIGGER_VARIABLES; i++)
    if (is_name(trigger_variables[i].name, entry, length))
      return override_trigger(i, equals ? equals + 1 : "", options, trigger);
  return is_known(entry) ? EPLB_SUCCESS : refuse_slips(entry);
}

/* A copy that can be changed. */
static eplb_status_t take_trigger(const eplb_trigger_t *given, eplb_session_options_t *options,
                                  eplb_trigger_t *trigger) {
  eplb_trigger_init(trigger);
  options->trigger = NULL;
  if (!given)
    return EPLB_SUCCESS;
  if (given->size != sizeof *given)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a trigger of %zu bytes; expected %zu: call eplb_trigger_init", given->size,
                     sizeof *given);
  *trigger = *given;
  options->trigger = trigger;
  return EPLB_SUCCESS;
}

static eplb_status_t check_trigger(const eplb_session_options_t *o) {
  const eplb_trigger_t *t = o->trigger;
  if (!t)
    return EPLB_SUCCESS;
  if (!o->plan.payback)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a trigger without plan.payback; expected both, to tell what pays");
  if (t->min_windows < 1 || !(t->hysteresis >= 1 && t->hysteresis < INFINITY))
    return eplb_fail(EPLB_ERR_ARGUMENT, "a trigger of %d windows and hysteresis %g; expected 1 or more of each",
                     t->min_windows, t->hysteresis);
  return EPLB_SUCCESS;
}

static eplb_status_t check_sizes(const eplb_session_options_t *o) {
  if (o->num_layers < 1 || o->num_experts < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "num_layers is %d and num_experts %d; expected at least 1 of each",
                     o->num_layers, o->num_experts);
  if (o->num_experts > INT32_MAX / o->num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%d layers of %d experts; expected no more than %d in all", o->num_layers,
                     o->num_experts, INT32_MAX);
  if (!o->topology && (o->slots_per_rank < 1 || o->slots_per_rank > INT16_MAX))
    return eplb_fail(EPLB_ERR_ARGUMENT, "slots_per_rank is %d; expected 1 to %d", o->slots_per_rank, INT16_MAX);
  if (o->history < 1 || o->history > EPLB_HISTORY_MAX)
    return eplb_fail(EPLB_ERR_ARGUMENT, "history is %d windows; expected 1 to %d", o->history, EPLB_HISTORY_MAX);
  if (o->chunk_bytes < 1 || o->chunk_bytes > (size_t)1 << 30)
    return eplb_fail(EPLB_ERR_ARGUMENT, "chunk_bytes is %zu; expected 1 to %d", o->chunk_bytes, 1 << 30);
  if (o->staging_bytes > INT64_MAX / 2)
    return eplb_fail(EPLB_ERR_ARGUMENT, "staging_bytes is %zu; expected no more than %lld", o->staging_bytes,
                     (long long)(INT64_MAX / 2));
  if (o->shared_bytes > (size_t)1 << 30)
    return eplb_fail(EPLB_ERR_ARGUMENT, "shared_bytes is %zu; expected no more than %d", o->shared_bytes, 1 << 30);
  if (!memchr(o->node_level, 0, sizeof o->node_level))
    return eplb_fail(EPLB_ERR_ARGUMENT, "node_level has no end; expected a name of less than %zu characters",
                     sizeof o->node_level);
  if ((unsigned)o->mode > EPLB_MODE_IN_PLACE)
    return eplb_fail(EPLB_ERR_ARGUMENT, "mode is %d; expected 0 to %d", (int)o->mode, EPLB_MODE_IN_PLACE);
  if (o->memory && o->memory->size != sizeof *o->memory)
    return eplb_fail(EPLB_ERR_ARGUMENT, "memory is a table of %zu bytes; expected %zu", o->memory->size,
                     sizeof *o->memory);
  if ((unsigned)o->verify > EPLB_VERIFY_NEVER)
    return eplb_fail(EPLB_ERR_ARGUMENT, "verify is %d; expected 0 to %d", (int)o->verify, EPLB_VERIFY_NEVER);
  return check_trigger(o);
}

eplb_status_t eplb_options_resolve(const eplb_session_options_t *given, eplb_session_options_t *options,
                                   eplb_trigger_t *trigger) {
  eplb_session_options_init(options);
  if (!given)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session options are NULL");
  if (given->size != sizeof *given)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session options of %zu bytes; expected %zu: call eplb_session_options_init",
                     given->size, sizeof *given);
  *options = *given;
  eplb_status_t status = take_trigger(given->trigger, options, trigger);
  for (char **entry = environ; entry && *entry && !status; entry++)
    if (!strncmp(*entry, "EPLB_", 5))
      status = override(*entry, options, trigger);
  return status ? status : check_sizes(options);
}

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

static int64_t hash_placement(const eplb_placement_t *p) {
  size_t bytes = p ? (size_t)p->num_layers * (size_t)p->num_slots * sizeof *p->physical_to_logical : 0;
  return p ? (int64_t)(XXH3_64bits(p->physical_to_logical, bytes) >> 2) : 0;
}

/* All that planners are told besides policy and groups. */
static int64_t hash_wishes(const eplb_session_options_t *session) {
  const eplb_plan_options_t *o = &session->plan;
  double wishes[] = {(double)o->effort,
                     o->spill,
                     o->balance,
                     (double)o->max_moves,
                     o->node_cost,
                     o->move_price,
                     (double)o->forecast,
                     (double)session->history,
                     session->trigger ? session->trigger->min_windows : 0,
                     session->trigger ? session->trigger->hysteresis : 0};
  XXH64_hash_t hash = XXH3_64bits(wishes, sizeof wishes);
  if (o->payback)
    hash = XXH3_64bits_withSeed(&o->payback->seconds_per_load,
                                sizeof *o->payback - offsetof(eplb_payback_t, seconds_per_load), hash);
  return (int64_t)(hash >> 2);
}

eplb_status_t eplb_options_agree(eplb_comm_t *comm, eplb_status_t mine, const eplb_session_options_t *o) {
  int good = mine == EPLB_SUCCESS; /* else pointers and sizes may be anything */
  const eplb_compared_t all[] = {
      {"num_layers", o->num_layers, 0},
      {"num_experts", o->num_experts, 0},
      {"slots_per_rank", o->slots_per_rank, 0},
      {"plan.planner", o->plan.planner, 0},
      {"plan.policy", o->plan.policy, 0},
      {"plan.num_groups", o->plan.num_groups, 0},
      {"options of the planner", good ? hash_wishes(o) : 0, 1},
      {"staging_bytes", good ? (int64_t)o->staging_bytes : 0, 0},
      {"chunk_bytes", good ? (int64_t)o->chunk_bytes : 0, 0},
      {"verify", o->verify, 0},
      {"mode", o->mode, 0},
      {"shared_bytes", good ? (int64_t)o->shared_bytes : 0, 0},
      {"kinds of memory", good && o->memory ? o->memory->host_can_touch * 2 + o->memory->mpi_can_touch : 3, 1},
      {"topology", good ? hash_topology(o->topology) : 0, 1},
      {"node_level", good ? hash_text(o->node_level) : 0, 1},
      {"initial placements", good ? hash_placement(o->initial) : 0, 1},
  };
  return eplb_agree_on(comm, mine, all, sizeof all / sizeof *all);
}
