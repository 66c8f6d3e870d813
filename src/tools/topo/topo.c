/* eplb topo: the CPUs and the GPU of each rank, and the machine. */
#include "tools/topo/topo.h"
#include "core/formats/topology_spec.h"
#include "core/util/alloc.h"
#include "core/util/output.h"
#include "mpi/comm/agree.h"
#include "tools/common/commands.h"
#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { KEY_TOPOLOGY = 256, KEY_RACKS, KEY_NODE_LEVEL, KEY_MEASURE, KEY_SAVE, KEY_JSON };

static const struct argp_option arguments[] = {
    {"topology", KEY_TOPOLOGY, "FILE|SPEC", 0,
     "show a declared machine: an hwloc XML file, an hwloc synthetic string, a topology in JSON, or a text such as "
     "\"nodes=4 gpus=8 slots=9\"",
     0},
    {"racks", KEY_RACKS, "FILE", 0,
     "file that lists the rack of each host, with lines such as \"node17 rack3\", or EPLB_RACKS=FILE", 0},
    {"node-level", KEY_NODE_LEVEL, "NAME", 0,
     "level that planners take as the node, or EPLB_NODE_LEVEL=NAME (nvlink if the driver reports NVLink between "
     "hosts, else node)",
     0},
    {"measure", KEY_MEASURE, NULL, 0, "also measure links, for a few pairs of ranks of each level", 0},
    {"save", KEY_SAVE, "FILE", 0,
     "write the topology as JSON to FILE, for --topology and --bandwidth of other commands", 0},
    {"json", KEY_JSON, NULL, 0, "print JSON", 0},
    {0}};

typedef struct topo_options {
  const char *declared, *save;
  int measure, json, has_racks;
} topo_options_t;

