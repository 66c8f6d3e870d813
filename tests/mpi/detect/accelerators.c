/* Accelerators of made-up machines, for what recorded ones do not show, and what else hwloc is asked. */
#include "machine_table.h"
#include "mpi/detect/host.h"
#include "mpi/detect/rank_device.h"
#include "tap.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const machine_expected_t made_up[] = {
    {"cpu-only", "", "", "", 0, 0, 0, 0},
    {"hgx-all", "0 0 0 0 1 1 1 1", "NVIDIA H100 80GB HBM3", "nvml", 0, 2, 0, 0},
    {"hgx-cgroup-4-6", "1 1", "NVIDIA H100 80GB HBM3", "nvml", 0, 1, 0, 0}, /* NVML shows two */
    {"hgx-pcionly", "0 0 0 0 1 1 1 1", "NVIDIA", "", 0, 2, 0, 0},
    {"intel-max", "0 0 0 0 1 1", "Intel(R) Data Center GPU Max 1550", "ze", 4, 1, 13000, 13000}, /* tiles */
    {"mi300a-tpx", "0 0 0 1 1 1 2 2 2 3 3 3", "AMD Instinct MI300A", "rsmi", 0, 4, 0, 0},
    {"mixed", "0 1", "", "", 0, 2, 0, 0}, /* NVML does not show the third */
    {"nopci-4gpu", "0 0 0 0", "NVIDIA L40S", "cuda nvml", 0, 1, 0, 0},
    {"no-pci", "0 0 1", "NVIDIA A100-SXM4-40GB", "cuda nvml", 0, 2, 0, 0},
    {"mig-cuda", "0 0 0", "NVIDIA", "cuda", 0, 2, 0, 0},
    {"pvc-flat", "0 0 0 0 0 0 0 0 0 0 0 0", "Intel", "ze opencl", 0, 6, 0, 0},
    {"quads", "0 0 0 0 1 1 1 1", "NVIDIA", "nvml", 4, 2, 25000, 50000},
};

static void our_machines(void) {
  for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++) {
    char name[64];
    snprintf(name, sizeof name, "machines/%s.xml", made_up[i].file);
    machine_check(&made_up[i], tap_data(name));
  }
}

static void cards_where_level_zero_shows_cards(void) {
  static const machine_expected_t cards = {"intel-max", "0 0 1", "Intel(R) Data Center GPU Max 1550", "ze", 2, 1,
                                           52000,       52000};
  setenv("ZE_FLAT_DEVICE_HIERARCHY", "COMPOSITE", 1);
  machine_check(&cards, tap_data("machines/intel-max.xml"));
  unsetenv("ZE_FLAT_DEVICE_HIERARCHY");
}

/* What ranks drive, by their lists: the devices of local ranks 0, 1, ... in PCI bus ids and partitions or, where there
 * is no PCI device, in UUIDs. */
