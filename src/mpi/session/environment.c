/* Overrides options by EPLB_ variables, row by row of the option tables, and refuses names that are nearly an
 * option's. */
#include "mpi/session/environment.h"
#include "core/util/similar_name.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char PREFIX[] = "EPLB_";
enum { PREFIX_LENGTH = sizeof PREFIX - 1, NAME_MAX_LENGTH = 64 };

/* Read by detection, or by a kind of memory. */
static const char *const others[] = {"DEVICE",       "DOMAIN",      "RACKS",    "NVML_LIBRARY",
                                     "CUDA_LIBRARY", "HIP_LIBRARY", "GPU_AWARE"};
enum { NUM_OTHERS = sizeof others / sizeof *others };

/* What module files and packages set for any library. */
static const char *const installation[] = {"ROOT", "DIR", "HOME", "VERSION", "PREFIX"};
enum { NUM_INSTALLATION = sizeof installation / sizeof *installation };

/* Options that have another name now. */
static const char *const former[][2] = {{"MOVE_PRICE", "MOVE_COST"}};

/* ---- names ---- */

/* Number i of all rows that variables set, or NULL past the last. */
static const eplb_option_t *list_row(int i) {
  const eplb_option_t *row;
  for (int number = 0; (row = eplb_option_describe(number)); number++)
    if (strcmp(row->structure, "payback") && i-- == 0)
      return row;
  return eplb_session_option_describe(i);
}

/* Number i of the names that set something, as in the environment but for the prefix; NULL past the last. */
static const char *list_name(int i, char upper[NAME_MAX_LENGTH]) {
  if (i < NUM_OTHERS)
    return others[i];
  const eplb_option_t *row = list_row(i - NUM_OTHERS);
  if (!row)
    return NULL;
  size_t length = strlen(row->name);
  for (size_t c = 0; c <= length; c++)
    upper[c] = (char)toupper((unsigned char)row->name[c]);
  return upper;
}

static const eplb_option_t *find_option(const char *name) {
  const eplb_option_t *row;
  for (int i = 0; (row = list_row(i)); i++)
    if (!strcasecmp(row->name, name))
      return row;
  return NULL;
}

/* The name in an entry of the environment, without the prefix; cut where it is longer than any. */
static const char *copy_variable_name(const char *entry, char name[NAME_MAX_LENGTH]) {
  size_t length = strcspn(entry + PREFIX_LENGTH, "=");
  length = length < NAME_MAX_LENGTH - 1 ? length : NAME_MAX_LENGTH - 1;
  memcpy(name, entry + PREFIX_LENGTH, length);
  name[length] = 0;
  return name;
}

static int is_among(const char *name, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (!strcmp(name, names[i]))
      return 1;
  return 0;
}

static int is_known_variable(const char *name) {
  char upper[NAME_MAX_LENGTH];
  const char *known;
  for (int i = 0; (known = list_name(i, upper)); i++)
    if (!strcmp(name, known))
      return 1;
  return is_among(name, installation, NUM_INSTALLATION);
}

/* A variable that names no option is an error if its name is similar to an option's or was one's: that option is meant.
 * Else it belongs to another program. */
static eplb_status_t refuse_slips(const char *name) {
  char upper[NAME_MAX_LENGTH];
  const char *known;
  for (size_t i = 0; i < sizeof former / sizeof *former; i++)
    if (!strcmp(name, former[i][0]))
      return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s%s is now called %s%s; expected that", PREFIX, name,
                       PREFIX, former[i][1]);
  for (int i = 0; (known = list_name(i, upper)); i++)
    if (eplb_is_similar_name(name, known))
      return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable %s%s sets nothing; expected %s%s, if that is meant",
                       PREFIX, name, PREFIX, known);
  return EPLB_SUCCESS;
}

/* ---- values ---- */

/* Where the job has no trigger, the variable makes one. */
static eplb_status_t override_trigger(const eplb_option_t *row, const char *label, const char *text,
                                      eplb_own_options_t *own) {
  if (!own->trigger.payback && !own->plan.payback)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "%s is for a trigger, and neither plan->payback nor a trigger's payback is set; expected one, to "
                     "tell what pays",
                     label);
  own->session.trigger = &own->trigger;
  return eplb_option_set(row, &own->trigger, label, text);
}

/* One "EPLB_NAME=text". */
static eplb_status_t override(const char *entry, eplb_own_options_t *own) {
  char name[NAME_MAX_LENGTH], label[NAME_MAX_LENGTH + 32];
  const char *equals = strchr(entry, '='), *text = equals ? equals + 1 : "";
  snprintf(label, sizeof label, "environment variable %s%s", PREFIX, copy_variable_name(entry, name));
  if (!is_known_variable(name))
    return refuse_slips(name);
  const eplb_option_t *row = find_option(name);
  if (!row)
    return EPLB_SUCCESS;
  if (!strcmp(row->structure, "plan"))
    return eplb_option_set(row, &own->plan, label, text);
  if (!strcmp(row->structure, "trigger"))
    return override_trigger(row, label, text, own);
  return eplb_option_set(row, &own->session, label, text);
}

eplb_status_t eplb_environment_override(eplb_own_options_t *own) {
  eplb_status_t status = EPLB_SUCCESS;
  for (char **entry = environ; entry && *entry && !status; entry++)
    if (!strncmp(*entry, PREFIX, PREFIX_LENGTH))
      status = override(*entry, own);
  return status;
}

void eplb_environment_warn(const eplb_session_options_t *options) {
  char name[NAME_MAX_LENGTH], line[NAME_MAX_LENGTH + 80];
  for (char **entry = environ; options->log && entry && *entry; entry++)
    if (!strncmp(*entry, PREFIX, PREFIX_LENGTH) && !is_known_variable(copy_variable_name(*entry, name))) {
      snprintf(line, sizeof line, "environment variable %s%s sets nothing in this library", PREFIX, name);
      options->log(options->log_arg, line);
    }
}
