/* Detects the machine: each node inspects itself once, rank 0 builds the topology from all reports and broadcasts
 * it. */
#include "mpi/machine/machine.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/detect/enclosing_domains.h"
#include "mpi/detect/rank.h"
#include "mpi/machine/gather.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Local; uses what the node's leader has sent. */
static eplb_status_t inspect_self(const eplb_comm_t *comm, const eplb_node_t *node, eplb_rank_info_t *info) {
  memset(info, 0, sizeof *info);
  info->rank = comm->rank;
  info->local_rank = node->rank;
  info->machine = node->id.machine;
  info->shared_memory = node->id.shared;
  if (!node->host)
    return EPLB_SUCCESS; /* the leader says why */
  snprintf(info->host, sizeof info->host, "%s", node->host->name);
  eplb_status_t status = eplb_rank_binding(node->host, info);
  if (!status)
    status = eplb_rank_domain(info);
  return status ? status : eplb_node_find_device(node, info);
}

/* A node may have had several leaders: containers that share memory. The first describes it. */
static eplb_status_t take_hosts(eplb_machine_t *m, eplb_gathered_t *g) {
  m->host = EPLB_NEW(eplb_host_t *, m->topology->num_domains[m->host_level]);
  if (!m->host)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < g->num_hosts; i++) {
    int node = g->rank[g->leader[i]].node;
    if (m->host[node])
      continue;
    m->host[node] = g->host[i];
    g->host[i] = NULL;
  }
  m->rank = g->rank;
  g->rank = NULL;
  m->gathered_bytes = g->bytes;
  return EPLB_SUCCESS;
}

/* On rank 0. */
static eplb_status_t topology_of_reports(eplb_machine_t *m, eplb_gathered_t *g, int slots_per_device) {
  const eplb_domain_options_t options = {.racks = getenv("EPLB_RACKS"), .node_level = getenv("EPLB_NODE_LEVEL")};
  eplb_status_t status =
      eplb_build_topology(g->rank, m->num_ranks, slots_per_device, &options, &m->topology, &m->host_level);
  return status ? status : take_hosts(m, g);
}

/* What a topology is made of, besides its domains. */
typedef struct shape {
  int num_levels, node_level, host_level, domain_rule;
  char level_name[EPLB_MAX_LEVELS][EPLB_LEVEL_NAME_MAX];
} shape_t;

static eplb_status_t rebuild(const shape_t *s, const int *domain, int *slots, int slots_per_device, eplb_machine_t *m) {
  const char *names[EPLB_MAX_LEVELS];
  for (int l = 0; l < s->num_levels; l++)
    names[l] = s->level_name[l];
  for (int r = 0; r < m->num_ranks; r++)
    slots[r] = slots_per_device;
  return eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                             .num_devices = m->num_ranks,
                                                             .num_levels = s->num_levels,
                                                             .level_name = names,
                                                             .node_level = s->node_level,
                                                             .domain = domain,
                                                             .slots = slots},
                              &m->topology);
}

