/* The device of a rank, by its environment. */
#include "tap.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {"EPLB_DEVICE", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
                                        "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"};

static eplb_accelerator_t devices[4];
static eplb_host_t host;

/* Four accelerators of one vendor, with or without UUIDs; nothing in the environment. */
static void setup(int vendor, int with_uuids) {
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    unsetenv(variables[i]);
  host = (eplb_host_t){.name = "h", .num_accelerators = 4, .accelerator = devices};
  for (int i = 0; i < 4; i++) {
    devices[i] = (eplb_accelerator_t){.vendor = (uint16_t)vendor};
    snprintf(devices[i].bus_id, sizeof devices[i].bus_id, "0000:%02x:00.0", 0x10 * (i + 1));
    if (with_uuids)
      snprintf(devices[i].uuid, sizeof devices[i].uuid, "GPU-%08x-aaaa-bbbb-cccc-0000000000%02x", 0x1000 + i, i);
  }
}

/* The device of a local rank, and that the rule is `rule`; -2 on failure. */
static int device(int local_rank, eplb_device_rule_t rule) {
  eplb_rank_info_t info = {0};
  if (eplb_rank_device(&host, local_rank, &info)) {
    printf("# %s\n", eplb_last_error());
    return -2;
  }
  CU_ASSERT(info.device_rule == (int)rule);
  CU_ASSERT((info.device_index < 0) == (info.device_rule == EPLB_DEVICE_IS_NUMA));
  CU_ASSERT(info.device_index < 0 || !strcmp(info.device.bus_id, devices[info.device_index].bus_id));
  return info.device_index;
}

/* The sentence for a list that is refused. */
static void refused(const char *variable, const char *value, const char *sentence) {
  eplb_rank_info_t info = {.device_index = 77};
  setenv(variable, value, 1);
  TAP_FAILS(eplb_rank_device(&host, 0, &info), EPLB_ERR_ARGUMENT, sentence);
  CU_ASSERT(info.device_index == 77);
  unsetenv(variable);
}

enum { NVIDIA = 0x10de, AMD = 0x1002, INTEL = 0x8086 };

static void by_local_rank(void) {
  setup(NVIDIA, 0);
  for (int r = 0; r < 9; r++)
    CU_ASSERT(device(r, EPLB_DEVICE_BY_LOCAL_RANK) == r % 4);
  host.num_accelerators = 0;
  setenv("CUDA_VISIBLE_DEVICES", "7", 1); /* left over from elsewhere */
  CU_ASSERT(device(0, EPLB_DEVICE_IS_NUMA) == -1);
}

static void by_own_variable(void) {
  setup(AMD, 1);
  setenv("ROCR_VISIBLE_DEVICES", "0", 1);
  static const char *const names[] = {"2", "0000:30:00.0", "30:00.0", "30:00", "GPU-00001002", "00001002-aaaa-bbbb"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    setenv("EPLB_DEVICE", names[i], 1);
    CU_ASSERT(device(0, EPLB_DEVICE_BY_EPLB) == 2);
  }
  refused("EPLB_DEVICE", "4", "EPLB_DEVICE names device \"4\"; expected a PCI bus id, a UUID or a number below the 4");
  refused("EPLB_DEVICE", "", "EPLB_DEVICE names device \"\"");
  refused("EPLB_DEVICE", "-1", "EPLB_DEVICE names device \"-1\"");
  refused("EPLB_DEVICE", "GPU-0000", "EPLB_DEVICE names device"); /* the beginning of all */
}

static void by_list(void) {
  setup(NVIDIA, 1);
  setenv("CUDA_VISIBLE_DEVICES", "3", 1); /* one for each rank, from its launcher */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 3 && device(2, EPLB_DEVICE_BY_VISIBLE) == 3);
  setenv("CUDA_VISIBLE_DEVICES", "3, 1", 1); /* shared by a node's ranks */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 3 && device(1, EPLB_DEVICE_BY_VISIBLE) == 1);
  setenv("CUDA_VISIBLE_DEVICES", "2,-1,0", 1);
  CU_ASSERT(device(1, EPLB_DEVICE_BY_VISIBLE) == 2);
  setenv("CUDA_VISIBLE_DEVICES", "GPU-00001001-aaaa-bbbb-cccc-000000000001", 1);
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 1);
  setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-00001001-aaaa-bbbb-cccc-000000000001/1/0", 1);
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 1);
  unsetenv("CUDA_VISIBLE_DEVICES");
  refused("CUDA_VISIBLE_DEVICES", "4", "CUDA_VISIBLE_DEVICES names device \"4\"");
  refused("CUDA_VISIBLE_DEVICES", "none", "CUDA_VISIBLE_DEVICES names device \"none\"");
  refused("CUDA_VISIBLE_DEVICES", "0,,1", "CUDA_VISIBLE_DEVICES names device \"\"");
  refused("CUDA_VISIBLE_DEVICES", "0x1", "CUDA_VISIBLE_DEVICES names device \"0x1\"");
  refused("CUDA_VISIBLE_DEVICES", "99999999999999999999", "CUDA_VISIBLE_DEVICES names device \"99999999999999999999\"");
  refused("CUDA_VISIBLE_DEVICES", "GPU-ffffffff-aaaa-bbbb-cccc-000000000001",
          "CUDA_VISIBLE_DEVICES names device \"GPU-ffff");
}

