/* What ranks see of the machine: the same on all, and the same failure on all. */
#include "failing_memory.h"
#include "mpi_tap.h"
#include <eplb/eplb_mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks;
static int alone; /* MPI says that no ranks share memory, as MPICH 5.0.0 does and Open MPI with PMIx 4.2.3 */

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part) {
  return alone && type == MPI_COMM_TYPE_SHARED ? PMPI_Comm_dup(MPI_COMM_SELF, part)
                                               : PMPI_Comm_split_type(comm, type, key, info, part);
}

/* A number that differs where topologies do. */
static long long hash(const eplb_topology_t *t) {
  long long sum = t->num_devices * 31 + t->num_levels * 7 + t->node_level;
  for (int i = 0; i < t->num_levels * t->num_devices; i++)
    sum = sum * 31 % 1000003 + t->domain[i];
  return sum;
}

static void check_machine(const eplb_machine_t *m, int own_rank, int size) {
  CHECK(m->num_ranks == size && m->topology->num_devices == size && !m->topology->declared);
  CHECK(eplb_topology_num_slots(m->topology) == 3 * size);
  CHECK((m->rank != NULL) == (own_rank == 0) && (m->host != NULL) == (own_rank == 0));
  CHECK(m->own.rank == own_rank && m->own.node == eplb_topology_node(m->topology, own_rank));
  for (int r = 0; m->rank && r < size; r++) {
    CHECK(m->rank[r].rank == r && m->rank[r].node == eplb_topology_node(m->topology, r));
    CHECK(m->rank[r].host[0] && m->rank[r].num_pus >= 1);
    CHECK((m->rank[r].device_index >= 0) == (m->rank[r].device_rule != EPLB_DEVICE_IS_NUMA));
  }
  CHECK(own_rank > 0 || m->gathered_bytes >= (size_t)size * sizeof(eplb_rank_info_t) / 4);
}

static void all_see_the_same(void) {
  eplb_machine_t *m = NULL;
  CHECK(eplb_machine_detect(MPI_COMM_WORLD, 3, &m) == EPLB_SUCCESS);
  check_machine(m, rank, num_ranks);
  CHECK(mpi_tap_same(hash(m->topology)));
  CHECK(m->own.local_rank == rank); /* one machine */
  eplb_machine_destroy(&m);
  CHECK(m == NULL);
  mpi_tap_case("all ranks see the same");
}

static void where_mpi_leaves_each_rank_alone(void) {
  eplb_machine_t *m = NULL;
  alone = 1;
  CHECK(eplb_machine_detect(MPI_COMM_WORLD, 3, &m) == EPLB_SUCCESS);
  alone = 0;
  CHECK(m && m->own.local_rank == rank && eplb_topology_num_nodes(m->topology) == 1);
  eplb_machine_destroy(&m);
  mpi_tap_case("ranks of one machine where MPI leaves each alone");
}

/* hwloc shows a recorded machine to this rank. */
static void look_at(const char *file) {
  const char *source = getenv("srcdir");
  char path[4096];
  snprintf(path, sizeof path, "%.3000s/tests/data/machines/%s", source ? source : ".", file);
  setenv("HWLOC_XMLFILE", path, 1);
  setenv("HWLOC_THISSYSTEM", "1", 1);
}

static void look_at_this_machine(void) {
  unsetenv("HWLOC_XMLFILE");
  unsetenv("HWLOC_THISSYSTEM");
  unsetenv("CUDA_VISIBLE_DEVICES");
}

/* A cgroup leaves even ranks two of the eight accelerators, which both kinds count from 0. */
static void ranks_that_see_other_accelerators(void) {
  static const char *const even[] = {"0000:50:00.0", "0000:70:00.0"};
  static const char *const odd[] = {"0000:10:00.0", "0000:20:00.0", "0000:30:00.0", "0000:40:00.0"};
  eplb_machine_t *m = NULL;
  look_at(rank % 2 ? "hgx-all.xml" : "hgx-cgroup-4-6.xml");
  CHECK(eplb_machine_detect(MPI_COMM_WORLD, 3, &m) == EPLB_SUCCESS);
  CHECK(m && !strcmp(m->own.device.bus_id, rank % 2 ? odd[rank / 2 % 4] : even[rank / 2 % 2]));
  for (int r = 0; m && m->rank && r < num_ranks; r++) {
    const char *bus = r % 2 ? odd[r / 2 % 4] : even[r / 2 % 2];
    CHECK(!strcmp(m->rank[r].device.bus_id, bus));
    CHECK(!strcmp(m->host[0]->accelerator[m->rank[r].device_index].bus_id, bus));
  }
  CHECK(!m || !m->host || m->host[0]->num_accelerators == (num_ranks > 1 ? 8 : 2));
  eplb_machine_destroy(&m);
  look_at_this_machine();
  mpi_tap_case("ranks that see other accelerators");
}

/* Lists of their own leave each two of eight; those that have the same list share it out. */
static void ranks_with_lists_of_their_own(void) {
  static const char *const expected[] = {"0000:80:00.0", "0000:10:00.0", "0000:70:00.0", "0000:20:00.0"};
  eplb_machine_t *m = NULL;
  look_at("hgx-all.xml");
  setenv("CUDA_VISIBLE_DEVICES", rank % 2 ? "0,1" : "7,6", 1);
  CHECK(eplb_machine_detect(MPI_COMM_WORLD, 3, &m) == EPLB_SUCCESS);
  CHECK(m && (rank > 3 || !strcmp(m->own.device.bus_id, expected[rank])));
  eplb_machine_destroy(&m);
  look_at_this_machine();
  mpi_tap_case("ranks with lists of their own");
}

