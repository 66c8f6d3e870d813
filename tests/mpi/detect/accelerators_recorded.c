/* Accelerators of machines that others have recorded. */
#include "machine_table.h"
#include "tap.h"
#include <stdio.h>

static const machine_expected_t recorded[] = {
    {"nvidiaDGX2", "0 0 0 0 0 0 0 0 1 1 1 1 1 1 1 1", "Tesla V100-SXM3-32GB", "nvml", 15, 1, 150000, 150000},
    {"mpibind-eas-tioga", "3 3 1 1 0 0 2 2", "AMD INSTINCT MI200", "rsmi", 7, 1, 100000, 100000},
    {"mpibind-g4dnmetal", "0 0 0 0 1 1 1 1", "NVIDIA Tesla T4", "cuda opencl nvml", 0, 2, 0, 0},
    {"mpibind-epyc-corona-p2", "0 0 0 0 1 1 1 1", "AMD Radeon", "rsmi opencl", 0, 2, 0, 0},
    {"mpibind-cts1-pascal", "0 0", "NVIDIA Tesla P100-PCIE-16GB", "cuda nvml opencl", 0, 1, 0, 0},
    {"flux-amd_gpu-rsmi_corona240", "0 0 0 0 1 1 1 1", "AMD Radeon Instinct MI50 32GB", "rsmi", 0, 2, 0, 0},
    {"psmgmt-topo.jwb0004", "3 1 7 5", "NVIDIA", "", 0, 4, 0, 0},
    {"32em64t-2n8c2t-pci-wholeio", "1 1", "", "", 0, 1, 0, 0}, /* CUDA shows one of three, OpenCL another */
    {"nvidiagpunumanodes", "0 0 0 8 8 8", "", "", 0, 2, 0, 0},
    {"32intel64-2p8co2t+8ve", "0 0 0 0 0 0 0 0", "NEC Vector Engine", "ve", 0, 1, 0, 0},
    {"synth-hgx-h100-8gpu", "0 0 0 0 1 1 1 1", "NVIDIA", "nvml", 7, 1, 450000, 450000},
    {"synth-hgx-h100-8gpu-pcionly", "0 0 0 0 1 1 1 1", "NVIDIA", "", 0, 2, 0, 0},
    {"synth-mi300x-8gpu-nps2", "0 0 1 1 2 2 3 3", "AMD", "rsmi", 7, 1, 64000, 64000},
};

static void all_machines(void) {
  for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%.3900s/topologies/%s.xml", tap_shared(), recorded[i].file);
    machine_check(&recorded[i], path);
  }
}

int main(void) {
  static const tap_test_t tests[] = {{"accelerators, each once, NUMA nodes, peers", all_machines}, {NULL, NULL}};
  if (!tap_shared())
    return tap_skip_all("there is no folder shared beside the project");
  return tap_run("recorded accelerators", tests);
}
