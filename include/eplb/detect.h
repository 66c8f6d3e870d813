/* What each rank runs on and drives, as hwloc sees it, and what all ranks together look like. */
#ifndef EPLB_DETECT_H
#define EPLB_DETECT_H

#include <eplb/topology.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest texts below, with their final zero. */
enum {
  EPLB_HOST_NAME_MAX = 68,
  EPLB_BUS_ID_MAX = 20,
  EPLB_DEVICE_NAME_MAX = 64,
  EPLB_BACKENDS_MAX = 48,
  EPLB_UUID_MAX = 48,
  EPLB_LINK_NAME_MAX = 16,
  EPLB_DOMAIN_PATH_MAX = 128,
  EPLB_NOTE_MAX = 128
};

/* ---- A host ---- */

/* One physical accelerator of a host, however many of hwloc's backends show it. */
typedef struct eplb_accelerator {
  char bus_id[EPLB_BUS_ID_MAX];     /* PCI "0000:3b:00.0"; "" where hwloc shows it without its PCI device */
  uint16_t vendor, model;           /* PCI numbers, e.g. 0x10de and 0x2330; 0 unknown */
  char vendor_name[16];             /* as people know it, e.g. "NVIDIA"; "" unknown */
  char name[EPLB_DEVICE_NAME_MAX];  /* e.g. "NVIDIA H100"; with PCI numbers where hwloc knows no more */
  char backends[EPLB_BACKENDS_MAX]; /* names in hwloc, e.g. "cuda0 nvml0"; "" where only PCI shows it */
  int32_t numa;                     /* nearest NUMA node with processors, operating system's number; -1 unknown */
  int32_t island;                   /* 0, 1, ... of the host: accelerators that are all linked; else by NUMA node */
  int64_t memory;                   /* bytes; 0 unknown */
  char uuid[EPLB_UUID_MAX];         /* as the vendor's tools print it; "" where not known */
} eplb_accelerator_t;

/* What hwloc knows of one host. Accelerators stand by vendor, and those of a vendor as its tools number them (nvml,
 * cuda, rsmi, ...) where hwloc knows all of these numbers, else by PCI bus id. */
typedef struct eplb_host {
  char name[EPLB_HOST_NAME_MAX];
  int num_packages, num_numa, num_cores, num_pus;
  int num_pu_numbers;            /* above the largest of the operating system's numbers of processing units */
  int32_t *pu_package, *pu_numa; /* [num_pu_numbers]: where each is, operating system's numbers; -1: nowhere */
  int declared;                  /* not this machine */
  int num_accelerators;
  eplb_accelerator_t *accelerator;    /* [num_accelerators] */
  double *bandwidth;                  /* [num_accelerators][num_accelerators], bytes per second by direct links or their
                                         switches, from row to column; 0: none, and on the diagonal */
  char link_name[EPLB_LINK_NAME_MAX]; /* "NVLink", "XGMI", ...; "" where there are none */
} eplb_host_t;

/* Looks at this machine, or with `declared` not NULL at one that an hwloc XML file recorded, or that an hwloc
 * synthetic string describes, such as "package:2 numa:1 core:4 pu:1". Local; starts no MPI. The caller owns *host.
 * EPLB_ERR_IO, EPLB_ERR_FORMAT: the file is missing, or is none that this hwloc reads (files of hwloc 3 are told
 * apart); EPLB_ERR_MEMORY; EPLB_ERR_UNSUPPORTED: hwloc cannot look at this machine. */
EPLB_PUBLIC eplb_status_t eplb_host_detect(const char *declared, eplb_host_t **host);

/* The same of an XML document in memory, which messages call `name`. Local. Documents that make hwloc crash are
 * found out by a child process, so do not call these two with XML between MPI_Init and MPI_Finalize where MPI
 * forbids to fork. */
EPLB_PUBLIC eplb_status_t eplb_host_from_xml(const char *name, const char *xml, size_t length, eplb_host_t **host);
EPLB_PUBLIC void eplb_host_destroy(eplb_host_t **host);

/* ---- A rank ---- */

/* How a rank's device was found. */
typedef enum eplb_device_rule {
  EPLB_DEVICE_BY_EPLB,       /* EPLB_DEVICE: PCI bus id, UUID or index in eplb_host_t.accelerator */
  EPLB_DEVICE_BY_VISIBLE,    /* entry of CUDA_, ROCR_ or HIP_VISIBLE_DEVICES or ZE_AFFINITY_MASK, by local rank */
  EPLB_DEVICE_BY_LOCAL_RANK, /* local rank modulo the number of accelerators */
  EPLB_DEVICE_IS_NUMA        /* no accelerator: the rank's NUMA node holds CPU experts */
} eplb_device_rule_t;