static void any_communicator(void) {
  MPI_Comm part;
  int part_rank, part_size;
  eplb_machine_t *m = NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &part); /* every other rank, backwards */
  MPI_Comm_rank(part, &part_rank);
  MPI_Comm_size(part, &part_size);
  CHECK(eplb_machine_detect(part, 3, &m) == EPLB_SUCCESS);
  check_machine(m, part_rank, part_size);
  eplb_machine_destroy(&m);
  MPI_Comm_free(&part);
  mpi_tap_case("a part of the ranks, backwards");
}

/* The bus of this rank's device when every other rank detects by itself. */
static void check_part_uses(MPI_Comm part, int expected) {
  char bus[32];
  eplb_machine_t *m = NULL;
  snprintf(bus, sizeof bus, "0000:%d0:00.0", expected + 1);
  CHECK(eplb_machine_detect(part, 3, &m) == EPLB_SUCCESS);
  CHECK(m && !strcmp(m->own.device.bus_id, bus));
  eplb_machine_destroy(&m);
}

/* Two groups of a job use different accelerators, each by the launcher's number; with lists, or where these numbers
 * would put ranks together, each group starts from the first. */
static void parts_share_the_node(void) {
  MPI_Comm part;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &part);
  look_at("hgx-all.xml");
  check_part_uses(part, rank);
  setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3", 1);
  check_part_uses(part, rank / 2);
  unsetenv("CUDA_VISIBLE_DEVICES");
  char number[16], before[16];
  const char *variable = getenv("OMPI_COMM_WORLD_LOCAL_RANK") ? "OMPI_COMM_WORLD_LOCAL_RANK" : "MPI_LOCALRANKID";
  snprintf(before, sizeof before, "%s", getenv(variable) ? getenv(variable) : "");
  snprintf(number, sizeof number, "%d", 8 * rank);
  setenv(variable, number, 1);
  check_part_uses(part, num_ranks > 2 ? rank / 2 : 0);
  setenv(variable, before, 1);
  look_at_this_machine();
  MPI_Comm_free(&part);
  mpi_tap_case("parts of the ranks use different accelerators");
}

/* Detects while this rank's environment has a variable, and checks that all fail alike. */
static void refused(int at, const char *variable, const char *value, eplb_status_t expected, const char *sentence) {
  eplb_machine_t *m = NULL;
  if (rank == at)
    setenv(variable, value, 1);
  CHECK(eplb_machine_detect(MPI_COMM_WORLD, 3, &m) == expected);
  unsetenv(variable);
  CHECK(m == NULL);
  CHECK(strstr(eplb_last_error(), sentence) != NULL);
  CHECK(mpi_tap_same_text(eplb_last_error()));
}

static void one_rank_is_told_nonsense(void) {
  for (int at = 0; at < num_ranks; at++) {
    refused(at, "EPLB_DEVICE", "nonsense", EPLB_ERR_ARGUMENT, "EPLB_DEVICE names device \"nonsense\"");
    refused(at, "EPLB_DOMAIN", "a//b", EPLB_ERR_ARGUMENT, "EPLB_DOMAIN is \"a//b\"");
    if (num_ranks > 1)
      refused(at, "EPLB_DOMAIN", "rack3", EPLB_ERR_MISMATCH, "expected it on all or none");
  }
  refused(0, "EPLB_RACKS", "no such file", EPLB_ERR_IO, "cannot open no such file");
  mpi_tap_case("what one rank is told wrongly fails on all");
}

static void outer_domains(void) {
  eplb_machine_t *m = NULL;
  setenv("EPLB_DOMAIN", "fabric=f/rack=r", 1);
  CHECK(eplb_machine_detect(MPI_COMM_WORLD, 3, &m) == EPLB_SUCCESS);
  unsetenv("EPLB_DOMAIN");
  CHECK(m->topology->num_levels >= 3 && m->topology->node_level == 2);
  CHECK(!strcmp(m->topology->level_name[0], "fabric") && !strcmp(m->topology->level_name[1], "rack"));
  CHECK(m->own.domain_rule == EPLB_DOMAIN_BY_EPLB);
  CHECK(mpi_tap_same(hash(m->topology)));
  eplb_machine_destroy(&m);
  mpi_tap_case("domains around the node");
}

/* Each allocation in turn, on each rank. */
static void out_of_memory(const char *name) {
  for (int at = 0; at < num_ranks; at++) {
    int hit = 1;
    for (long n = 0; hit && n < 1000; n++) {
      eplb_machine_t *m = NULL;
      long live = failing_memory_live();
      failing_memory_after(rank == at ? n : -1);
      eplb_status_t status = eplb_machine_detect(MPI_COMM_WORLD, 3, &m);
      failing_memory_after(-1);
      hit = status != EPLB_SUCCESS;
      CHECK(!hit || status == EPLB_ERR_MEMORY);
      CHECK((m == NULL) == hit);
      CHECK(mpi_tap_same(status));
      eplb_machine_destroy(&m);
      CHECK(failing_memory_live() == live);
    }
    CHECK(!hit);
  }
  mpi_tap_case(name);
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  all_see_the_same();
  where_mpi_leaves_each_rank_alone();
  ranks_that_see_other_accelerators();
  ranks_with_lists_of_their_own();
  any_communicator();
  parts_share_the_node();
  one_rank_is_told_nonsense();
  outer_domains();
  out_of_memory("each allocation fails on each rank");
  if (num_ranks == 2) {
    look_at(rank % 2 ? "hgx-all.xml" : "hgx-cgroup-4-6.xml");
    out_of_memory("each allocation fails on each rank, ranks that see other accelerators");
  }
  return mpi_tap_end();
}