static const struct {
  const char *file, *setting, *devices;
} driven[] = {
    {"hgx-all", "CUDA_VISIBLE_DEVICES=6,1", "0000:70:00.0 0000:20:00.0"},
    {"hgx-all", "CUDA_VISIBLE_DEVICES=GPU-00000003-1111", "0000:40:00.0"},
    {"hgx-cgroup-4-6", "CUDA_VISIBLE_DEVICES=0,1", "0000:50:00.0 0000:70:00.0"},
    {"hgx-cgroup-4-6", "X=", "0000:50:00.0 0000:70:00.0 0000:50:00.0"},
    {"hgx-cgroup-4-6", "CUDA_VISIBLE_DEVICES=4,6", "none"},
    {"hgx-pcionly", "CUDA_VISIBLE_DEVICES=NoDevFiles", "none none"},
    {"hgx-pcionly", "CUDA_VISIBLE_DEVICES=0,99,1", "0000:10:00.0 0000:10:00.0"},
    {"nopci-4gpu", "CUDA_VISIBLE_DEVICES=3", "GPU-bb000003-0000-0000-0000-000000000000"},
    {"nopci-4gpu", "CUDA_VISIBLE_DEVICES=", "none"},
    {"nopci-4gpu", "CUDA_VISIBLE_DEVICES=GPU-bb000002", "GPU-bb000002-0000-0000-0000-000000000000"},
    {"mi300a-tpx", "ROCR_VISIBLE_DEVICES=5", "0001:01:00.0/2"},
    {"mi300a-tpx", "ROCR_VISIBLE_DEVICES=3", "0001:01:00.0/0"},
    {"mi300a-tpx", "HIP_VISIBLE_DEVICES=11,1", "0003:01:00.0/2 0000:01:00.0/1"},
    {"mi300a-tpx", "X=", "0000:01:00.0/0 0000:01:00.0/1 0000:01:00.0/2 0001:01:00.0/0 0001:01:00.0/1"},
    {"pvc-flat", "ZE_AFFINITY_MASK=3", "0000:20:00.0/1"},
    {"pvc-flat", "ZE_AFFINITY_MASK=1.0", "0000:20:00.0/0"},
    {"pvc-flat", "ZE_AFFINITY_MASK=12", "none"},
    {"mig-cuda", "CUDA_VISIBLE_DEVICES=1", "0000:10:00.0/1"},
    {"mig-cuda", "CUDA_VISIBLE_DEVICES=2", "0000:20:00.0"},
    {"mig-cuda", "CUDA_VISIBLE_DEVICES=GPU-11111111", "0000:10:00.0/0"},
    {"intel-max", "ZE_AFFINITY_MASK=3", "0000:3a:00.0/1"},
    {"intel-max", "ZE_AFFINITY_MASK=2.1", "0000:c3:00.0/1"},
};

static void devices_by_list(void) {
  for (size_t i = 0; i < sizeof driven / sizeof *driven; i++) {
    eplb_host_t *h = NULL;
    char name[64], variable[64], got[256] = "";
    int ranks = 1;
    snprintf(name, sizeof name, "machines/%s.xml", driven[i].file);
    CU_ASSERT_FATAL(eplb_host_detect(tap_data(name), &h) == EPLB_SUCCESS);
    snprintf(variable, sizeof variable, "%.*s", (int)strcspn(driven[i].setting, "="), driven[i].setting);
    setenv(variable, strchr(driven[i].setting, '=') + 1, 1);
    for (const char *at = driven[i].devices; *at; at++)
      ranks += *at == ' ';
    for (int r = 0; r < ranks; r++) {
      eplb_rank_info_t info = {0};
      char part[8] = "";
      CU_ASSERT(eplb_rank_device(h, r, &info) == EPLB_SUCCESS);
      if (info.device.num_partitions)
        snprintf(part, sizeof part, "/%d", info.device.partition);
      snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s%s", r ? " " : "",
               info.device_index < 0 ? "none"
               : *info.device.bus_id ? info.device.bus_id
                                     : info.device.uuid,
               part);
    }
    if (strcmp(got, driven[i].devices))
      printf("# %s, %s: %s\n", driven[i].file, driven[i].setting, got);
    CU_ASSERT(!strcmp(got, driven[i].devices));
    unsetenv(variable);
    eplb_host_destroy(&h);
  }
}

static const eplb_host_t *made_up_host(const char *name, eplb_host_t **h) {
  char file[64];
  snprintf(file, sizeof file, "machines/%s.xml", name);
  CU_ASSERT_FATAL(eplb_host_detect(tap_data(file), h) == EPLB_SUCCESS);
  return *h;
}

