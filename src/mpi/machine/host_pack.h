/* Packs a host's description into bytes, for messages between ranks of one program. */
#ifndef EPLB_MPI_MACHINE_HOST_PACK_H
#define EPLB_MPI_MACHINE_HOST_PACK_H

#include <eplb/detect.h>

/* The packed size of a host; `with_pus`: with the locations of its processing units, which only ranks on it need. */
size_t eplb_host_pack_size(const eplb_host_t *host, int with_pus);

/* Writes that many bytes. */
void eplb_host_pack_write(const eplb_host_t *host, int with_pus, char *bytes);

/* Unpacks a host; the caller owns *host. EPLB_ERR_MEMORY. */
eplb_status_t eplb_host_pack_read(const char *bytes, eplb_host_t **host);

#endif