/* Rank 0's topology to every rank. */
static eplb_status_t spread(eplb_comm_t *comm, int slots_per_device, eplb_machine_t *m) {
  shape_t shape = {0};
  const eplb_topology_t *t = m->topology;
  if (t) {
    shape = (shape_t){.num_levels = t->num_levels,
                      .node_level = t->node_level,
                      .host_level = m->host_level,
                      .domain_rule = m->rank[0].domain_rule};
    memcpy(shape.level_name, t->level_name, sizeof shape.level_name);
  }
  if (!eplb_comm_ok(comm, MPI_Bcast(&shape, (int)sizeof shape, MPI_BYTE, 0, comm->mpi),
                    "broadcasting the topology's shape"))
    shape.num_levels = 0;
  size_t values = (size_t)shape.num_levels * (size_t)m->num_ranks;
  int *domain = EPLB_NEW(int, values), *slots = EPLB_NEW(int, m->num_ranks);
  eplb_status_t status = eplb_agree(comm, domain && slots ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (!status) {
    if (t)
      memcpy(domain, t->domain, values * sizeof *domain);
    for (int l = 0; l < shape.num_levels; l++)
      eplb_comm_ok(comm, MPI_Bcast(domain + (size_t)l * (size_t)m->num_ranks, m->num_ranks, MPI_INT, 0, comm->mpi),
                   "broadcasting the topology");
    status = eplb_comm_status(comm);
    status = eplb_agree(comm, status || t ? status : rebuild(&shape, domain, slots, slots_per_device, m));
  }
  if (!status) {
    m->host_level = shape.host_level;
    m->own.node = m->topology->domain[(size_t)shape.host_level * (size_t)m->num_ranks + (size_t)m->own.rank];
    m->own.domain_rule = shape.domain_rule;
  }
  free(slots);
  free(domain);
  return status;
}

static eplb_status_t check_machine_arguments(eplb_comm_t *comm, int slots_per_device, eplb_machine_t **machine) {
  eplb_status_t status = EPLB_SUCCESS;
  if (!machine)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "machine is NULL");
  else if (slots_per_device < 1)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "slots_per_device is %d; expected at least 1", slots_per_device);
  return eplb_agree_on(comm, status, &(eplb_compared_t){"slots_per_device", slots_per_device, 0}, 1);
}

/* What rank 0 has of all ranks, and this one's own. */
static eplb_status_t gather_ranks(eplb_comm_t *comm, const eplb_machine_t *m, eplb_rank_info_t *info,
                                  eplb_gathered_t *all) {
  eplb_node_t node;
  eplb_status_t status = eplb_node_split(comm, &node);
  if (!status) {
    eplb_status_t mine = eplb_node_inspect(&node);
    status = inspect_self(comm, &node, info);
    status = mine ? mine : m ? status : EPLB_ERR_MEMORY;
    status = eplb_gather(comm, &node, info, status, all);
  }
  eplb_node_release(&node);
  return status;
}

eplb_status_t eplb_machine_detect_on(eplb_comm_t *comm, int slots_per_device, eplb_machine_t **machine) {
  eplb_status_t checked = check_machine_arguments(comm, slots_per_device, machine);
  if (checked)
    return checked;
  eplb_gathered_t gathered = {0};
  eplb_rank_info_t info;
  eplb_machine_t *m = EPLB_NEW(eplb_machine_t, 1);
  eplb_status_t status = gather_ranks(comm, m, &info, &gathered);
  if (!status) {
    m->num_ranks = comm->size;
    m->own = info;
    status = eplb_agree(comm, info.rank == 0 ? topology_of_reports(m, &gathered, slots_per_device) : EPLB_SUCCESS);
  }
  if (!status)
    status = spread(comm, slots_per_device, m);
  eplb_gathered_release(&gathered);
  if (status) {
    eplb_machine_destroy(&m);
    return status;
  }
  *machine = m;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_machine_detect(MPI_Comm comm, int slots_per_device, eplb_machine_t **machine) {
  eplb_comm_t given;
  eplb_status_t status = eplb_comm_take(&given, comm);
  if (status)
    return status;
  status = eplb_machine_detect_on(&given, slots_per_device, machine);
  if (!status && (status = eplb_comm_status(&given))) /* of the last message: no other rank knows */
    eplb_machine_destroy(machine);
  return status;
}

void eplb_machine_destroy(eplb_machine_t **machine) {
  if (!machine || !*machine)
    return;
  eplb_machine_t *m = *machine;
  for (int n = 0; m->host && m->topology && n < m->topology->num_domains[m->host_level]; n++)
    eplb_host_destroy(&m->host[n]);
  eplb_topology_destroy(&m->topology);
  free(m->host);
  free(m->rank);
  free(m);
  *machine = NULL;
}
