"""What eplb._eplb is made of: the declarations that Python sees, and the C sources that are compiled into it."""

import glob
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import cffi

DECLARATIONS = """
typedef int... eplb_status_t;
typedef int... eplb_option_type_t;
typedef int... eplb_planner_t;
typedef int... eplb_policy_t;
typedef int... eplb_forecast_t;
const char *eplb_last_error(void);
const char *eplb_version(void);

typedef struct eplb_option {
  const char *structure, *name, *value, *help;
  eplb_option_type_t type;
  double least, most, preset;
  const char *const *names;
  unsigned planners;
  int needs_current;
  ...;
} eplb_option_t;
const eplb_option_t *eplb_option_describe(int number);
eplb_status_t eplb_option_set(const eplb_option_t *option, void *structure, const char *label, const char *text);
const char *eplb_option_show(const eplb_option_t *option, const void *structure, char *text);
enum { EPLB_OPTION_TEXT_MAX, ... };

typedef struct eplb_topology {
  int num_devices, num_levels, node_level;
  int num_domains[...];
  int *domain, *slot_begin;
  double *speed;
  int declared;
  ...;
} eplb_topology_t;
typedef struct eplb_topology_parts {
  int num_devices, num_levels;
  const char *const *level_name;
  int node_level;
  const int *domain, *slots;
  const double *speed;
  int declared;
  ...;
} eplb_topology_parts_t;
void eplb_topology_parts_init(eplb_topology_parts_t *);
enum { EPLB_MAX_LEVELS, ... };
eplb_status_t eplb_topology_declare(int, int, int, eplb_topology_t **);
eplb_status_t eplb_topology_create(const eplb_topology_parts_t *, eplb_topology_t **);
eplb_status_t eplb_topology_copy(const eplb_topology_t *, eplb_topology_t **);
eplb_status_t eplb_topology_set_node_level(eplb_topology_t *, const char *);
eplb_status_t eplb_topology_read(const char *, int, eplb_topology_t **);
int eplb_topology_num_slots(const eplb_topology_t *);
int eplb_topology_num_nodes(const eplb_topology_t *);
int eplb_topology_node(const eplb_topology_t *, int);
const char *topology_level_name(const eplb_topology_t *, int);
void topology_end(eplb_topology_t *);

typedef struct eplb_placement {
  int num_layers, num_experts, num_slots;
  int32_t *physical_to_logical, *logical_replica_count, *replica_begin, *replica_slot;
  ...;
} eplb_placement_t;
typedef struct { int32_t layer, expert, slot; ...; } eplb_lost_t;
typedef struct { int count; eplb_lost_t *lost; ...; } eplb_losses_t;
eplb_status_t eplb_placement_create(int, int, int, eplb_placement_t **);
eplb_status_t eplb_placement_create_linear(int, int, int, eplb_placement_t **);
eplb_status_t eplb_placement_index(eplb_placement_t *);
int eplb_placement_max_replicas(const eplb_placement_t *);
eplb_status_t eplb_placement_tables(const eplb_placement_t *, int, int64_t *, int64_t *, int64_t *);
double eplb_balancedness_mean(const eplb_topology_t *, const eplb_placement_t *, const double *, double *);
eplb_status_t eplb_balancedness_bound(const eplb_topology_t *, int, const double *, double *);
eplb_status_t eplb_placement_carry(const eplb_topology_t *, const eplb_placement_t *, const eplb_topology_t *,
                                   const int *, eplb_placement_t **, eplb_losses_t *);
eplb_status_t eplb_placement_drain(const eplb_topology_t *, const eplb_placement_t *, const int *,
                                   eplb_placement_t **);
void eplb_losses_free(eplb_losses_t *);
void placement_end(eplb_placement_t *);

typedef struct eplb_loads {
  int num_windows, num_layers, num_experts;
  int *layer_id;
  int incomplete;
  double *load;
  ...;
} eplb_loads_t;
typedef struct eplb_windows {
  int num_windows, num_layers, num_experts;
  const double *load[...];
  double weight[...];
  ...;
} eplb_windows_t;
void eplb_windows_init(eplb_windows_t *);
typedef struct eplb_history eplb_history_t;
enum { EPLB_HISTORY_MAX, ... };
eplb_status_t eplb_loads_create(int, int, int, eplb_loads_t **);
eplb_status_t eplb_history_create(int, int, int, double, eplb_history_t **);
eplb_status_t eplb_history_add(eplb_history_t *, const double *);
int eplb_history_length(const eplb_history_t *);
eplb_status_t eplb_history_windows(const eplb_history_t *, eplb_windows_t *);
eplb_status_t eplb_history_with(const eplb_history_t *, const double *, eplb_windows_t *);
eplb_status_t eplb_loads_check(int, int, const double *);
eplb_status_t eplb_forecast_make(eplb_forecast_t, const eplb_windows_t *, double *);
void history_end(eplb_history_t *);
void loads_end(eplb_loads_t *);

typedef struct eplb_payback { ...; } eplb_payback_t;
typedef struct eplb_trigger { const eplb_payback_t *payback; ...; } eplb_trigger_t;
typedef struct eplb_placement_change {
  const eplb_topology_t *topology;
  const eplb_placement_t *before, *after;
  const eplb_windows_t *windows;
  int windows_since;
  ...;
} eplb_placement_change_t;
void eplb_placement_change_init(eplb_placement_change_t *);
typedef struct eplb_decision {
  int rebalance;
  double saved_seconds, cost_seconds, balance_before, balance_after;
  char reason[...];
  ...;
} eplb_decision_t;
void eplb_payback_init(eplb_payback_t *);
void eplb_trigger_init(eplb_trigger_t *);
eplb_status_t eplb_trigger_decide(const eplb_trigger_t *, const eplb_placement_change_t *, eplb_decision_t *);

typedef struct eplb_plan_options { const eplb_payback_t *payback; ...; } eplb_plan_options_t;
void eplb_plan_options_init(eplb_plan_options_t *);
eplb_status_t eplb_plan_resolve(const eplb_plan_options_t *, const eplb_topology_t *, eplb_plan_options_t *);
eplb_status_t eplb_plan(const eplb_plan_options_t *, const eplb_topology_t *, const eplb_windows_t *,
                        const eplb_placement_t *, eplb_placement_t **);

typedef struct {
  int32_t layer, expert, from_device, from_slot, to_device, to_slot;
  int16_t link, stage, level;
  ...;
} eplb_transfer_t;
typedef struct { int64_t count; eplb_transfer_t *transfer; ...; } eplb_transfers_t;
typedef struct eplb_deriver eplb_deriver_t;
eplb_status_t eplb_deriver_create(const eplb_topology_t *, int, eplb_deriver_t **);
eplb_status_t eplb_derive_layer(eplb_deriver_t *, const int32_t *, const int32_t *, int, int64_t, eplb_transfers_t *);
void eplb_transfers_free(eplb_transfers_t *);
void deriver_end(eplb_deriver_t *);

typedef struct {
  int num_experts, capacity;
  const int32_t *before;
  int32_t *after, *step;
  ...;
} eplb_staging_steps_t;
eplb_status_t eplb_staging_steps_cut(const eplb_topology_t *, const eplb_staging_steps_t *, int *);
void eplb_staging_steps_apply(int, const int32_t *, const int32_t *, int, int32_t *);

typedef struct eplb_plan_record {
  const eplb_topology_t *topology;
  const eplb_placement_t *placement;
  const int *layer_id;
  eplb_planner_t planner;
  eplb_policy_t policy;
  int num_groups;
  double balancedness;
  const double *layer_balancedness, *layer_bound;
  const int64_t *transfers;
  ...;
} eplb_plan_record_t;
void eplb_plan_record_init(eplb_plan_record_t *);
typedef struct { eplb_placement_t *placement; int *layer_id; int num_devices; ...; } eplb_placement_file_t;
eplb_status_t eplb_loads_read(const char *, eplb_loads_t **);
eplb_status_t eplb_loads_write(const char *, const eplb_loads_t *);
eplb_status_t eplb_placement_write_json(const char *, const eplb_plan_record_t *);
eplb_status_t eplb_placement_read(const char *, eplb_placement_file_t **);
void eplb_placement_file_destroy(eplb_placement_file_t **);
eplb_status_t eplb_links_read_json(const char *, eplb_payback_t *);
"""