static void none_is_noted(void) {
  static const char *const lists[] = {"", "-1", "-1,0"};
  setup(NVIDIA, 0);
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    eplb_rank_info_t info = {0};
    setenv("CUDA_VISIBLE_DEVICES", lists[i], 1);
    CU_ASSERT(eplb_rank_device(&host, 0, &info) == EPLB_SUCCESS);
    CU_ASSERT(info.device_rule == EPLB_DEVICE_IS_NUMA && info.num_accelerators == 4);
    CU_ASSERT(strstr(info.note, "no accelerator for this rank") != NULL);
  }
}

static void unknown_uuids_are_noted(void) {
  static const char *const lists[] = {"GPU-12345678-aaaa-bbbb-cccc-000000000001",
                                      "MIG-12345678-aaaa-bbbb-cccc-000000000001"};
  for (int with_uuids = 0; with_uuids < 2; with_uuids++) {
    eplb_rank_info_t info = {0};
    setup(NVIDIA, with_uuids);
    setenv("CUDA_VISIBLE_DEVICES", lists[with_uuids], 1); /* hwloc never knows the UUIDs of MIG devices */
    CU_ASSERT(eplb_rank_device(&host, 2, &info) == EPLB_SUCCESS);
    CU_ASSERT(info.device_rule == EPLB_DEVICE_BY_LOCAL_RANK && info.device_index == 2);
    CU_ASSERT(strstr(info.note, "device by local rank") != NULL);
  }
}

static void by_vendor(void) {
  setup(AMD, 0);
  setenv("ROCR_VISIBLE_DEVICES", "3,2,1", 1);
  setenv("HIP_VISIBLE_DEVICES", "1", 1); /* counts what ROCR leaves */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 2);
  unsetenv("HIP_VISIBLE_DEVICES");
  setenv("CUDA_VISIBLE_DEVICES", "2", 1); /* HIP reads it, too */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 1);
  setup(INTEL, 0);
  setenv("ZE_AFFINITY_MASK", "1.0,1.1,3", 1); /* tiles: the card counts, once */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 1 && device(1, EPLB_DEVICE_BY_VISIBLE) == 3);
  setup(INTEL, 0);
  devices[2].vendor = devices[3].vendor = NVIDIA;
  setenv("CUDA_VISIBLE_DEVICES", "1", 1); /* the second of NVIDIA's */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 3);
  refused("CUDA_VISIBLE_DEVICES", "2", "below the 2 accelerators of h that it counts");
}

static void domain_is(const char *value, eplb_domain_rule_t rule, const char *domain) {
  eplb_rank_info_t info = {0};
  setenv("EPLB_DOMAIN", value, 1);
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS);
  CU_ASSERT(info.domain_rule == (int)rule && !strcmp(info.domain, domain));
  unsetenv("EPLB_DOMAIN");
}

static void outer_domains(void) {
  static const char *const bad[] = {
      "", "/", "a/", "a//b", "=x", "a=", "a=b=c", "anamethatistoolong=x", "a/b/c/d/e/f/g"};
  eplb_rank_info_t info = {0};
  domain_is("rack3", EPLB_DOMAIN_BY_EPLB, "rack3");
  domain_is("fabric=f/rack=r", EPLB_DOMAIN_BY_EPLB, "fabric=f/rack=r");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    setenv("EPLB_DOMAIN", bad[i], 1);
    TAP_FAILS(eplb_rank_domain(&info), EPLB_ERR_ARGUMENT, "environment variable EPLB_DOMAIN is");
  }
  unsetenv("EPLB_DOMAIN");
  setenv("SLURM_TOPOLOGY_ADDR", "s0.l4.n17", 1);
  setenv("SLURM_TOPOLOGY_ADDR_PATTERN", "switch.switch.node", 1);
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS && !strcmp(info.domain, "switch=s0/switch=l4"));
  setenv("SLURM_TOPOLOGY_ADDR_PATTERN", "node", 1); /* does not go with the address */
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS && info.domain_rule == EPLB_DOMAIN_UNKNOWN);
  unsetenv("SLURM_TOPOLOGY_ADDR");
}

int main(void) {
  static const tap_test_t tests[] = {{"by local rank", by_local_rank},
                                     {"EPLB_DEVICE", by_own_variable},
                                     {"lists of visible devices", by_list},
                                     {"lists that say none", none_is_noted},
                                     {"UUIDs that hwloc does not know", unknown_uuids_are_noted},
                                     {"each vendor's own variables", by_vendor},
                                     {"EPLB_DOMAIN and Slurm's address", outer_domains},
                                     {NULL, NULL}};
  return tap_run("rank device", tests);
}
