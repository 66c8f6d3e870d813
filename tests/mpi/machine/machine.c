/* What ranks see of the machine: the same on all, and the same failure on all. */
#include "failing_memory.h"
#include "mpi_tap.h"
#include <eplb/eplb_mpi.h>
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks;

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
static void out_of_memory(void) {
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
  mpi_tap_case("each allocation fails on each rank");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  all_see_the_same();
  any_communicator();
  one_rank_is_told_nonsense();
  outer_domains();
  out_of_memory();
  return mpi_tap_end();
}
