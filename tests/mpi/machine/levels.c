/* Levels of a topology from made-up reports, and the messages that bring them. */
#include "folder.h"
#include "mpi/detect/enclosing_domains.h"
#include "mpi/machine/host_pack.h"
#include "mpi/machine/node_report.h"
#include "tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16384 };
static eplb_rank_info_t *rank;
static int host_level;

/* Ranks dealt to `nodes` machines in turn, 8 hosts to a rack, each with its own of 8 accelerators in two islands. */
static void deal(int num_ranks, int nodes) {
  for (int r = 0; r < num_ranks; r++) {
    int node = r % nodes, local = r / nodes;
    rank[r] = (eplb_rank_info_t){.rank = r,
                                 .local_rank = local,
                                 .device_index = local % 8,
                                 .device.island = local % 8 / 4,
                                 .machine = (uint64_t)node + 1,
                                 .shared_memory = 5,
                                 .numa = -1};
    snprintf(rank[r].host, sizeof rank[r].host, "h%d", node);
  }
}

static eplb_topology_t *build(int num_ranks, const char *racks) {
  eplb_topology_t *t = NULL;
  const eplb_domain_options_t options = {.racks = racks};
  eplb_status_t status = eplb_build_topology(rank, num_ranks, 3, &options, &t, &host_level);
  if (status)
    printf("# %s\n", eplb_last_error());
  CU_ASSERT_FATAL(status == EPLB_SUCCESS);
  return t;
}

static eplb_status_t refuse(int num_ranks, const char *racks, eplb_topology_t **t) {
  const eplb_domain_options_t options = {.racks = racks};
  return eplb_build_topology(rank, num_ranks, 1, &options, t, &host_level);
}

static void nodes_in_any_order(void) {
  deal(12, 3);
  eplb_topology_t *t = build(12, NULL);
  CU_ASSERT(t->num_levels == 1 && t->node_level == 0 && eplb_topology_num_nodes(t) == 3);
  CU_ASSERT(!t->declared && eplb_topology_num_slots(t) == 36);
  for (int r = 0; r < 12; r++)
    CU_ASSERT(eplb_topology_node(t, r) == r % 3 && rank[r].node == r % 3);
  eplb_topology_destroy(&t);
}

static void islands_where_a_node_has_several(void) {
  deal(16, 2);
  eplb_topology_t *t = build(16, NULL);
  CU_ASSERT(t->num_levels == 2 && !strcmp(t->level_name[1], "island") && t->num_domains[1] == 4);
  eplb_topology_destroy(&t);
  for (int r = 0; r < 16; r++) { /* without accelerators NUMA nodes count */
    rank[r].device_index = -1;
    rank[r].numa = r / 2 % 2;
  }
  t = build(16, NULL);
  CU_ASSERT(t->num_levels == 2 && t->num_domains[1] == 4);
  eplb_topology_destroy(&t);
}

static void machines_and_containers(void) {
  deal(4, 2);
  for (int r = 0; r < 4; r++)
    snprintf(rank[r].host, sizeof rank[r].host, "same"); /* one name, two machines */
  eplb_topology_t *t = build(4, NULL);
  CU_ASSERT(eplb_topology_num_nodes(t) == 2);
  eplb_topology_destroy(&t);
  for (int r = 0; r < 4; r++) {
    rank[r].machine = 1; /* one machine, containers of many names */
    snprintf(rank[r].host, sizeof rank[r].host, "container%d", r);
  }
  t = build(4, NULL);
  CU_ASSERT(eplb_topology_num_nodes(t) == 1);
  eplb_topology_destroy(&t);
  rank[3].shared_memory = 6; /* one that cannot share memory */
  t = build(4, NULL);
  CU_ASSERT(eplb_topology_num_nodes(t) == 2);
  eplb_topology_destroy(&t);
}

static void set_domain(int r, eplb_domain_rule_t rule, const char *text) {
  rank[r].domain_rule = (int32_t)rule;
  snprintf(rank[r].domain, sizeof rank[r].domain, "%s", text);
}

static void outer_levels(void) {
  static const char *const paths[] = {"fabric=f0/rack=r0", "fabric=f0/rack=r1", "fabric=f1/rack=r0"};
  deal(6, 3);
  for (int r = 0; r < 6; r++)
    set_domain(r, EPLB_DOMAIN_BY_EPLB, paths[r % 3]);
  eplb_topology_t *t = build(6, NULL);
  CU_ASSERT(t->num_levels == 3 && t->node_level == 2);
  CU_ASSERT(!strcmp(t->level_name[0], "fabric") && !strcmp(t->level_name[1], "rack"));
  CU_ASSERT(t->num_domains[0] == 2 && t->num_domains[1] == 3); /* r0 of f0 is not r0 of f1 */
  eplb_topology_destroy(&t);
  for (int r = 0; r < 6; r++)
    set_domain(r, EPLB_DOMAIN_BY_SLURM, "switch=s/switch=l");
  t = build(6, NULL);
  CU_ASSERT(!strcmp(t->level_name[0], "switch1") && !strcmp(t->level_name[1], "switch2"));
  eplb_topology_destroy(&t);
  set_domain(4, EPLB_DOMAIN_UNKNOWN, ""); /* Slurm told not all */
  t = build(6, NULL);
  CU_ASSERT(t->num_levels == 1 && rank[0].domain_rule == EPLB_DOMAIN_UNKNOWN);
  eplb_topology_destroy(&t);
}

