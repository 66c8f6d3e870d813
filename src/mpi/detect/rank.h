/* What a rank finds out about itself, beside its device. */
#ifndef EPLB_MPI_DETECT_RANK_H
#define EPLB_MPI_DETECT_RANK_H

#include <eplb/detect.h>

/* Finds where this process is bound on its own host: package, numa and num_pus of *info. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_binding(const eplb_host_t *host, eplb_rank_info_t *info);

/* Finds what encloses this process's node, from its environment: EPLB_DOMAIN, "rack3" or "fabric=f0/rack=r3", else
 * SLURM_TOPOLOGY_ADDR. Local. Fills domain and domain_rule of *info. EPLB_ERR_ARGUMENT. */
eplb_status_t eplb_rank_domain(eplb_rank_info_t *info);

#endif