# Destructors take the address of a pointer: ffi.gc has the pointer.
SOURCE = """
#include "core/model/forecast.h"
#include "core/model/loads.h"
#include "core/transfer/staging.h"
#include <eplb/eplb.h>

static const char *topology_level_name(const eplb_topology_t *topology, int level) {
  return topology->level_name[level];
}
static void topology_end(eplb_topology_t *topology) { eplb_topology_destroy(&topology); }
static void placement_end(eplb_placement_t *placement) { eplb_placement_destroy(&placement); }
static void history_end(eplb_history_t *history) { eplb_history_destroy(&history); }
static void loads_end(eplb_loads_t *loads) { eplb_loads_destroy(&loads); }
static void deriver_end(eplb_deriver_t *deriver) { eplb_deriver_destroy(&deriver); }
"""

# Header, library, Debian's package, name for pkg-config ("": it has none).
LIBRARIES = [
    ("jansson.h", "jansson", "libjansson-dev", "jansson"),
    ("csv.h", "csv", "libcsv-dev", ""),
    ("yaml.h", "yaml", "libyaml-dev", "yaml-0.1"),
]


def pkg_config(kind, name):
    """Flags of a library; none where pkg-config or its file is missing: the compiler may find the library by itself."""
    tool = os.environ.get("PKG_CONFIG", "pkg-config")
    if not name or not shutil.which(tool):
        return []
    found = subprocess.run([tool, kind, name], capture_output=True, text=True)
    return shlex.split(found.stdout) if found.returncode == 0 else []