/* 16 ranks on 4 hosts; NVLink joins hosts 0 and 1, and 2 and 3. */
static void deal_fabrics(void) {
  deal(16, 4);
  for (int r = 0; r < 16; r++) {
    rank[r].device.island = 0;
    snprintf(rank[r].device.fabric, sizeof rank[r].device.fabric, "cluster.%d", r % 4 / 2);
  }
}

static void fabrics_that_span_hosts_are_nodes(void) {
  deal_fabrics();
  eplb_topology_t *t = build(16, NULL);
  CU_ASSERT(t->num_levels == 2 && !strcmp(t->level_name[0], "nvlink") && !strcmp(t->level_name[1], "node"));
  CU_ASSERT(t->node_level == 0 && host_level == 1 && eplb_topology_num_nodes(t) == 2 && t->num_domains[1] == 4);
  for (int r = 0; r < 16; r++)
    CU_ASSERT(rank[r].node == r % 4 && eplb_topology_node(t, r) == r % 4 / 2);
  eplb_topology_destroy(&t);
  const eplb_domain_options_t by_host = {.node_level = "node"}, unknown = {.node_level = "rack"};
  CU_ASSERT(eplb_build_topology(rank, 16, 3, &by_host, &t, &host_level) == EPLB_SUCCESS);
  CU_ASSERT(t && t->node_level == 1 && eplb_topology_num_nodes(t) == 4);
  eplb_topology_destroy(&t);
  TAP_FAILS(eplb_build_topology(rank, 16, 3, &unknown, &t, &host_level), EPLB_ERR_ARGUMENT,
            "node_level is \"rack\", and the topology has no such level; expected one of nvlink, node");
  CU_ASSERT(t == NULL);
}

static void fabrics_that_are_no_level_of_their_own(void) {
  deal_fabrics();
  rank[7].device.fabric[0] = 0; /* not told of all */
  eplb_topology_t *t = build(16, NULL);
  CU_ASSERT(t->num_levels == 1 && t->node_level == 0 && host_level == 0 && eplb_topology_num_nodes(t) == 4);
  eplb_topology_destroy(&t);
  deal_fabrics();
  for (int r = 0; r < 16; r++) /* one for each host */
    snprintf(rank[r].device.fabric, sizeof rank[r].device.fabric, "cluster.%d", r % 4);
  t = build(16, NULL);
  CU_ASSERT(t->num_levels == 1 && t->node_level == 0);
  eplb_topology_destroy(&t);
  deal_fabrics();
  for (int r = 0; r < 16; r++) /* the same as racks */
    set_domain(r, EPLB_DOMAIN_BY_EPLB, r % 4 / 2 ? "rack=1" : "rack=0");
  t = build(16, NULL);
  CU_ASSERT(t->num_levels == 2 && !strcmp(t->level_name[0], "rack") && t->node_level == 0 && host_level == 1);
  eplb_topology_destroy(&t);
  for (int r = 0; r < 16; r++) /* across racks */
    set_domain(r, EPLB_DOMAIN_BY_EPLB, r % 2 ? "rack=1" : "rack=0");
  t = build(16, NULL);
  CU_ASSERT(t->num_levels == 2 && t->node_level == 1 && host_level == 1 && eplb_topology_num_nodes(t) == 4);
  eplb_topology_destroy(&t);
  for (int r = 0; r < 16; r++) /* within racks */
    set_domain(r, EPLB_DOMAIN_BY_EPLB, "rack=0");
  t = build(16, NULL);
  CU_ASSERT(t->num_levels == 3 && !strcmp(t->level_name[1], "nvlink") && t->node_level == 1 && host_level == 2);
  eplb_topology_destroy(&t);
}

static void contradictions(void) {
  eplb_topology_t *t = NULL;
  deal(4, 2);
  set_domain(0, EPLB_DOMAIN_BY_EPLB, "rack0");
  TAP_FAILS(refuse(4, NULL, &t), EPLB_ERR_MISMATCH, "EPLB_DOMAIN is set on other ranks but not on rank 1");
  for (int r = 0; r < 4; r++)
    set_domain(r, EPLB_DOMAIN_BY_EPLB, r == 3 ? "a/b" : "rack0");
  TAP_FAILS(refuse(4, NULL, &t), EPLB_ERR_MISMATCH, "rank 3 is in \"a/b\" and rank 0 in \"rack0\"");
  set_domain(3, EPLB_DOMAIN_BY_EPLB, "rack1");
  TAP_FAILS(refuse(4, NULL, &t), EPLB_ERR_MISMATCH, "ranks 1 and 3 are on one node, h1, but in");
  CU_ASSERT(t == NULL);
}

