"""What eplb.mpi._session is made of: the declarations that Python sees, and what it is linked with."""

import os
import shlex
import subprocess
import sys

import cffi

DECLARATIONS = """
typedef int... eplb_status_t;
typedef int... eplb_planner_t;
typedef int... eplb_policy_t;
const char *eplb_last_error(void);
const char *eplb_version(void);

typedef struct eplb_option { const char *name; ...; } eplb_option_t;
const eplb_option_t *eplb_session_option_describe(int number);
eplb_status_t eplb_option_set(const eplb_option_t *option, void *structure, const char *label, const char *text);
const char *eplb_plan_name(const char *option, int value);

typedef struct eplb_topology eplb_topology_t;
typedef struct eplb_plan_options eplb_plan_options_t;
typedef struct eplb_trigger eplb_trigger_t;
typedef struct eplb_placement {
  int num_layers, num_experts, num_slots;
  int32_t *physical_to_logical;
  ...;
} eplb_placement_t;
typedef struct eplb_session eplb_session_t;
typedef struct eplb_session_options {
  int num_layers, num_experts, slots_per_rank;
  const eplb_plan_options_t *plan;
  const eplb_trigger_t *trigger;
  const eplb_topology_t *topology;
  const eplb_placement_t *initial;
  void *fault_arg, *log_arg;
  ...;
} eplb_session_options_t;
typedef struct eplb_decision { int rebalance; char reason[...]; ...; } eplb_decision_t;
typedef struct eplb_report {
  int layers_planned, layers_committed;
  int64_t transfers[...], bytes[...];
  int64_t slots_changed;
  eplb_decision_t decision;
  eplb_planner_t planner;
  eplb_policy_t policy;
  double balancedness_before, balancedness_after;
  double seconds_reduce, seconds_plan, seconds_broadcast, seconds_derive, seconds_migrate, seconds_verify, seconds_open;
  int verified;
  ...;
} eplb_report_t;
enum { EPLB_LAYER_NONE, EPLB_LAYER_DONE };

void eplb_report_init(eplb_report_t *);
void eplb_session_options_init(eplb_session_options_t *);
eplb_status_t eplb_session_destroy(eplb_session_t **);
eplb_status_t eplb_session_register(eplb_session_t *, int, const char *, void *, size_t, size_t);
eplb_status_t eplb_session_unregister(eplb_session_t *, int, const char *);
eplb_status_t eplb_session_record(eplb_session_t *, int, const int64_t *);
eplb_status_t eplb_session_discard_window(eplb_session_t *);
const eplb_placement_t *eplb_session_placement(const eplb_session_t *);
eplb_status_t eplb_rebalance_begin(eplb_session_t *);
eplb_status_t eplb_rebalance_wait(eplb_session_t *, int *);
eplb_status_t eplb_rebalance_test(eplb_session_t *, int *);
eplb_status_t eplb_rebalance_commit(eplb_session_t *, int);
eplb_status_t eplb_rebalance_finish_layer(eplb_session_t *, int);
eplb_status_t eplb_rebalance_changed(eplb_session_t *, int);
int eplb_rebalance_is_moving(const eplb_session_t *, int);
eplb_status_t eplb_rebalance_end(eplb_session_t *, eplb_report_t *);

typedef struct { int step; eplb_status_t status; char sentence[512]; ...; } session_failure_t;
enum { EPLB_STEP_CREATE, EPLB_STEP_REDUCE };
eplb_status_t session_create(uintptr_t, eplb_session_options_t *, session_failure_t *, void *, eplb_session_t **);
size_t session_comm_size(void);
const char *session_mpi(void);
extern "Python" void session_log(void *, const char *);
"""

# What Python finds wrong on one rank reaches every rank by the library's own way for that, its fault callback: so all
# ranks make the same calls, and nothing but the library sends messages.
SOURCE = """
#include <eplb/eplb_mpi.h>

typedef struct { int step; eplb_status_t status; char sentence[EPLB_ERROR_MAX]; } session_failure_t;

static void session_log(void *, const char *);

static eplb_status_t session_fault(void *arg, eplb_step_t step, void *bytes, size_t size) {
  session_failure_t *failure = arg;
  (void)bytes;
  (void)size;
  return failure->status && step == (eplb_step_t)failure->step ? eplb_fail(failure->status, "%s", failure->sentence)
                                                               : EPLB_SUCCESS;
}

static eplb_status_t session_create(uintptr_t comm, eplb_session_options_t *options, session_failure_t *failure,
                                    void *log_arg, eplb_session_t **session) {
  options->fault = session_fault;
  options->fault_arg = failure;
  options->log = log_arg ? session_log : NULL;
  options->log_arg = log_arg;
  return eplb_session_create(*(MPI_Comm *)comm, options, session);
}

static size_t session_comm_size(void) { return sizeof(MPI_Comm); }

static const char *session_mpi(void) {
#if defined(OPEN_MPI)
  return "Open MPI";
#elif defined(MPICH_VERSION) || defined(MPICH)
  return "MPICH";
#else
  return "another MPI";
#endif
}
"""


def run(*command):
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        sys.exit(f"mpi-eplb-mpi: there is no command {command[0]}; expected it on the path")
    return found.stdout if found.returncode == 0 else None


def pkg_config(*what):
    found = run(os.environ.get("PKG_CONFIG", "pkg-config"), *what, "eplb-mpi")
    if found is None:
        sys.exit(
            "mpi-eplb-mpi: pkg-config does not find eplb-mpi; expected an installed libeplb-mpi, and its folder "
            "lib/pkgconfig in PKG_CONFIG_PATH"
        )
    return shlex.split(found)


def mpi_flags():
    compiler = os.environ.get("MPICC", "mpicc")
    shown = run(compiler, "-show")
    if not shown:
        sys.exit(
            f"mpi-eplb-mpi: {compiler} -show prints nothing; expected an MPI compiler wrapper, or its name in MPICC"
        )
    words = shlex.split(shown)
    return (
        [w for w in words if w.startswith(("-I", "-D")) or w == "-pthread"],
        [w for w in words if w.startswith(("-L", "-l", "-Wl,"))],
    )


mpi_compile, mpi_link = mpi_flags()
ffi = cffi.FFI()
ffi.cdef(DECLARATIONS)
ffi.set_source(
    "eplb.mpi._session",
    SOURCE,
    extra_compile_args=["-std=c11", *pkg_config("--cflags"), *mpi_compile],
    extra_link_args=[*pkg_config("--libs"), f"-Wl,-rpath,{pkg_config('--variable=libdir')[0]}", *mpi_link],
)