def check_library(header, library, package, flags):
    """Ends the build with one sentence where a program with this library cannot be linked."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "try.c")
        with open(source, "w") as file:
            file.write(
                f"#include <stddef.h>\n#include <stdio.h>\n#include <{header}>\nint main(void) {{ return 0; }}\n"
            )
        command = shlex.split(os.environ.get("CC", "cc")) + [source, "-o", os.path.join(folder, "try"), *flags]
        try:
            works = subprocess.run(command, capture_output=True).returncode == 0
        except OSError:
            sys.exit(f"mpi-eplb: there is no C compiler {command[0]}; expected one, or its name in CC")
    if not works:
        sys.exit(
            f"mpi-eplb: cannot compile and link a program with <{header}> and -l{library}; expected the library "
            f"with its header, on Debian the package {package}"
        )


def library_flags():
    compile_flags, link_flags = [], ["-lm"]
    for header, library, package, name in LIBRARIES:
        cflags, libs = pkg_config("--cflags", name), pkg_config("--libs", name) or ["-l" + library]
        check_library(header, library, package, cflags + libs)
        compile_flags += cflags
        link_flags += libs
    return compile_flags, link_flags


ffi = cffi.FFI()
ffi.cdef(DECLARATIONS)
compile_flags, link_flags = library_flags()
ffi.set_source(
    "eplb._eplb",
    SOURCE,
    sources=sorted(glob.glob("core/src/core/**/*.c", recursive=True)),
    include_dirs=["core/include", "core/src"],
    define_macros=[("_GNU_SOURCE", None)],
    # No contraction: plans are the same on machines with and without fused multiply-add.
    extra_compile_args=["-std=c11", "-ffp-contract=off", "-fvisibility=hidden", *compile_flags],
    # The library's own names stay inside: a libeplb in the same process must not get our calls, nor we its.
    extra_link_args=["-Wl,--version-script=export.map", *link_flags],
)
