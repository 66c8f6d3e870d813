/* A host's description as bytes, for messages between ranks of one program. */
#ifndef EPLB_MPI_MACHINE_HOST_PACK_H
#define EPLB_MPI_MACHINE_HOST_PACK_H

#include <eplb/detect.h>

/* How many bytes a host takes; `with_pus`: also where its processing units are, which only ranks on it ask for. */
size_t eplb_host_pack_size(const eplb_host_t *host, int with_pus);

/* Writes that many bytes. */
void eplb_host_pack_write(const eplb_host_t *host, int with_pus, char *bytes);

/* Makes the host again; the caller owns *host. EPLB_ERR_MEMORY. */
eplb_status_t eplb_host_pack_read(const char *bytes, eplb_host_t **host);

#endif
