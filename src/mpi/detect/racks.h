/* The file that lists the racks of hosts. */
#ifndef EPLB_MPI_DETECT_RACKS_H
#define EPLB_MPI_DETECT_RACKS_H

#include <eplb/detect.h>

/* Whether a path of domains, "rack3" or "fabric=f0/rack=r3", can be read; `what` names it in the sentence. Local.
 * EPLB_ERR_ARGUMENT. */
eplb_status_t eplb_check_domain(const char *what, const char *path);

/* Reads lines of a host name and a path of domains ("#" starts a comment) and sets domain and domain_rule of
 * rank[num_ranks] by host; a host name without its domain name also fits. Local. EPLB_ERR_IO, EPLB_ERR_MEMORY;
 * EPLB_ERR_FORMAT names line or host. */
eplb_status_t eplb_read_racks(const char *path, eplb_rank_info_t *rank, int num_ranks);

#endif
