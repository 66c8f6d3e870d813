#include "core/memory.h"
#include "runtime/agree.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* The same in all containers of a machine, and another one on each machine and after each boot; 0 where the system has none. */
static uint64_t machine_identity(void) {
  char boot_id[64] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
  if (file) {
    if (!fgets(boot_id, sizeof boot_id, file))
      boot_id[0] = 0;
    fclose(file);
  }
  return boot_id[0] ? XXH3_64bits(boot_id, strlen(boot_id)) : 0;
}

/* Which ranks can share memory: the lowest rank of this rank's group, and its number in it. Collective. */
static void find_neighbours(MPI_Comm comm, int rank, int *leader, int *local_rank) {
  MPI_Comm shared;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &shared);
  MPI_Comm_rank(shared, local_rank);
  *leader = rank;
  MPI_Bcast(leader, 1, MPI_INT, 0, shared);
  MPI_Comm_free(&shared);
}

static eplb_status_t look_around(int rank, int local_rank, eplb_rank_info_t *info) {
  eplb_host_t *host;
  info->rank = rank;
  info->local_rank = local_rank;
  info->machine = machine_identity();
  eplb_status_t status = eplb_host_detect(NULL, &host);
  if (status)
    return status;
  snprintf(info->host, sizeof info->host, "%s", host->name);
  info->package = host->bound_package;
  info->numa = host->bound_numa;
  info->num_pus = host->bound_pus;
  status = eplb_rank_device(host, local_rank, info);
  eplb_host_destroy(&host);
  return status;
}

/* What tells nodes apart: the machine, and among those of a machine who can share memory. */
typedef struct node_key {
  uint64_t machine;
  int leader, rank;
} node_key_t;

static int by_node_then_rank(const void *a, const void *b) {
  const node_key_t *x = a, *y = b;
  if (x->machine != y->machine)
    return x->machine < y->machine ? -1 : 1;
  return x->leader != y->leader ? (x->leader < y->leader ? -1 : 1) : (x->rank > y->rank) - (x->rank < y->rank);
}

/* The node of each rank, by any number: node[num_ranks]. On every rank from everyone's machine and leader. */
static void number_nodes(node_key_t *key, int num_ranks, int *node) {
  qsort(key, (size_t)num_ranks, sizeof *key, by_node_then_rank);
  for (int i = 0; i < num_ranks; i++) {
    int same = i > 0 && key[i].machine == key[i - 1].machine && key[i].leader == key[i - 1].leader;
    node[key[i].rank] = same ? node[key[i - 1].rank] : key[i].rank;
  }
}

/* Everything that needs memory, before ranks agree to exchange anything. */
typedef struct survey {
  node_key_t *key; /* [num_ranks] */
  int *node, *slots;
  eplb_machine_t *machine;
} survey_t;

static eplb_status_t prepare(survey_t *s, int rank, int num_ranks, int slots_per_device) {
  *s = (survey_t){.key = EPLB_NEW(node_key_t, num_ranks),
                  .node = EPLB_NEW(int, num_ranks),
                  .slots = EPLB_NEW(int, num_ranks),
                  .machine = EPLB_NEW(eplb_machine_t, 1)};
  if (!s->key || !s->node || !s->slots || !s->machine)
    return EPLB_ERR_MEMORY;
  s->machine->num_ranks = num_ranks;
  if (rank == 0 && !(s->machine->rank = EPLB_NEW(eplb_rank_info_t, num_ranks)))
    return EPLB_ERR_MEMORY;
  for (int r = 0; r < num_ranks; r++)
    s->slots[r] = slots_per_device;
  return EPLB_SUCCESS;
}

static void release(survey_t *s) {
  free(s->key);
  free(s->node);
  free(s->slots);
  eplb_machine_destroy(&s->machine);
}

/* Who is where to every rank, and the rest to rank 0. */
static void exchange(MPI_Comm comm, survey_t *s, const eplb_rank_info_t *info, int leader) {
  node_key_t mine = {info->machine, leader, info->rank};
  MPI_Allgather(&mine, (int)sizeof mine, MPI_BYTE, s->key, (int)sizeof mine, MPI_BYTE, comm);
  MPI_Gather(info, (int)sizeof *info, MPI_BYTE, s->machine->rank, (int)sizeof *info, MPI_BYTE, 0, comm);
}

static eplb_status_t build_topology(survey_t *s, int num_ranks) {
  number_nodes(s->key, num_ranks, s->node);
  eplb_machine_t *m = s->machine;
  eplb_status_t status =
      eplb_topology_create(num_ranks, 1, (const char *const[]){"node"}, 0, s->node, s->slots, NULL, 0, &m->topology);
  for (int r = 0; r < num_ranks && !status && m->rank; r++)
    m->rank[r].node = eplb_topology_node(m->topology, r);
  return status;
}

eplb_status_t eplb_machine_detect(MPI_Comm comm, int slots_per_device, eplb_machine_t **machine) {
  int rank, num_ranks, leader, local_rank;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &num_ranks);
  find_neighbours(comm, rank, &leader, &local_rank);

  survey_t survey;
  eplb_rank_info_t info;
  memset(&info, 0, sizeof info); /* its padding travels, too */
  eplb_status_t status = prepare(&survey, rank, num_ranks, slots_per_device);
  if (!status)
    status = look_around(rank, local_rank, &info);
  status = eplb_agree(comm, status);
  if (!status) {
    exchange(comm, &survey, &info, leader);
    status = eplb_agree(comm, build_topology(&survey, num_ranks));
  }
  if (!status) {
    *machine = survey.machine;
    survey.machine = NULL;
  }
  release(&survey);
  return status;
}

void eplb_machine_destroy(eplb_machine_t **machine) {
  if (!machine || !*machine)
    return;
  eplb_topology_destroy(&(*machine)->topology);
  free((*machine)->rank);
  free(*machine);
  *machine = NULL;
}
