/* The parts of `eplb topo`: what is detected, what is measured, and how both are shown. */
#ifndef EPLB_TOOLS_TOPO_TOPO_H
#define EPLB_TOOLS_TOPO_TOPO_H

#include <eplb/eplb_mpi.h>
#include <jansson.h>

/* One class of pairs of ranks: those whose innermost common domain is of one level. */
typedef struct topo_link {
  char name[EPLB_LEVEL_NAME_MAX]; /* of that level; "across" where they share none */
  int crosses_nodes;
  int pairs; /* that were measured, 0: there are none */
  double bytes_per_second, seconds;
} topo_link_t;

/* Classes from the innermost level out, one more than there are levels. */
typedef struct topo_links {
  int count;
  topo_link_t link[EPLB_MAX_LEVELS + 1];
} topo_links_t;

/* What is shown: a job, a host or a declared topology. */
typedef struct topo_view {
  const char *declared_by;         /* file or text; NULL: this job */
  const eplb_machine_t *machine;   /* of a job, with its ranks */
  const eplb_topology_t *topology; /* of a job, its nodes being hosts, or a declared one; NULL of a host */
  const eplb_topology_t *planned;  /* of a job: the same as planners see it; else NULL */
  eplb_host_t *const *host;        /* [num_hosts]: one a node of a job, one of a host; NULL of a declared topology */
  int num_hosts;
  const topo_links_t *links; /* or NULL */
} topo_view_t;

/* Measures few pairs of each class, one pair at a time. Collective over comm; the result is on every rank.
 * EPLB_ERR_MEMORY on every rank. */
eplb_status_t topo_measure(MPI_Comm comm, const eplb_topology_t *topology, topo_links_t *links);

/* A document; NULL without memory. */
json_t *topo_json(const topo_view_t *view);

/* For people, on stdout, within 80 columns. */
void topo_print(const topo_view_t *view);

/* ---- what is unusual about a rank ---- */

/* Another rank of its node that drives the same accelerator; -1 if none. */
int topo_sharing_rank(const eplb_machine_t *machine, const eplb_rank_info_t *rank);

/* Whether it is bound to another NUMA node than its accelerator's. */
int topo_is_bound_elsewhere(const eplb_rank_info_t *rank);

/* Prints one line for each unusual finding; nothing if there is none. */
void topo_print_unusual(const eplb_machine_t *machine);

#endif
