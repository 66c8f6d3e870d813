/* eplb topo: what each rank runs on and drives. */
#include "core/memory.h"
#include "runtime/agree.h"
#include "tools/commands.h"
#include <argp.h>
#include <eplb/eplb_mpi.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { KEY_TOPOLOGY = 256, KEY_JSON };

static const struct argp_option arguments[] = {
    {"topology", KEY_TOPOLOGY, "FILE", 0, "look at the machine that this hwloc XML file recorded, not at this one", 0},
    {"json", KEY_JSON, NULL, 0, "JSON", 0},
    {0}};

typedef struct topo_options {
  const char *xml;
  int json;
} topo_options_t;

static error_t parse_option(int key, char *text, struct argp_state *state) {
  topo_options_t *o = state->input;
  switch (key) {
  case KEY_TOPOLOGY:
    o->xml = text;
    return 0;
  case KEY_JSON:
    o->json = 1;
    return 0;
  case ARGP_KEY_ARG:
    argp_error(state, "\"%s\" is no option; expected --topology %s?", text, text);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const char *const rule_names[] = {"EPLB_DEVICE", "visible devices", "local rank", "no accelerator"};
static const char *const rule_keys[] = {"eplb_device", "visible_devices", "local_rank", "numa"};

static const char *plural(int count) {
  return count == 1 ? "" : "s";
}

/* A whole document on stdout. */
static eplb_status_t print_json(json_t *document) {
  char *text = document ? json_dumps(document, JSON_INDENT(1)) : NULL;
  json_decref(document);
  if (!text)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for JSON");
  puts(text);
  free(text);
  return EPLB_SUCCESS;
}

static json_t *accelerator_json(const eplb_accelerator_t *a) {
  char vendor[8], model[8];
  snprintf(vendor, sizeof vendor, "%04x", a->vendor);
  snprintf(model, sizeof model, "%04x", a->model);
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "bus_id", a->bus_id, "name", a->name, "vendor", vendor,
                   "model", model, "backends", a->backends, "numa", a->numa, "uuid", a->uuid);
}

/* ---- a recorded machine ---- */

static eplb_status_t print_host_json(const eplb_host_t *h, const char *file) {
  json_t *devices = json_array();
  for (int i = 0; i < h->num_accelerators; i++)
    json_array_append_new(devices, accelerator_json(&h->accelerator[i]));
  return print_json(json_pack("{s:s, s:b, s:s, s:i, s:i, s:i, s:i, s:o}", "file", file, "declared", 1, "host", h->name,
                              "packages", h->num_packages, "numa_nodes", h->num_numa, "cores", h->num_cores, "pus",
                              h->num_pus, "accelerators", devices));
}

static void print_host(const eplb_host_t *h, const char *file) {
  printf("%s, as recorded in %s: %d package%s, %d NUMA node%s, %d cores, %d accelerator%s\n", h->name, file,
         h->num_packages, plural(h->num_packages), h->num_numa, plural(h->num_numa), h->num_cores, h->num_accelerators,
         plural(h->num_accelerators));
  if (h->num_accelerators)
    printf("  number  PCI bus id    NUMA  device\n");
  for (int i = 0; i < h->num_accelerators; i++) {
    const eplb_accelerator_t *a = &h->accelerator[i];
    char numa[12] = "-";
    if (a->numa >= 0)
      snprintf(numa, sizeof numa, "%d", a->numa);
    printf("  %6d  %-12s  %4s  %s%s%s%s\n", i, a->bus_id, numa, a->name, *a->backends ? " (" : "", a->backends,
           *a->backends ? ")" : "");
  }
}

/* Needs no MPI; under a launcher all look and the first speaks. */
static int show_recorded(const topo_options_t *o) {
  eplb_host_t *host = NULL;
  eplb_status_t status = eplb_host_detect(o->xml, &host);
  if (!tool_is_first_rank()) {
    eplb_host_destroy(&host);
    return TOOL_GOOD; /* a launcher that sees a failure may end the first before it has spoken */
  }
  if (!status && o->json)
    status = print_host_json(host, o->xml);
  else if (!status)
    print_host(host, o->xml);
  eplb_host_destroy(&host);
  return status ? tool_report(status) : TOOL_GOOD;
}

/* ---- this job ---- */

static int has_device(const eplb_rank_info_t *r) {
  return r->device_rule != EPLB_DEVICE_IS_NUMA;
}

/* Another rank of its node that drives the same accelerator; -1 if none. */
static int sharing_rank(const eplb_machine_t *m, const eplb_rank_info_t *r) {
  const eplb_topology_t *t = m->topology;
  for (int i = t->node_begin[r->node]; has_device(r) && i < t->node_begin[r->node + 1]; i++) {
    const eplb_rank_info_t *other = &m->rank[t->node_device[i]];
    if (other != r && has_device(other) && !strcmp(other->device.bus_id, r->device.bus_id))
      return other->rank;
  }
  return -1;
}

static int is_bound_elsewhere(const eplb_rank_info_t *r) {
  return has_device(r) && r->numa >= 0 && r->device.numa >= 0 && r->numa != r->device.numa;
}

static eplb_status_t print_machine_json(const eplb_machine_t *m) {
  json_t *ranks = json_array();
  for (int i = 0; i < m->num_ranks; i++) {
    const eplb_rank_info_t *r = &m->rank[i];
    json_t *rank =
        json_pack("{s:i, s:i, s:i, s:s, s:i, s:i, s:i, s:i, s:s, s:i, s:b}", "rank", r->rank, "node", r->node,
                  "local_rank", r->local_rank, "host", r->host, "package", r->package, "numa", r->numa, "pus",
                  r->num_pus, "accelerators_on_host", r->num_accelerators, "device_rule", rule_keys[r->device_rule],
                  "shares_device_with", sharing_rank(m, r), "bound_to_other_numa", is_bound_elsewhere(r));
    json_object_set_new(rank, "device", has_device(r) ? accelerator_json(&r->device) : json_null());
    json_array_append_new(ranks, rank);
  }
  return print_json(json_pack("{s:i, s:i, s:b, s:o}", "num_ranks", m->num_ranks, "num_nodes",
                              eplb_topology_num_nodes(m->topology), "declared", m->topology->declared, "ranks", ranks));
}

static void print_rank(const eplb_machine_t *m, const eplb_rank_info_t *r) {
  char numa[12] = "all";
  if (r->numa >= 0)
    snprintf(numa, sizeof numa, "%d", r->numa);
  printf("  %5d  %5d  %4d  %4s  ", r->rank, r->local_rank, r->num_pus, numa);
  if (has_device(r))
    printf("%s %s, by %s", r->device.bus_id, r->device.name, rule_names[r->device_rule]);
  else
    printf("%s", r->numa >= 0 ? "its NUMA node" : "the host's memory");
  int other = sharing_rank(m, r);
  if (other >= 0)
    printf("  <- also rank %d's", other);
  if (is_bound_elsewhere(r))
    printf("  <- is on NUMA node %d", r->device.numa);
  putchar('\n');
}

/* Whether two nodes' tables would read the same but for ranks and host names. */
static int look_alike(const eplb_machine_t *m, int a, int b) {
  const eplb_topology_t *t = m->topology;
  int size = t->node_begin[a + 1] - t->node_begin[a];
  if (t->node_begin[b + 1] - t->node_begin[b] != size)
    return 0;
  for (int i = 0; i < size; i++) {
    const eplb_rank_info_t *x = &m->rank[t->node_device[t->node_begin[a] + i]],
                           *y = &m->rank[t->node_device[t->node_begin[b] + i]];
    if (x->num_pus != y->num_pus || x->numa != y->numa || x->device_rule != y->device_rule ||
        strcmp(x->device.bus_id, y->device.bus_id) || strcmp(x->device.name, y->device.name))
      return 0;
  }
  return 1;
}

static void print_node(const eplb_machine_t *m, int node) {
  const eplb_topology_t *t = m->topology;
  const int *rank = t->node_device + t->node_begin[node];
  int size = t->node_begin[node + 1] - t->node_begin[node], accelerators = m->rank[*rank].num_accelerators;
  printf("\nnode %d: %s, %d rank%s, ", node, m->rank[*rank].host, size, plural(size));
  if (accelerators)
    printf("%d accelerator%s", accelerators, plural(accelerators));
  else
    printf("no GPU: experts stay with the CPUs");
  if (node > 0 && look_alike(m, node - 1, node)) {
    printf("; ranks %d%s, otherwise as node %d\n", rank[0], size > 1 ? ", ..." : "", node - 1);
    return;
  }
  printf("\n   rank  local  CPUs  NUMA  device\n");
  for (int i = 0; i < size; i++)
    print_rank(m, &m->rank[rank[i]]);
}

static void print_machine(const eplb_machine_t *m) {
  int nodes = eplb_topology_num_nodes(m->topology);
  printf("%d rank%s on %d node%s\n", m->num_ranks, plural(m->num_ranks), nodes, plural(nodes));
  for (int n = 0; n < nodes; n++)
    print_node(m, n);
}

static int show_job(const topo_options_t *o, int *argc, char ***argv) {
  int exit_status = tool_mpi_start(argc, argv);
  if (exit_status)
    return exit_status;
  eplb_machine_t *m = NULL;
  eplb_status_t status = eplb_machine_detect(MPI_COMM_WORLD, 1, &m);
  if (!status && m->rank && o->json)
    status = print_machine_json(m);
  else if (!status && m->rank)
    print_machine(m);
  status = eplb_agree(MPI_COMM_WORLD, status);
  if (status && tool_is_first_rank())
    tool_report(status);
  eplb_machine_destroy(&m);
  MPI_Finalize();
  return tool_exit_status(status);
}

int command_topo(int argc, char **argv) {
  static const struct argp argp = {arguments,
                                   parse_option,
                                   NULL,
                                   "Show which host, CPUs, NUMA node and GPU each rank of a job has.\vExamples:\n  "
                                   "mpirun -n 8 eplb topo\n  eplb topo --topology machine.xml",
                                   NULL,
                                   NULL,
                                   NULL};
  topo_options_t options = {NULL, 0};
  tool_parse(&argp, argc, argv, &options);
  return options.xml ? show_recorded(&options) : show_job(&options, &argc, &argv);
}
