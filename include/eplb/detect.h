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
  EPLB_UUID_MAX = 64,
  EPLB_LINK_NAME_MAX = 16,
  EPLB_DOMAIN_PATH_MAX = 128,
  EPLB_NOTE_MAX = 128
};

/* ---- A host ---- */

/* Fixed: an element of arrays. One accelerator of a host, however many of hwloc's backends show it. A GPU that is partitioned (MI300 in TPX or CPX
 * mode, the tiles of Intel's Max GPUs, MIG) is as many accelerators as the vendor's runtime shows: they have one bus_id
 * and differ in `partition`. */
typedef struct eplb_accelerator {
  char bus_id[EPLB_BUS_ID_MAX];     /* PCI "0000:3b:00.0"; "" where hwloc shows it without its PCI device */
  uint16_t vendor, model;           /* PCI numbers, e.g. 0x10de and 0x2330; 0 unknown */
  int16_t partition;                /* 0 to num_partitions - 1, as the vendor numbers them; 0 if not partitioned */
  int16_t num_partitions;           /* of the PCI device; 0: it is not partitioned */
  char vendor_name[16];             /* as people know it, e.g. "NVIDIA"; "" unknown */
  char name[EPLB_DEVICE_NAME_MAX];  /* e.g. "NVIDIA H100"; with PCI numbers where hwloc knows no more */
  char backends[EPLB_BACKENDS_MAX]; /* names in hwloc, e.g. "cuda0 nvml0"; "" where only PCI shows it */
  int32_t numa;                     /* nearest NUMA node with processors, operating system's number; -1 unknown */
  int32_t island;                   /* 0, 1, ... of the host: accelerators that are all linked; else by NUMA node */
  int64_t memory;                   /* bytes; 0 unknown */
  char uuid[EPLB_UUID_MAX];         /* as the vendor's tools print it; "" where not known */
  char gpu_uuid[EPLB_UUID_MAX];     /* of a partition: that of the whole; "" not partitioned, or not known */
  char fabric[EPLB_UUID_MAX]; /* cluster UUID and clique of NVIDIA GPUs that NVLink joins across hosts, as in an NVL72;
                                 "" none, or not known */
} eplb_accelerator_t;

/* What hwloc knows of one host. Accelerators stand by vendor, and those of a vendor as its tools number them (nvml,
 * rsmi, ze, ve, cuda) where hwloc knows all of these numbers, else by PCI bus id and partition.
 *
 * Accelerators that a cgroup or a container hides do not count: where hwloc shows some of a vendor's PCI devices
 * through the vendor's library (NVML, CUDA, RSMI, Level Zero, VEOS), those that it does not show so are left out. Of
 * this machine, NVML is also asked directly (libnvidia-ml.so.1, or the file that EPLB_NVML_LIBRARY names), because many
 * a hwloc is built without it: for what it shows, MIG devices, UUIDs and fabrics; and where hwloc has no RSMI, AMD's
 * kernel driver: for what it shows, partitions, their order and UUIDs. */
typedef struct eplb_host {
  char name[EPLB_HOST_NAME_MAX];
  int num_packages, num_numa, num_cores, num_pus;
  int num_pu_numbers;            /* above the largest of the operating system's numbers of processing units */
  int32_t *pu_package, *pu_numa; /* [num_pu_numbers]: where each is, operating system's numbers; -1: nowhere */
  int declared;                  /* not this machine */
  int narrowed;                  /* 1: a list of visible devices of the process that looked hid some from CUDA or Level
                                    Zero, whose numbers (cuda0, ze0) then say nothing */
  int num_accelerators;
  eplb_accelerator_t *accelerator;    /* [num_accelerators] */
  double *bandwidth;                  /* [num_accelerators][num_accelerators], bytes per second by direct links or their
                                         switches, from row to column; 0: none, and on the diagonal */
  char link_name[EPLB_LINK_NAME_MAX]; /* "NVLink", "XGMI", ...; "" where there are none */
} eplb_host_t;

/* Looks at this machine, or with `declared` not NULL at one that an hwloc XML file recorded, or that an hwloc
 * synthetic string describes, such as "package:2 numa:1 core:4 pu:1". Local; starts no MPI. The caller owns *host.
 * EPLB_ERR_IO, EPLB_ERR_FORMAT: the file is missing, or is none that this hwloc reads (files of hwloc 3 are told
 * apart); EPLB_ERR_MEMORY; EPLB_ERR_UNSUPPORTED: hwloc cannot look at this machine. Files that make hwloc crash are
 * found out by a child process, so do not call this with a file between MPI_Init and MPI_Finalize where MPI forbids to
 * fork. */
EPLB_PUBLIC eplb_status_t eplb_host_detect(const char *declared, eplb_host_t **host);

EPLB_PUBLIC void eplb_host_destroy(eplb_host_t **host);

/* ---- A rank ---- */

