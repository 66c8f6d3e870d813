/* AMD's GPUs as the kernel's driver tells them: two in TPX mode, of which the later on the bus comes first, one that a
 * cgroup denies, and one that is whole. */
#include "mpi/detect/kfd.h"
#include "core/util/alloc.h"
#include "tap.h"
#include <eplb/detect.h>
#include <stdio.h>
#include <string.h>

enum { AMD = 0x1002, NVIDIA = 0x10de, GPUS = 5 };

static const char *const buses[GPUS] = {"0000:10:00.0", "0000:20:00.0", "0000:40:00.0", "0001:30:00.0", "0000:50:00.0"};
static hwloc_obj_t *object;

/* What hwloc sees by PCI only; the last is NVIDIA's. */
static eplb_host_t *see(void) {
  eplb_host_t *h = EPLB_NEW(eplb_host_t, 1);
  h->num_accelerators = GPUS;
  h->accelerator = EPLB_NEW(eplb_accelerator_t, GPUS);
  object = EPLB_NEW(hwloc_obj_t, GPUS);
  for (int i = 0; i < GPUS; i++) {
    h->accelerator[i].vendor = i < GPUS - 1 ? AMD : NVIDIA;
    snprintf(h->accelerator[i].bus_id, sizeof h->accelerator[i].bus_id, "%s", buses[i]);
  }
  return h;
}

static void forget(eplb_host_t *h) {
  eplb_host_destroy(&h);
  free(object);
}

static void partitions_in_the_order_of_nodes(void) {
  static const struct {
    const char *bus_id, *uuid;
    int partition, partitions;
  } expected[] = {{"0000:20:00.0", "abc0000000000020", 0, 3}, {"0000:20:00.0", "abc0000000000021", 1, 3},
                  {"0000:20:00.0", "abc0000000000022", 2, 3}, {"0000:10:00.0", "abc0000000000010", 0, 3},
                  {"0000:10:00.0", "abc0000000000011", 1, 3}, {"0000:10:00.0", "abc0000000000012", 2, 3},
                  {"0001:30:00.0", "abc0000000000030", 0, 0}, {"0000:50:00.0", "", 0, 0}};
  eplb_host_t *h = see();
  CU_ASSERT(eplb_ask_kfd(tap_data("kfd"), h, &object) == EPLB_SUCCESS);
  CU_ASSERT_FATAL(h->num_accelerators == 8);
  for (int i = 0; i < 8; i++) {
    const eplb_accelerator_t *a = &h->accelerator[i];
    CU_ASSERT(!strcmp(a->bus_id, expected[i].bus_id) && !strcmp(a->uuid, expected[i].uuid));
    CU_ASSERT(a->partition == expected[i].partition && a->num_partitions == expected[i].partitions);
  }
  forget(h);
}

static void what_needs_no_driver_stays(void) {
  eplb_host_t *h = see();
  CU_ASSERT(eplb_ask_kfd("/no such folder", h, &object) == EPLB_SUCCESS && h->num_accelerators == GPUS);
  snprintf(h->accelerator[1].backends, sizeof h->accelerator[1].backends, "rsmi0"); /* hwloc knows more */
  CU_ASSERT(eplb_ask_kfd(tap_data("kfd"), h, &object) == EPLB_SUCCESS && h->num_accelerators == GPUS);
  forget(h);
}

int main(void) {
  static const tap_test_t tests[] = {{"partitions in the order of nodes", partitions_in_the_order_of_nodes},
                                     {"what needs no driver stays", what_needs_no_driver_stays},
                                     {NULL, NULL}};
  return tap_run("KFD", tests);
}
