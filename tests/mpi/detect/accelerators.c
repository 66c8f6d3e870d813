/* Accelerators of made-up machines, for what recorded ones do not show, and what else hwloc is asked. */
#include "machine_table.h"
#include "tap.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <string.h>

static const machine_expected_t made_up[] = {
    {"cpu-only", "", "", "", 0, 0, 0, 0},
    {"intel-max", "0 0 1", "Intel(R) Data Center GPU Max 1550", "ze", 2, 1, 52000, 52000},
    {"mixed", "0 1 1", "", "", 0, 2, 0, 0},
    {"no-pci", "0 0 1", "NVIDIA A100-SXM4-40GB", "cuda nvml", 0, 2, 0, 0},
    {"quads", "0 0 0 0 1 1 1 1", "NVIDIA", "nvml", 4, 2, 25000, 50000},
};

static void our_machines(void) {
  for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++) {
    char name[64];
    snprintf(name, sizeof name, "machines/%s.xml", made_up[i].file);
    machine_check(&made_up[i], tap_data(name));
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
  CU_ASSERT(!strcmp(h->accelerator[0].uuid, "8680d50b-0000-0000-0000-000000000000"));
  CU_ASSERT(h->accelerator[0].memory == INT64_C(64) << 30);
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
      {"<topology version=\"2.0\"><object type=\"Machine\"></topology>", "is no XML file that hwloc reads"},
      {"<topology version=\"2.0\"></topology>", "is no whole and valid XML file"},
  };
  eplb_host_t *h = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    TAP_FAILS(eplb_host_from_xml("text", bad[i].text, strlen(bad[i].text), &h), EPLB_ERR_FORMAT, bad[i].sentence);
  TAP_FAILS(eplb_host_detect(tap_data("../fuzz/corpus/xml/crashes-hwloc"), &h), EPLB_ERR_FORMAT, "makes hwloc crash");
  TAP_FAILS(eplb_host_detect(tap_data("../fuzz/corpus/xml/no-processing-unit"), &h), EPLB_ERR_FORMAT,
            "has no processing unit");
  TAP_FAILS(eplb_host_detect("no such file.xml", &h), EPLB_ERR_IO, "cannot open no such file.xml");
  TAP_FAILS(eplb_host_detect("core:x", &h), EPLB_ERR_FORMAT, "is no synthetic description");
  TAP_FAILS(eplb_host_detect(NULL, NULL), EPLB_ERR_ARGUMENT, "host is NULL");
  CU_ASSERT(h == NULL);
}

int main(void) {
  static const tap_test_t tests[] = {{"made-up machines", our_machines},
                                     {"names, UUIDs, memory, islands and numbers", details_are_told},
                                     {"synthetic descriptions", synthetic_machines},
                                     {"bad documents, a sentence each", bad_documents},
                                     {NULL, NULL}};
  return tap_run("accelerators", tests);
}
