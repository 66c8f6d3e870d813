/* The device of a rank, by its environment. */
#include "mpi/detect/rank_device.h"
#include "mpi/detect/rank.h"
#include "tap.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {"EPLB_DEVICE",          "CUDA_VISIBLE_DEVICES",      "CUDA_DEVICE_ORDER",
                                        "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",       "GPU_DEVICE_ORDINAL",
                                        "ZE_AFFINITY_MASK",     "ZE_FLAT_DEVICE_HIERARCHY",  "ONEAPI_DEVICE_SELECTOR",
                                        "VE_NODE_NUMBER",       "ASCEND_RT_VISIBLE_DEVICES", "MUSA_VISIBLE_DEVICES"};

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
  setenv("CUDA_VISIBLE_DEVICES", "GPU-00001001-aaaa-bbbb-cccc-000000000001", 1);
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 1);
  setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-00001001-aaaa-bbbb-cccc-000000000001/1/0", 1);
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 1);
}

/* What a list leaves: devices in their order, e.g. "2 0", and the note. */
static void leaves(const char *variable, const char *value, const char *expected, const char *note) {
  char got[64] = "";
  eplb_rank_info_t info = {0};
  setenv(variable, value, 1);
  for (int r = 0; r < 4; r++) {
    CU_ASSERT(eplb_rank_device(&host, r, &info) == EPLB_SUCCESS);
    snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", r ? " " : "", info.device_index);
  }
  unsetenv(variable);
  if (strcmp(got, expected) || !strstr(info.note, note) || (!*note && info.note[0]))
    printf("# %s=%s: devices %s, \"%s\"\n", variable, value, got, info.note);
  CU_ASSERT(!strcmp(got, expected));
  CU_ASSERT(*note ? strstr(info.note, note) != NULL : !info.note[0]);
}

static void entries_that_name_nothing(void) {
  static const char none[] = "-1 -1 -1 -1", skipped[] = "which is not a device here";
  setup(NVIDIA, 1);
  leaves("CUDA_VISIBLE_DEVICES", "0,99,1", "0 0 0 0",
         "names \"99\", which is not a device here: this entry and all that follow");
  leaves("CUDA_VISIBLE_DEVICES", "2,-1,0", "2 2 2 2", "");
  leaves("CUDA_VISIBLE_DEVICES", "3,none", "3 3 3 3", skipped);
  leaves("CUDA_VISIBLE_DEVICES", "1,,0", "1 1 1 1", "");
  leaves("CUDA_VISIBLE_DEVICES", "1,0,1", none, "no accelerator"); /* CUDA sees none where one stands twice */
  leaves("CUDA_VISIBLE_DEVICES", "3,2,1,0,3", none, "no accelerator");
  leaves("CUDA_VISIBLE_DEVICES", "2x,1", "2 1 2 1", "");
  leaves("CUDA_VISIBLE_DEVICES", "NoDevFiles", none, "is \"NoDevFiles\": no accelerator for this rank");
  leaves("CUDA_VISIBLE_DEVICES", "none", none, "no accelerator");
  leaves("CUDA_VISIBLE_DEVICES", "4", none, "no accelerator");
  leaves("CUDA_VISIBLE_DEVICES", "99999999999999999999", none, "no accelerator");
  leaves("CUDA_VISIBLE_DEVICES", "GPU-ffffffff-aaaa-bbbb-cccc-000000000001", none, "no accelerator");
  leaves("CUDA_VISIBLE_DEVICES", "GPU-0000", none, "no accelerator"); /* the beginning of all */
  leaves("CUDA_VISIBLE_DEVICES", "GPU-00001001,GPU-00001000", "1 0 1 0", "");
  setup(AMD, 1);
  leaves("ROCR_VISIBLE_DEVICES", "2,7,1", "2 2 2 2", skipped);
  leaves("ROCR_VISIBLE_DEVICES", "2,1,2,3", "2 1 2 1", "twice: the list ends there");
  leaves("ROCR_VISIBLE_DEVICES", "0x2", "2 2 2 2", "");
  leaves("ROCR_VISIBLE_DEVICES", "", none, "is empty: no accelerator");
  leaves("ROCR_VISIBLE_DEVICES", "GPU-00001002", "2 2 2 2", "");
  leaves("HIP_VISIBLE_DEVICES", "3,1,3,2", "3 1 2 3", "");
  leaves("HIP_VISIBLE_DEVICES", "3,1x", "3 3 3 3", skipped);
  leaves("HIP_VISIBLE_DEVICES", "", "0 1 2 3", ""); /* HIP takes it for unset */
  leaves("GPU_DEVICE_ORDINAL", "3", "3 3 3 3", "");
  setup(0x1bcf, 0);
  leaves("VE_NODE_NUMBER", "2", "2 2 2 2", "");
  setup(0x19e5, 0);
  leaves("ASCEND_RT_VISIBLE_DEVICES", "1,3,8", "1 3 1 3", skipped);
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
    CU_ASSERT(!strcmp(info.device.uuid, lists[with_uuids])); /* a device of its own */
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
  setenv("ROCR_VISIBLE_DEVICES", "2", 1); /* as Slurm sets both: HIP then finds no device 2 among one */
  leaves("CUDA_VISIBLE_DEVICES", "2", "-1 -1 -1 -1", "no accelerator");
  leaves("GPU_DEVICE_ORDINAL", "2", "2 2 2 2", ""); /* not read beside it */
  setup(INTEL, 0);
  devices[2].vendor = devices[3].vendor = NVIDIA;
  setenv("CUDA_VISIBLE_DEVICES", "1", 1); /* the second of NVIDIA's */
  CU_ASSERT(device(0, EPLB_DEVICE_BY_VISIBLE) == 3);
}

