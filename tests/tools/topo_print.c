/* What `eplb topo` shows of a job on machines with GPUs, which need not be at hand. */
#include "folder.h"
#include "tap.h"
#include "tools/topo/topo.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NODES = 8, GPUS = 8, RANKS = NODES * GPUS };

static eplb_machine_t machine;
static eplb_rank_info_t rank[RANKS];
static eplb_host_t *host[NODES];

/* 8 hosts in 2 racks, each with 8 accelerators in two islands, and a rank for each. */
static void make(void) {
  int domain[3 * RANKS], slots[RANKS];
  for (int n = 0; n < NODES; n++) {
    CU_ASSERT_FATAL(eplb_host_detect(tap_data("machines/quads.xml"), &host[n]) == EPLB_SUCCESS);
    snprintf(host[n]->name, sizeof host[n]->name, "gpu-server-%d.cluster.example.org", n);
  }
  for (int r = 0; r < RANKS; r++) {
    int n = r / GPUS, a = r % GPUS;
    rank[r] = (eplb_rank_info_t){.rank = r,
                                 .node = n,
                                 .local_rank = a,
                                 .numa = a / 4,
                                 .num_pus = 12,
                                 .num_accelerators = GPUS,
                                 .device_rule = EPLB_DEVICE_BY_LOCAL_RANK,
                                 .device_index = a,
                                 .domain_rule = EPLB_DOMAIN_BY_RACKS,
                                 .machine = (uint64_t)n + 1,
                                 .device = host[n]->accelerator[a]};
    snprintf(rank[r].domain, sizeof rank[r].domain, "rack=r%d", n / 4);
    domain[r] = n / 4;
    domain[RANKS + r] = n;
    domain[2 * RANKS + r] = r / 4;
    slots[r] = 1;
  }
  machine = (eplb_machine_t){.num_ranks = RANKS, .rank = rank, .host = host};
  CU_ASSERT_FATAL(
      eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                          .num_devices = RANKS,
                                                          .num_levels = 3,
                                                          .level_name = (const char *const[]){"rack", "node", "island"},
                                                          .node_level = 1,
                                                          .domain = domain,
                                                          .slots = slots},
                           &machine.topology) == EPLB_SUCCESS);
}

static void unmake(void) {
  eplb_topology_destroy(&machine.topology);
  for (int n = 0; n < NODES; n++)
    eplb_host_destroy(&host[n]);
}

/* What is printed; the caller's. */
static char *print(void) {
  const char *path = folder_path("shown");
  const topo_view_t view = {.machine = &machine, .topology = machine.topology, .host = host, .num_hosts = NODES};
  fflush(stdout);
  int saved = dup(STDOUT_FILENO);
  CU_ASSERT_FATAL(saved >= 0 && freopen(path, "w", stdout) != NULL);
  topo_print(&view);
  fflush(stdout);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  size_t size;
  return folder_get(path, &size);
}

static size_t longest_line(const char *text) {
  size_t longest = 0;
  for (; *text; text += strcspn(text, "\n") + 1)
    longest = strcspn(text, "\n") > longest ? strcspn(text, "\n") : longest;
  return longest;
}

static int count_lines(const char *text) {
  int lines = 0;
  for (; *text; text++)
    lines += *text == '\n';
  return lines;
}

static void equal_nodes_are_told_once(void) {
  make();
  char *text = print();
  CU_ASSERT(longest_line(text) <= 80);
  CU_ASSERT(count_lines(text) <= 20);
  CU_ASSERT(!strncmp(text,
                     "64 ranks on 8 nodes in 2 racks, by EPLB_RACKS\nrack 0: r0\n  node 0: "
                     "gpu-server-0.cluster.example.org, 8 ranks\n",
                     108));
  CU_ASSERT(strstr(text, "  nodes 1-3: as node 0, gpu-server-1 to gpu-server-3, ranks 8-31\n") != NULL);
  CU_ASSERT(strstr(text, "rack 1: r1\n  nodes 4-7: as node 0, ") != NULL);
  CU_ASSERT(strstr(text, "NVLink, 16 of 28 pairs, 2 islands, 25 to 50 GB/s\n") != NULL);
  CU_ASSERT(strstr(text, "    island 1\n        4      4    12     1  0000:90:00.0 NVIDIA 10de:1db1\n") != NULL);
  CU_ASSERT(!strstr(text, "unusual") && !strstr(text, " *\n"));
  free(text);
  unmake();
}

static void what_is_unusual_is_marked(void) {
  make();
  rank[10].device_index = 3;
  rank[10].device = host[1]->accelerator[3];
  rank[20].numa = 0;
  snprintf(rank[40].note, sizeof rank[40].note,
           "CUDA_VISIBLE_DEVICES has a UUID that hwloc does not know here: device by local rank");
  host[7]->num_accelerators = 7;
  char *text = print();
  CU_ASSERT(strstr(text, "       10      2    12     0  0000:40:00.0 NVIDIA 10de:1db1 *\n") != NULL);
  CU_ASSERT(strstr(text, "  ranks 10 and 11 use the same accelerator, 0000:40:00.0\n") != NULL);
  CU_ASSERT(strstr(text, "  rank 20 is bound to NUMA node 0; its accelerator is on NUMA node 1\n") != NULL);
  CU_ASSERT(strstr(text, "  rank 40: CUDA_VISIBLE_DEVICES has a UUID") != NULL);
  CU_ASSERT(strstr(text, "  node 1: no rank uses 1 of its 8 accelerators\n") != NULL);
  CU_ASSERT(strstr(text, "  node 7 differs from node 0: ") != NULL);
  free(text);
  unmake();
}

int main(void) {
  static const tap_test_t tests[] = {{"equal nodes are told once, within 80 columns", equal_nodes_are_told_once},
                                     {"what is unusual is marked and explained", what_is_unusual_is_marked},
                                     {NULL, NULL}};
  folder_make();
  int status = tap_run("topo", tests);
  folder_remove();
  return status;
}