static void details_are_told(void) {
  eplb_host_t *h = NULL;
  made_up_host("intel-max", &h);
  CU_ASSERT(!strcmp(h->accelerator[0].bus_id, "0000:9a:00.0")); /* ze0, though behind ze1 on the bus */
  CU_ASSERT(h->num_accelerators == 6 && h->accelerator[5].partition == 1 && h->accelerator[5].num_partitions == 2);
  CU_ASSERT(h->accelerator[0].memory == INT64_C(32) << 30); /* half of the card's */
  CU_ASSERT(!strcmp(h->accelerator[0].vendor_name, "Intel"));
  CU_ASSERT(!strcmp(h->link_name, "XeLink"));
  eplb_host_destroy(&h);
  made_up_host("mixed", &h);
  CU_ASSERT(!strcmp(h->accelerator[0].name, "AMD Instinct MI300X"));
  CU_ASSERT(!strcmp(h->accelerator[1].backends, "cuda0 nvml0 opencl0d0"));
  CU_ASSERT(!strcmp(h->name, "mixed"));
  eplb_host_destroy(&h);
  made_up_host("quads", &h);
  for (int i = 0; i < 8; i++)
    CU_ASSERT(h->accelerator[i].island == i / 4);
  CU_ASSERT_DOUBLE_EQUAL(h->bandwidth[0 * 8 + 4], 25e9, 1); /* no closure where there is no switch */
  CU_ASSERT_DOUBLE_EQUAL(h->bandwidth[0 * 8 + 5], 0, 0);
  eplb_host_destroy(&h);
}

static void synthetic_machines(void) {
  eplb_host_t *h = NULL;
  CU_ASSERT_FATAL(eplb_host_detect("package:2 numa:2 core:4 pu:2", &h) == EPLB_SUCCESS);
  CU_ASSERT(h->num_packages == 2 && h->num_numa == 4 && h->num_cores == 16 && h->num_pus == 32);
  CU_ASSERT(h->num_pu_numbers == 32 && h->pu_numa[31] == 3 && h->pu_package[31] == 1 && h->pu_numa[0] == 0);
  CU_ASSERT(h->num_accelerators == 0);
  eplb_host_destroy(&h);
}

static void bad_documents(void) {
  static const struct {
    const char *text, *sentence;
  } bad[] = {
      {"", "is empty"},
      {"no XML", "has no <topology>"},
      {"<topology version=\"3.0\"></topology>", "is an XML file of hwloc 3"},
      {"<topology version=\"2.0\"><object type=\"Machine\">", "is cut short"},
      {"<topology version=\"2.0\"><object type=\"Machine\"></topology>", "is not an XML file that hwloc can read"},
      {"<topology version=\"2.0\"></topology>", "is not a complete and valid XML file"},
  };
  eplb_host_t *h = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    TAP_FAILS(eplb_host_from_xml("text", bad[i].text, strlen(bad[i].text), &h), EPLB_ERR_FORMAT, bad[i].sentence);
  TAP_FAILS(eplb_host_detect(tap_data("../fuzz/corpus/xml/crashes-hwloc"), &h), EPLB_ERR_FORMAT, "makes hwloc crash");
  TAP_FAILS(eplb_host_detect(tap_data("../fuzz/corpus/xml/no-processing-unit"), &h), EPLB_ERR_FORMAT,
            "has no processing unit");
  TAP_FAILS(eplb_host_detect("no such file.xml", &h), EPLB_ERR_IO, "cannot open no such file.xml");
  TAP_FAILS(eplb_host_detect("core:x", &h), EPLB_ERR_FORMAT, "is not a synthetic description");
  TAP_FAILS(eplb_host_detect(NULL, NULL), EPLB_ERR_ARGUMENT, "host is NULL");
  CU_ASSERT(h == NULL);
}

int main(void) {
  static const tap_test_t tests[] = {{"synthetic machines", our_machines},
                                     {"cards where Level Zero shows cards", cards_where_level_zero_shows_cards},
                                     {"devices of ranks by their lists", devices_by_list},
                                     {"names, UUIDs, memory, islands and numbers", details_are_told},
                                     {"synthetic descriptions", synthetic_machines},
                                     {"bad documents, a sentence each", bad_documents},
                                     {NULL, NULL}};
  return tap_run("accelerators", tests);
}