static void affinity_masks(void) {
  setup(INTEL, 0);
  leaves("ZE_AFFINITY_MASK", "1.0,1.1,3", "1 3 1 3", ""); /* a card of which all tiles are named counts once */
  leaves("ZE_AFFINITY_MASK", "3,1", "1 3 1 3", "");       /* a set */
  leaves("ZE_AFFINITY_MASK", "0,9,x,2", "0 2 0 2", "names \"x\", which is not a device here: the entry is ignored");
  leaves("ZE_AFFINITY_MASK", "9", "-1 -1 -1 -1", "no accelerator");
  leaves("ZE_AFFINITY_MASK", "", "0 1 2 3", "");
  leaves("ZE_AFFINITY_MASK", "default", "0 1 2 3", "");
  leaves("ONEAPI_DEVICE_SELECTOR", "level_zero:2,0;opencl:1", "0 2 0 2", "");
  leaves("ONEAPI_DEVICE_SELECTOR", "level_zero:gpu", "0 1 2 3", "");
  leaves("ONEAPI_DEVICE_SELECTOR", "*:1", "0 1 2 3", "");
  setenv("ONEAPI_DEVICE_SELECTOR", "level_zero:1", 1);
  leaves("ZE_AFFINITY_MASK", "0,3", "3 3 3 3", ""); /* of what the mask leaves */
  unsetenv("ONEAPI_DEVICE_SELECTOR");
  setenv("ZE_FLAT_DEVICE_HIERARCHY", "FLAT", 1);
  leaves("ZE_AFFINITY_MASK", "1.0,2", "2 2 2 2", "which is not a device here");
  for (int i = 0; i < 4; i++) { /* two cards of two tiles */
    devices[i].num_partitions = 2;
    devices[i].partition = (int16_t)(i % 2);
    memcpy(devices[i].bus_id, devices[i & 2].bus_id, sizeof devices[i].bus_id);
  }
  leaves("ZE_AFFINITY_MASK", "3", "3 3 3 3", "");
  setenv("ZE_FLAT_DEVICE_HIERARCHY", "COMPOSITE", 1);
  leaves("ZE_AFFINITY_MASK", "1.1", "3 3 3 3", "");
  leaves("ZE_AFFINITY_MASK", "1", "2 2 2 2", "");
  leaves("ZE_AFFINITY_MASK", "1.0,0.1", "1 2 1 2", "");
}

