/* What a rank detects about itself, besides its device. */
#ifndef EPLB_MPI_DETECT_RANK_H
#define EPLB_MPI_DETECT_RANK_H

#include <eplb/detect.h>

/* Sets package, numa and num_pus of *info: where this process is bound on its host. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_binding(const eplb_host_t *host, eplb_rank_info_t *info);

/* Sets domain and domain_rule of *info from this process's environment: EPLB_DOMAIN, "rack3" or "fabric=f0/rack=r3",
 * else SLURM_TOPOLOGY_ADDR. Local. EPLB_ERR_ARGUMENT. */
eplb_status_t eplb_rank_domain(eplb_rank_info_t *info);

#endif