static void refused_file(const char *text, const char *sentence) {
  eplb_topology_t *t = NULL;
  deal(4, 2);
  TAP_FAILS(refuse(4, folder_put("racks", text, strlen(text)), &t), EPLB_ERR_FORMAT, sentence);
  CU_ASSERT(t == NULL);
}

static void files_of_racks(void) {
  static const char good[] = "# a comment\n\nh0 rack1 # here\n  h1\track0\r\nh2.site.org rack=x\n";
  deal(4, 2);
  snprintf(rank[0].host, sizeof rank[0].host, "h0.site.org"); /* its first part is known */
  eplb_topology_t *t = build(4, folder_put("racks", good, strlen(good)));
  CU_ASSERT(t->num_levels == 2 && !strcmp(t->level_name[0], "domain") && t->num_domains[0] == 2);
  CU_ASSERT(rank[1].domain_rule == EPLB_DOMAIN_BY_RACKS && !strcmp(rank[1].domain, "rack0"));
  eplb_topology_destroy(&t);
  refused_file("h0 rack1\n", "does not name host h1 of rank 1; expected a line such as \"h1 rack3\"");
  refused_file("h0\n", "line 1: expected a host name and its domain");
  refused_file("\nh0 a b\n", "line 2: expected a host name and its domain");
  refused_file("h0 a//b\n", "line 1: the domain is \"a//b\"");
  refused_file("h0 a\nh0 b\nh1 a\n", "puts host h0 into");
  char *longer = malloc(5001);
  memset(longer, 'x', 5000);
  longer[5000] = 0;
  refused_file(longer, "line 1: a zero byte or more than 4095 characters");
  free(longer);
  refused_file("# nothing\n", "names no host");
  TAP_FAILS(refuse(4, "no such file", &t), EPLB_ERR_IO, "cannot open no such file");
}

/* 16,384 ranks on 2,048 nodes of 8 accelerators: rank 0 gets one message of each node, none long, all together a few
 * MB. */
static void many_ranks(void) {
  enum { NODES = MOST / 8 };
  eplb_host_t host = {.name = "n", .num_accelerators = 8, .num_pu_numbers = 256};
  host.accelerator = calloc(8, sizeof *host.accelerator);
  host.bandwidth = calloc(64, sizeof *host.bandwidth);
  host.pu_package = calloc(256, sizeof *host.pu_package);
  host.pu_numa = calloc(256, sizeof *host.pu_numa);
  size_t size = eplb_node_report_size(&host, 8);
  eplb_rank_report_t report[8];
  char *bytes = malloc(size);
  deal(MOST, NODES);
  eplb_rank_info_t *copy = calloc(MOST, sizeof *copy);
  for (int n = 0; n < NODES; n++) {
    eplb_host_t *back = NULL;
    for (int i = 0; i < 8; i++)
      eplb_report_from_info(&rank[n + i * NODES], &report[i]);
    eplb_node_report_write(&host, report, 8, bytes);
    CU_ASSERT_FATAL(eplb_node_report_read(bytes, copy, &back) == EPLB_SUCCESS);
    CU_ASSERT(eplb_node_report_leader(bytes) == n && back->num_accelerators == 8 && back->num_pu_numbers == 0);
    eplb_host_destroy(&back);
  }
  for (int r = 0; r < MOST; r++)
    CU_ASSERT(copy[r].rank == r && copy[r].machine == rank[r].machine && copy[r].device_index == rank[r].device_index);
  printf("# %d ranks: %d messages of %zu bytes, %.1f MB at rank 0\n", MOST, NODES, size, 1e-6 * (double)(size * NODES));
  CU_ASSERT(size < 8192 && size * NODES < 16 << 20);
  eplb_topology_t *t = build(MOST, NULL);
  CU_ASSERT(eplb_topology_num_nodes(t) == NODES && t->num_domains[t->num_levels - 1] == NODES * 2);
  eplb_topology_destroy(&t);
  free(copy);
  free(bytes);
  free(host.accelerator);
  free(host.bandwidth);
  free(host.pu_package);
  free(host.pu_numa);
}

int main(void) {
  static const tap_test_t tests[] = {{"nodes, in any order of ranks", nodes_in_any_order},
                                     {"islands", islands_where_a_node_has_several},
                                     {"one name on two machines, containers on one", machines_and_containers},
                                     {"outer levels", outer_levels},
                                     {"fabrics that span hosts are nodes", fabrics_that_span_hosts_are_nodes},
                                     {"fabrics that are no level of their own", fabrics_that_are_no_level_of_their_own},
                                     {"contradictions, a sentence each", contradictions},
                                     {"files of racks", files_of_racks},
                                     {"16,384 ranks", many_ranks},
                                     {NULL, NULL}};
  rank = calloc(MOST, sizeof *rank);
  folder_make();
  int status = tap_run("levels", tests);
  folder_remove();
  free(rank);
  return status;
}