/* How a rank's device was found: by the first of these rules that applies, from the rank's own environment.
 *
 * EPLB_DEVICE must name one accelerator: "3", "0000:3b:00.0", "3b:00" or a UUID; a partition of a GPU by its index,
 * its UUID, or as "0000:3b:00.0/2".
 *
 * Lists of visible devices mean what the vendor's runtime makes of them:
 *   CUDA_VISIBLE_DEVICES       NVIDIA. Numbers as CUDA_DEVICE_ORDER says, where hwloc knows CUDA's order, else by PCI
 *                              bus id; UUIDs of GPUs, whole or their beginning; UUIDs of MIG devices, which are devices
 *                              of their own. The list ends at the first entry that names no device ("0,99,1" is "0",
 *                              "NoDevFiles" and "-1" are nothing); an entry that stands twice empties it.
 *   ROCR_VISIBLE_DEVICES       AMD. Numbers as RSMI has them, which count partitions (SPX, TPX, CPX), or UUIDs. It ends
 *                              at the first entry that names no device or one again.
 *   HIP_VISIBLE_DEVICES, or    AMD. They count what ROCR_VISIBLE_DEVICES leaves; empty is unset. So do numbers of
 *   CUDA_VISIBLE_DEVICES       GPU_DEVICE_ORDINAL, which is read where none of these is set.
 *   ZE_AFFINITY_MASK           Intel. A set of cards ("1"), tiles of cards ("1.0"), or with ZE_FLAT_DEVICE_HIERARCHY
 *                              FLAT or COMBINED, or neither it nor a point, of tiles ("3"); entries that name no device
 *                              are skipped.
 *   ONEAPI_DEVICE_SELECTOR     Intel. "level_zero:0,2" counts what the mask leaves; other forms are not heeded.
 *   ASCEND_RT_VISIBLE_DEVICES  Huawei. As CUDA_VISIBLE_DEVICES, numbers only.
 *   MUSA_VISIBLE_DEVICES       Moore Threads. The same.
 *   VE_NODE_NUMBER             NEC. The same.
 * A list of several devices is dealt out by local rank. A list that leaves none means no accelerator, which is noted,
 * as is an entry that is dropped. A UUID that hwloc does not know leaves the device to the local rank; it is noted,
 * too, and device.uuid is then the list's. */
typedef enum eplb_device_rule {
  EPLB_DEVICE_BY_EPLB,       /* EPLB_DEVICE: PCI bus id, UUID or index in eplb_host_t.accelerator */
  EPLB_DEVICE_BY_VISIBLE,    /* entry of a list of visible devices, such as CUDA_VISIBLE_DEVICES */
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

/* What one rank is and drives. Fixed: an element of arrays. */
typedef struct eplb_rank_info {
  int32_t rank;       /* in the communicator */
  int32_t node;       /* its host: the domain of the topology's level "node", whatever planners take for the node */
  int32_t local_rank; /* among the ranks of its node, in rank order */
  int32_t package;    /* -1: bound to several */
  int32_t numa;       /* NUMA node that it is bound to, operating system's number; -1: several */
  int32_t num_pus;    /* processing units that it may run on */
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

/* Whether two ranks of one node use the same accelerator, or parts of which one contains the other. Local. */
EPLB_PUBLIC int eplb_rank_shares_device(const eplb_rank_info_t *a, const eplb_rank_info_t *b);

/* ---- All ranks ---- */

/* What a communicator sees of the machine. */
typedef struct eplb_machine {
  int num_ranks;
  eplb_topology_t *topology; /* on every rank, the same: outer domains where they are told, "node", and "island" where a
                                node has several; equal slots; speed 1 */
  eplb_rank_info_t own;      /* this rank */
  eplb_rank_info_t *rank;    /* [num_ranks] on rank 0; NULL elsewhere */
  int host_level;            /* the topology's level "node": its domains are the hosts */
  eplb_host_t **host;        /* [topology->num_domains[host_level]] on rank 0; NULL elsewhere */
  size_t gathered_bytes;     /* that rank 0 got from the nodes' leaders; 0 elsewhere */
} eplb_machine_t;

/* Detects every rank's host and device and gives every rank the same topology. One rank of each node looks with
 * hwloc for all of them, gathers their reports and sends them to rank 0 in one message. Ranks of a node that may see
 * other accelerators, because of their cgroup or container, look for themselves: device 0 of one rank is then not that
 * of another, and the host has the accelerators of all of them. Ranks that see the same accelerators and have the same
 * list of visible devices share it out, in rank order.
 *
 * A node is a machine (by boot id) on which ranks can share memory: those that MPI says can, and containers with one
 * /dev/shm, whatever their host names. Islands are accelerators linked all to all, else NUMA nodes. Outer domains
 * come from EPLB_DOMAIN of every rank, "rack3" or "fabric=f0/rack=r3"; else from the file that EPLB_RACKS names on
 * rank 0, lines of a host name and such a path; else from SLURM_TOPOLOGY_ADDR and SLURM_TOPOLOGY_ADDR_PATTERN, where
 * all ranks have them.
 *
 * The planners' node is the host, or, where all ranks' GPUs tell of an NVLink fabric that spans hosts, as NVIDIA's
 * NVL72 has it, that fabric: the level "nvlink". EPLB_NODE_LEVEL of rank 0 chooses a level by name.
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
