/* What NVML adds to hwloc's view, by a FAKE of the library: no GPU has a part in this. The machine is one that hwloc
 * sees by PCI only. */
#include "fake_nvml.h"
#include "mpi/detect/rank_device.h"
#include "tap.h"
#include <eplb/detect.h>
#include <stdlib.h>
#include <string.h>

/* The machine, with what NVML shows of it. */
static eplb_host_t *look(const char *file, const char *gpus) {
  eplb_host_t *h = NULL;
  setenv("HWLOC_XMLFILE", tap_data(file), 1);
  setenv("HWLOC_THISSYSTEM", "1", 1);
  fake_nvml_show(gpus);
  CU_ASSERT_FATAL(eplb_host_detect(NULL, &h) == EPLB_SUCCESS);
  CU_ASSERT(fake_nvml_open() == 0);
  return h;
}

static const char machine[] = "machines/hgx-pcionly.xml";

static void what_it_does_not_show_does_not_count(void) {
  eplb_host_t *h = look(machine, "0000:50:00.0 0000:70:00.0");
  CU_ASSERT_FATAL(h->num_accelerators == 2);
  CU_ASSERT(!strcmp(h->accelerator[1].bus_id, "0000:70:00.0") && h->accelerator[1].numa == 1);
  CU_ASSERT(!strncmp(h->accelerator[1].uuid, "GPU-fa4e0100", 12) && !h->accelerator[1].fabric[0]);
  eplb_host_destroy(&h);
  h = look(machine, ""); /* a job without GPUs */
  CU_ASSERT(h->num_accelerators == 0);
  eplb_host_destroy(&h);
}

static void without_it_all_count(void) {
  eplb_host_t *h = look(machine, NULL); /* no driver */
  CU_ASSERT(h->num_accelerators == 8);
  eplb_host_destroy(&h);
  setenv("EPLB_NVML_LIBRARY", "libc.so.6", 1); /* another library */
  h = look(machine, "0000:50:00.0");
  CU_ASSERT(h->num_accelerators == 8);
  eplb_host_destroy(&h);
  setenv("EPLB_NVML_LIBRARY", "libfakenvml.so", 1);
  CU_ASSERT_FATAL(eplb_host_detect(tap_data(machine), &h) == EPLB_SUCCESS); /* not this machine */
  CU_ASSERT(h->num_accelerators == 8);
  eplb_host_destroy(&h);
}

static void mig_devices_are_devices(void) {
  eplb_rank_info_t info = {0};
  eplb_host_t *h = look(machine, "0000:10:00.0/3 0000:60:00.0");
  CU_ASSERT_FATAL(h->num_accelerators == 4);
  for (int m = 0; m < 3; m++) {
    const eplb_accelerator_t *a = &h->accelerator[m];
    CU_ASSERT(!strcmp(a->bus_id, "0000:10:00.0") && a->partition == m && a->num_partitions == 3 && a->island == 0);
    CU_ASSERT(a->memory == INT64_C(10) << 30 && !strcmp(a->name, "NVIDIA Fake MIG 1g.10gb"));
  }
  CU_ASSERT(!h->accelerator[3].num_partitions && h->accelerator[3].island == 1);
  setenv("CUDA_VISIBLE_DEVICES", "MIG-fa4e0002-0000-0000-0000-000000000000", 1);
  CU_ASSERT(eplb_rank_device(h, 0, &info) == EPLB_SUCCESS && info.device_index == 2 && !info.note[0]);
  setenv("CUDA_VISIBLE_DEVICES", "GPU-fa4e0000", 1); /* the first of its devices, as CUDA takes it */
  CU_ASSERT(eplb_rank_device(h, 0, &info) == EPLB_SUCCESS && info.device_index == 0 && !info.note[0]);
  setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-fa4e0000-0000-0000-0000-000000000000/1/0", 1);
  CU_ASSERT(eplb_rank_device(h, 0, &info) == EPLB_SUCCESS && info.device_index == 0);
  setenv("CUDA_VISIBLE_DEVICES", "1", 1); /* GPU 1 */
  CU_ASSERT(eplb_rank_device(h, 0, &info) == EPLB_SUCCESS && info.device_index == 3);
  unsetenv("CUDA_VISIBLE_DEVICES");
  eplb_host_destroy(&h);
}

static void fabrics_are_told(void) {
  for (int is_old = 0; is_old < 2; is_old++) {
    fake_nvml_be_old(is_old);
    eplb_host_t *h = look(machine, "0000:10:00.0@7.1 0000:20:00.0@7.2 0000:30:00.0@0.1");
    CU_ASSERT_FATAL(h->num_accelerators == 3);
    CU_ASSERT(!strcmp(h->accelerator[0].fabric, "07070707070707070707070707070707.1"));
    CU_ASSERT(!strcmp(h->accelerator[1].fabric, "07070707070707070707070707070707.2"));
    CU_ASSERT(!h->accelerator[2].fabric[0]); /* a fabric of one host alone */
    eplb_host_destroy(&h);
  }
  fake_nvml_be_old(0);
}

static void gpus_without_a_pci_device(void) {
  eplb_host_t *h = look("machines/nopci-4gpu.xml", "0000:10:00.0"); /* none has this one's UUID */
  CU_ASSERT(h->num_accelerators == 0);
  eplb_host_destroy(&h);
}

int main(void) {
  static const tap_test_t tests[] = {{"what it does not show does not count", what_it_does_not_show_does_not_count},
                                     {"without it all count", without_it_all_count},
                                     {"MIG devices are devices", mig_devices_are_devices},
                                     {"fabrics are told", fabrics_are_told},
                                     {"GPUs without a PCI device", gpus_without_a_pci_device},
                                     {NULL, NULL}};
  setenv("EPLB_NVML_LIBRARY", "libfakenvml.so", 1);
  unsetenv("CUDA_VISIBLE_DEVICES");
  return tap_run("NVML", tests);
}