/* A tile of a card, where hwloc only knows cards. */
static void tiles_of_cards(void) {
  eplb_rank_info_t info = {0};
  setup(INTEL, 0);
  setenv("ZE_AFFINITY_MASK", "2.1", 1);
  CU_ASSERT(eplb_rank_device(&host, 0, &info) == EPLB_SUCCESS);
  CU_ASSERT(info.device_index == 2 && info.device.partition == 1 && info.device.num_partitions == 2);
}

static void order_of_cuda(void) {
  static const char *const by_speed[] = {"cuda2", "cuda0", "cuda3 nvml2", "nvml3 cuda1"};
  setup(NVIDIA, 0);
  leaves("CUDA_VISIBLE_DEVICES", "0", "0 0 0 0", "");
  for (int i = 0; i < 4; i++)
    snprintf(devices[i].backends, sizeof devices[i].backends, "%s", by_speed[i]);
  leaves("CUDA_VISIBLE_DEVICES", "0,1,2", "1 3 0 1", "");
  setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST", 1);
  leaves("CUDA_VISIBLE_DEVICES", "3", "2 2 2 2", "");
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
  leaves("CUDA_VISIBLE_DEVICES", "3,0", "3 0 3 0", "");
  setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST", 1);
  host.narrowed = 1; /* CUDA's numbers are those of another list */
  leaves("CUDA_VISIBLE_DEVICES", "3", "3 3 3 3", "");
  snprintf(devices[1].name, sizeof devices[1].name, "NVIDIA T4");
  leaves("CUDA_VISIBLE_DEVICES", "3", "3 3 3 3", "CUDA's order of them is not known: set CUDA_DEVICE_ORDER");
}

/* GPUs 0 and 1 with two MIG devices each. */
static void mig_devices(void) {
  eplb_rank_info_t info = {0};
  setup(NVIDIA, 1);
  for (int i = 0; i < 4; i++) {
    devices[i].num_partitions = 2;
    devices[i].partition = (int16_t)(i % 2);
    memcpy(devices[i].bus_id, devices[i & 2].bus_id, sizeof devices[i].bus_id);
    memcpy(devices[i].uuid, "MIG", 3);
  }
  leaves("CUDA_VISIBLE_DEVICES", "MIG-00001001-aaaa-bbbb-cccc-000000000001", "1 1 1 1", "");
  leaves("CUDA_VISIBLE_DEVICES", "MIG-00001003,MIG-00001000", "3 0 3 0", "");
  leaves("CUDA_VISIBLE_DEVICES", "1", "2 2 2 2", ""); /* the first of GPU 1 */
  leaves("CUDA_VISIBLE_DEVICES", "2", "-1 -1 -1 -1", "no accelerator");
  setup(NVIDIA, 1); /* the older form names the GPU, and is a device of its own */
  setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-00001002-aaaa-bbbb-cccc-000000000002/1/0", 1);
  CU_ASSERT(eplb_rank_device(&host, 0, &info) == EPLB_SUCCESS && info.device_index == 2);
  CU_ASSERT(!strcmp(info.device.uuid, "MIG-GPU-00001002-aaaa-bbbb-cccc-000000000002/1/0"));
}

