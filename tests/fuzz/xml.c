/* hwloc XML documents of any content: refused with a sentence, or a host that holds together. */
#include "fuzz.h"
#include "mpi/detect/host.h"
#include <math.h>

static void check_accelerator(const eplb_host_t *h, int index) {
  const eplb_accelerator_t *a = &h->accelerator[index];
  fuzz_expect(memchr(a->bus_id, 0, sizeof a->bus_id) && memchr(a->name, 0, sizeof a->name) && a->name[0]);
  fuzz_expect(memchr(a->backends, 0, sizeof a->backends) && memchr(a->uuid, 0, sizeof a->uuid));
  fuzz_expect(a->island >= 0 && a->island < h->num_accelerators && a->numa >= -1 && a->memory >= 0);
  for (int k = 0; k < h->num_accelerators; k++) {
    double rate = h->bandwidth[(size_t)index * (size_t)h->num_accelerators + (size_t)k];
    fuzz_expect(isfinite(rate) && rate >= 0 && (k != index || rate <= 0));
  }
}

static void check_host(const eplb_host_t *h) {
  fuzz_expect(h->declared && h->num_accelerators >= 0 && h->num_packages >= 0 && h->num_numa >= 0 && h->num_pus >= 1);
  fuzz_expect(h->num_pu_numbers >= 1 && memchr(h->name, 0, sizeof h->name));
  for (int i = 0; i < h->num_accelerators; i++)
    check_accelerator(h, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eplb_host_t *host = NULL;
  setenv("HWLOC_HIDE_ERRORS", "2", 1);
  eplb_status_t status = eplb_host_from_xml("input", (const char *)data, size, &host);
  if (status)
    fuzz_expect(!host && eplb_last_error()[0]);
  else
    check_host(host);
  eplb_host_destroy(&host);
  return 0;
}