static error_t parse_topo_option(int key, char *text, struct argp_state *state) {
  topo_options_t *o = state->input;
  switch (key) {
  case KEY_TOPOLOGY:
    o->declared = text;
    return 0;
  case KEY_RACKS:
    setenv("EPLB_RACKS", text, 1);
    o->has_racks = 1;
    return 0;
  case KEY_NODE_LEVEL:
    setenv("EPLB_NODE_LEVEL", text, 1);
    return 0;
  case KEY_MEASURE:
    o->measure = 1;
    return 0;
  case KEY_SAVE:
    o->save = text;
    return 0;
  case KEY_JSON:
    o->json = 1;
    return 0;
  case ARGP_KEY_ARG:
    tool_usage_error(state, "\"%s\" is not an option; expected --topology %s?", text, text);
    return 0;
  case ARGP_KEY_END:
    if (o->declared && o->measure)
      tool_usage_error(state, "--measure needs running ranks; expected it without --topology");
    if (o->declared && o->has_racks)
      tool_usage_error(state, "--racks names the racks of running hosts; expected it without --topology");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static eplb_status_t write_document(const char *path, const json_t *document) {
  eplb_output_t output;
  eplb_status_t status = eplb_output_open(path, &output);
  if (status)
    return status;
  if (json_dumpf(document, output.file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) || fputc('\n', output.file) == EOF)
    status = eplb_fail(EPLB_ERR_IO, "cannot write %s", path);
  return eplb_output_close(&output, status);
}

static eplb_status_t show(const topo_options_t *o, const topo_view_t *view) {
  json_t *document = o->json || o->save ? topo_json(view) : NULL;
  eplb_status_t status = EPLB_SUCCESS;
  if ((o->json || o->save) && !document)
    status = eplb_fail(EPLB_ERR_MEMORY, "out of memory for JSON");
  if (!status && o->save)
    status = write_document(o->save, document);
  if (!status && o->json)
    status = write_document("-", document);
  else if (!status)
    topo_print(view);
  json_decref(document);
  return status;
}

/* ---- a declared machine ---- */

/* Whether a file's first sign is that of JSON. */
static int is_json(const char *path) {
  FILE *file = fopen(path, "r");
  int c = EOF;
  if (file) {
    while ((c = getc(file)) == ' ' || c == '\n' || c == '\t' || c == '\r')
      ;
    fclose(file);
  }
  return c == '{';
}

static eplb_status_t show_topology(const topo_options_t *o) {
  eplb_topology_t *topology = NULL;
  const char *level = getenv("EPLB_NODE_LEVEL");
  eplb_status_t status = eplb_topology_read(o->declared, 1, &topology);
  if (!status && level)
    status = eplb_topology_set_node_level(topology, level);
  if (!status && tool_is_first_rank())
    status = show(o, &(topo_view_t){.declared_by = o->declared, .topology = topology});
  eplb_topology_destroy(&topology);
  return status;
}

static eplb_status_t show_host(const topo_options_t *o) {
  eplb_host_t *host = NULL;
  eplb_status_t status = eplb_host_detect(o->declared, &host);
  if (!status && tool_is_first_rank())
    status = show(o, &(topo_view_t){.declared_by = o->declared, .host = &host, .num_hosts = 1});
  eplb_host_destroy(&host);
  return status;
}

/* Needs no MPI; under a launcher all look and the first speaks: a launcher that sees a failure may end the first
 * before it has. */
static int show_declared(const topo_options_t *o) {
  int is_topology = eplb_is_topology_spec(o->declared) || is_json(o->declared);
  eplb_status_t status = is_topology ? show_topology(o) : show_host(o);
  return status && tool_is_first_rank() ? tool_report(status) : TOOL_GOOD;
}

/* ---- this job ---- */

/* On rank 0. Shown by host, whatever planners take for the node. */
static eplb_status_t show_machine(const topo_options_t *o, const eplb_machine_t *m, const topo_links_t *links) {
  eplb_machine_t by_host = *m;
  eplb_status_t status = eplb_topology_copy(m->topology, &by_host.topology);
  if (!status)
    status = eplb_topology_set_node_level(by_host.topology, m->topology->level_name[m->host_level]);
  const topo_view_t view = {.machine = &by_host,
                            .topology = by_host.topology,
                            .planned = m->topology,
                            .host = m->host,
                            .num_hosts = m->topology->num_domains[m->host_level],
                            .links = links};
  if (!status)
    status = show(o, &view);
  if (by_host.topology != m->topology)
    eplb_topology_destroy(&by_host.topology);
  return status;
}

static int show_job(const topo_options_t *o, int *argc, char ***argv) {
  int exit_status = tool_mpi_start(argc, argv);
  if (exit_status)
    return exit_status;
  eplb_machine_t *m = NULL;
  topo_links_t links;
  eplb_status_t status = eplb_machine_detect(MPI_COMM_WORLD, 1, &m);
  if (!status && o->measure)
    status = topo_measure(MPI_COMM_WORLD, m->topology, &links);
  if (!status)
    status = eplb_agree_world(m->rank ? show_machine(o, m, o->measure ? &links : NULL) : EPLB_SUCCESS);
  if (status && tool_is_first_rank())
    tool_report(status);
  eplb_machine_destroy(&m);
  MPI_Finalize();
  return tool_exit_status(status);
}

int command_topo(int argc, char **argv) {
  static const struct argp argp = {
      arguments,
      parse_topo_option,
      NULL,
      "Show the host, CPUs, NUMA node and GPU of each rank of a job, and the racks and other domains around its "
      "node.\vA partition of a GPU (MI300 in TPX or CPX mode, a tile of Intel's Max GPUs, a MIG device) is a device of "
      "its "
      "own: 0000:3b:00.0/2, or its UUID. Lists of visible devices (CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES, "
      "HIP_VISIBLE_DEVICES, ZE_AFFINITY_MASK and others) have the meaning that the vendor's runtime gives them; "
      "several devices are distributed by local rank. GPUs that a cgroup or a container hides do not count. "
      "EPLB_DEVICE=3, =0000:3b:00.0/2 "
      "or "
      "=UUID of a rank overrides all.\n\nExamples:\n  mpirun -n 8 eplb topo\n  mpirun -n 8 eplb topo --measure --save "
      "machine.json\n  eplb topo --topology machine.xml",
      NULL,
      NULL,
      NULL};
  topo_options_t options = {0};
  tool_parse(&argp, argc, argv, &options);
  return options.declared ? show_declared(&options) : show_job(&options, &argc, &argv);
}