static void partitions_by_bus_id(void) {
  setup(AMD, 0);
  for (int i = 0; i < 4; i++) {
    devices[i].num_partitions = 4;
    devices[i].partition = (int16_t)i;
    memcpy(devices[i].bus_id, devices[0].bus_id, sizeof devices[i].bus_id);
  }
  setenv("EPLB_DEVICE", "0000:10:00.0/3", 1);
  CU_ASSERT(device(0, EPLB_DEVICE_BY_EPLB) == 3);
  setenv("EPLB_DEVICE", "10:00.0/1", 1);
  CU_ASSERT(device(0, EPLB_DEVICE_BY_EPLB) == 1);
  refused("EPLB_DEVICE", "10:00.0", "has 4 partitions; expected one of these, such as \"0000:10:00.0/3\"");
  refused("EPLB_DEVICE", "10:00.0/4", "EPLB_DEVICE names device \"10:00.0/4\"");
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
  setenv("SLURM_TOPOLOGY_ADDR", "s0.l4.n17.cluster.example.org", 1); /* a node's name may have dots */
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS && !strcmp(info.domain, "switch=s0/switch=l4"));
  setenv("SLURMD_NODENAME", "n17.cluster.example.org", 1);
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS && !strcmp(info.domain, "switch=s0/switch=l4"));
  setenv("SLURM_TOPOLOGY_ADDR", "s0.l4.l5.n17.cluster.example.org", 1); /* more switches than the pattern has */
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS && info.domain_rule == EPLB_DOMAIN_UNKNOWN);
  unsetenv("SLURMD_NODENAME");
  setenv("SLURM_TOPOLOGY_ADDR", "s0.l4.n17", 1);
  setenv("SLURM_TOPOLOGY_ADDR_PATTERN", "node", 1); /* does not go with the address */
  CU_ASSERT(eplb_rank_domain(&info) == EPLB_SUCCESS && info.domain_rule == EPLB_DOMAIN_UNKNOWN);
  unsetenv("SLURM_TOPOLOGY_ADDR");
}

/* Whether ranks with these two values of a variable share a device; both ways round. */
static int share(const char *variable, const char *x, const char *y) {
  eplb_rank_info_t a = {0}, b = {0};
  setenv(variable, x, 1);
  CU_ASSERT(eplb_rank_device(&host, 0, &a) == EPLB_SUCCESS);
  setenv(variable, y, 1);
  CU_ASSERT(eplb_rank_device(&host, 0, &b) == EPLB_SUCCESS);
  unsetenv(variable);
  CU_ASSERT(eplb_rank_shares_device(&a, &b) == eplb_rank_shares_device(&b, &a));
  return eplb_rank_shares_device(&a, &b);
}

static void who_shares(void) {
  setup(NVIDIA, 1);
  CU_ASSERT(share("CUDA_VISIBLE_DEVICES", "1", "1") && !share("CUDA_VISIBLE_DEVICES", "1", "2"));
  CU_ASSERT(!share("CUDA_VISIBLE_DEVICES", "", "")); /* no device */
  CU_ASSERT(!share("CUDA_VISIBLE_DEVICES", "MIG-12345678-0", "MIG-12345678-1"));
  CU_ASSERT(share("CUDA_VISIBLE_DEVICES", "MIG-12345678-0", "MIG-12345678-0"));
  CU_ASSERT(share("CUDA_VISIBLE_DEVICES", "MIG-GPU-00001002/1/0", "2")); /* a part and the whole */
  setup(INTEL, 0);
  CU_ASSERT(share("ZE_AFFINITY_MASK", "1.0", "1.0") && share("ZE_AFFINITY_MASK", "1.0", "1"));
  CU_ASSERT(!share("ZE_AFFINITY_MASK", "1.0", "1.1"));
}

int main(void) {
  static const tap_test_t tests[] = {{"by local rank", by_local_rank},
                                     {"EPLB_DEVICE", by_own_variable},
                                     {"lists of visible devices", by_list},
                                     {"entries that name no device", entries_that_name_nothing},
                                     {"lists that say none", none_is_noted},
                                     {"UUIDs that hwloc does not know", unknown_uuids_are_noted},
                                     {"each vendor's own variables", by_vendor},
                                     {"ZE_AFFINITY_MASK", affinity_masks},
                                     {"tiles of cards", tiles_of_cards},
                                     {"CUDA_DEVICE_ORDER", order_of_cuda},
                                     {"MIG devices", mig_devices},
                                     {"partitions by PCI bus id", partitions_by_bus_id},
                                     {"who shares a device", who_shares},
                                     {"EPLB_DOMAIN and Slurm's address", outer_domains},
                                     {NULL, NULL}};
  return tap_run("rank device", tests);
}
