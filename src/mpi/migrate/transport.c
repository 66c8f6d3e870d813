/* The list of transports, and which one reaches a peer. */
#include "mpi/migrate/transport.h"

const eplb_transport_t *const eplb_transports[] = {&eplb_transport_shm, &eplb_transport_mpi, NULL};

int eplb_transport_find(const eplb_migrate_context_t *c, int peer) {
  int number = 0;
  while (!c->transport[number]->longest_chunk(c, peer))
    number++;
  return number;
}

void eplb_transport_arrived(eplb_transport_report_t *report, int32_t incoming, int64_t chunk) {
  report->arrival[report->num_arrivals++] = (eplb_chunk_arrival_t){incoming, chunk};
}