/* What told in which racks, switches or fabrics a rank is. */
typedef enum eplb_domain_rule {
  EPLB_DOMAIN_UNKNOWN,
  EPLB_DOMAIN_BY_EPLB,  /* EPLB_DOMAIN of each rank */
  EPLB_DOMAIN_BY_RACKS, /* the file that EPLB_RACKS names on rank 0 */
  EPLB_DOMAIN_BY_SLURM  /* SLURM_TOPOLOGY_ADDR and SLURM_TOPOLOGY_ADDR_PATTERN of each rank */
} eplb_domain_rule_t;

/* What one rank is and drives. */
typedef struct eplb_rank_info {
  int32_t rank;             /* in the communicator */
  int32_t node;             /* as in the topology */
  int32_t local_rank;       /* among the ranks that its launcher started on its machine, in rank order */
  int32_t package;          /* -1: bound to several */
  int32_t numa;             /* NUMA node that it is bound to, operating system's number; -1: several */
  int32_t num_pus;          /* processing units that it may run on */
  int32_t num_accelerators; /* on its host */
  int32_t device_rule;      /* an eplb_device_rule_t */
  int32_t device_index;     /* in its host's accelerators; -1 none */
  int32_t domain_rule;      /* an eplb_domain_rule_t */
  uint64_t machine;         /* hash of the boot id: the same in all containers of a machine */
  uint64_t shared_memory;   /* which of the machine's: ranks with the same can share it */
  char host[EPLB_HOST_NAME_MAX];
  char
      domain[EPLB_DOMAIN_PATH_MAX]; /* what encloses its node, outermost first, e.g. "fabric=f0/rack=r3"; "" not told */
  char note[EPLB_NOTE_MAX];         /* what is unusual about how its device was found; "" nothing */
  eplb_accelerator_t device;        /* bus_id and name "" where device_rule is EPLB_DEVICE_IS_NUMA */
} eplb_rank_info_t;

/* Finds where this process is bound on its own host: package, numa and num_pus of *info. Local. EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_rank_binding(const eplb_host_t *host, eplb_rank_info_t *info);

/* Finds what encloses this process's node, from its environment: EPLB_DOMAIN, "rack3" or "fabric=f0/rack=r3", else
 * SLURM_TOPOLOGY_ADDR. Local. Fills domain and domain_rule of *info. EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_rank_domain(eplb_rank_info_t *info);

/* Finds the device of this process: the rules of eplb_device_rule_t in their order, from this process's environment.
 * Local. Lists count the accelerators of those vendors whose runtime reads them, HIP_VISIBLE_DEVICES those that
 * ROCR_VISIBLE_DEVICES leaves. An empty list, or one that starts with -1, means no accelerator; a UUID where hwloc
 * knows none leaves it to the local rank; both are noted. Fills device, device_index, device_rule, num_accelerators
 * and note of *info. EPLB_ERR_ARGUMENT names the variable, its value and what was expected, e.g. an index beyond the
 * host's accelerators. */
EPLB_PUBLIC eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info);

/* ---- All ranks ---- */

/* What a communicator sees of the machine. */
typedef struct eplb_machine {
  int num_ranks;
  eplb_topology_t *topology; /* on every rank, the same: outer domains where they are told, "node", and "island" where a
                                node has several; equal slots; speed 1 */
  eplb_rank_info_t own;      /* this rank */
  eplb_rank_info_t *rank;    /* [num_ranks] on rank 0; NULL elsewhere */
  eplb_host_t **host;        /* [num_nodes] on rank 0; NULL elsewhere */
  size_t gathered_bytes;     /* that rank 0 got from the nodes' leaders; 0 elsewhere */
} eplb_machine_t;

/* Detects every rank's host and device and gives every rank the same topology. One rank of each node looks with
 * hwloc for all of them, gathers their reports and sends them to rank 0 in one message.
 *
 * A node is a machine (by boot id) on which ranks can share memory: those that MPI says can, and containers with one
 * /dev/shm, whatever their host names. Islands are accelerators linked all to all, else NUMA nodes. Outer domains
 * come from EPLB_DOMAIN of every rank, "rack3" or "fabric=f0/rack=r3"; else from the file that EPLB_RACKS names on
 * rank 0, lines of a host name and such a path; else from SLURM_TOPOLOGY_ADDR and SLURM_TOPOLOGY_ADDR_PATTERN, where
 * all ranks have them.
 *
 * Collective over comm. `slots_per_device` >= 1. The caller owns *machine. On failure every rank returns the same
 * code and sentence: EPLB_ERR_ARGUMENT, EPLB_ERR_MISMATCH, EPLB_ERR_FORMAT or EPLB_ERR_IO (of the file of racks),
 * EPLB_ERR_UNSUPPORTED, EPLB_ERR_MEMORY; EPLB_ERR_MPI, on one rank alone if only the last message failed there. */
EPLB_PUBLIC eplb_status_t eplb_machine_detect(MPI_Comm comm, int slots_per_device, eplb_machine_t **machine);
EPLB_PUBLIC void eplb_machine_destroy(eplb_machine_t **machine);

#ifdef __cplusplus
}
#endif
#endif
