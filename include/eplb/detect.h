/* Detection with hwloc: the host and device of each rank, and the topology of all ranks. */
#ifndef EPLB_DETECT_H
#define EPLB_DETECT_H

#include <eplb/topology.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes of the texts below, with their final zero. */
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

/* One accelerator of a host, once, whichever hwloc backends show it. A partitioned GPU (MI300 in TPX or CPX mode, the
 * tiles of Intel's Max GPUs, MIG) counts as the accelerators that the vendor's runtime shows: they have the same bus_id
 * and different `partition`. Fixed: an element of arrays. */
typedef struct eplb_accelerator {
  char bus_id[EPLB_BUS_ID_MAX];     /* PCI bus id, "0000:3b:00.0"; "" if hwloc shows no PCI device */
  uint16_t vendor, model;           /* PCI numbers, e.g. 0x10de and 0x2330; 0 unknown */
  int16_t partition;                /* 0 to num_partitions - 1, as the vendor numbers them; 0 if not partitioned */
  int16_t num_partitions;           /* of the PCI device; 0: it is not partitioned */
  char vendor_name[16];             /* e.g. "NVIDIA"; "" unknown */
  char name[EPLB_DEVICE_NAME_MAX];  /* e.g. "NVIDIA H100"; PCI numbers if hwloc knows no name */
  char backends[EPLB_BACKENDS_MAX]; /* names in hwloc, e.g. "cuda0 nvml0"; "" if hwloc has only the PCI device */
  int32_t numa;                     /* operating system's number of the nearest NUMA node with processors; -1 unknown */
  int32_t island;                   /* 0, 1, ... of the host: accelerators that are all linked to each other; without
                                       links, by NUMA node */
  int64_t memory;                   /* bytes; 0 unknown */
  char uuid[EPLB_UUID_MAX];         /* as the vendor's tools print it; "" unknown */
  char gpu_uuid[EPLB_UUID_MAX];     /* of a partition: the UUID of the whole GPU; "" not partitioned, or unknown */
  char fabric[EPLB_UUID_MAX]; /* cluster UUID and clique of NVIDIA GPUs that NVLink connects across hosts, as in an
                                 NVL72; "" none, or unknown */
} eplb_accelerator_t;

/* One host, as hwloc describes it. Accelerators are sorted by vendor, and those of a vendor by the numbers of its tools
 * (nvml, rsmi, ze, ve, cuda) if hwloc knows all of these, else by PCI bus id and partition.
 *
 * Accelerators that a cgroup or a container hides are left out: if the vendor's library (NVML, CUDA, RSMI, Level Zero,
 * VEOS) shows some of a vendor's PCI devices to hwloc, the others are removed. On this machine two more sources are
 * read, because hwloc is often built without them: NVML (libnvidia-ml.so.1, or the file that EPLB_NVML_LIBRARY names)
 * for visible GPUs, MIG devices, UUIDs and fabrics; and, if hwloc has no RSMI, AMD's kernel driver for visible GPUs,
 * partitions, their order and UUIDs. */
typedef struct eplb_host {
  char name[EPLB_HOST_NAME_MAX];
  int num_packages, num_numa, num_cores, num_pus;
  int num_pu_numbers;            /* the largest operating system number of a processing unit, plus 1 */
  int32_t *pu_package, *pu_numa; /* [num_pu_numbers]: package and NUMA node of each, operating system's numbers; -1:
                                    none */
  int declared;                  /* 1: not this machine */
  int narrowed;                  /* 1: a list of visible devices of the detecting process hid some from CUDA or Level
                                    Zero; the numbers in cuda0, ze0 are then meaningless */
  int num_accelerators;
  eplb_accelerator_t *accelerator;    /* [num_accelerators] */
  double *bandwidth;                  /* [num_accelerators][num_accelerators], bytes per second from row to column,
                                         by direct links or through their switches; 0: no link, and on the diagonal */
  char link_name[EPLB_LINK_NAME_MAX]; /* "NVLink", "XGMI", ...; "" without links */
} eplb_host_t;

/* Detects this machine; or, if `declared` is not NULL, reads an hwloc XML file of this name, or an hwloc synthetic
 * string such as "package:2 numa:1 core:4 pu:1". Local; does not use MPI. The caller owns *host. EPLB_ERR_IO,
 * EPLB_ERR_FORMAT: the file is missing, or this hwloc cannot read it (the sentence names files of hwloc 3);
 * EPLB_ERR_MEMORY; EPLB_ERR_UNSUPPORTED: hwloc cannot detect this machine. Files that make hwloc crash are found out by
 * a child process, so do not call this with a file between MPI_Init and MPI_Finalize where MPI forbids to fork. */
EPLB_PUBLIC eplb_status_t eplb_host_detect(const char *declared, eplb_host_t **host);

EPLB_PUBLIC void eplb_host_destroy(eplb_host_t **host);

/* ---- A rank ---- */

/* How a rank's device was found: by the first of these rules that applies, from the rank's own environment.
 *
 * EPLB_DEVICE must name one accelerator: "3", "0000:3b:00.0", "3b:00" or a UUID; a partition of a GPU by its index, its
 * UUID, or as "0000:3b:00.0/2".
 *
 * Lists of visible devices have the meaning that the vendor's runtime gives them:
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
 *   ONEAPI_DEVICE_SELECTOR     Intel. "level_zero:0,2" counts what the mask leaves; other forms are ignored.
 *   ASCEND_RT_VISIBLE_DEVICES  Huawei. As CUDA_VISIBLE_DEVICES, numbers only.
 *   MUSA_VISIBLE_DEVICES       Moore Threads. The same.
 *   VE_NODE_NUMBER             NEC. The same.
 * The devices of a list are distributed by local rank. An empty list means no accelerator; this is noted, as is an
 * ignored entry. If hwloc does not know a UUID, the local rank decides; this is noted too, and device.uuid is then the
 * list's. */
typedef enum eplb_device_rule {
  EPLB_DEVICE_BY_EPLB,       /* EPLB_DEVICE: PCI bus id, UUID or index in eplb_host_t.accelerator */
  EPLB_DEVICE_BY_VISIBLE,    /* entry of a list of visible devices, such as CUDA_VISIBLE_DEVICES */
  EPLB_DEVICE_BY_LOCAL_RANK, /* local rank modulo the number of accelerators; if the communicator has only some of the
                                processes that the launcher started on the node, the launcher's local rank */
  EPLB_DEVICE_IS_NUMA        /* no accelerator: the rank's NUMA node holds CPU experts */
} eplb_device_rule_t;

/* The source of a rank's outer domains: racks, switches or fabrics. */
typedef enum eplb_domain_rule {
  EPLB_DOMAIN_UNKNOWN,
  EPLB_DOMAIN_BY_EPLB,  /* EPLB_DOMAIN of each rank */
  EPLB_DOMAIN_BY_RACKS, /* the file that EPLB_RACKS names on rank 0 */
  EPLB_DOMAIN_BY_SLURM  /* SLURM_TOPOLOGY_ADDR and SLURM_TOPOLOGY_ADDR_PATTERN of each rank */
} eplb_domain_rule_t;

/* One rank: where it runs and which device it drives. Fixed: an element of arrays. */
typedef struct eplb_rank_info {
  int32_t rank;       /* in the communicator */
  int32_t node;       /* its host: the domain of the topology's level "node", whichever level is the planners' node */
  int32_t local_rank; /* among the ranks of its node, in rank order */
  int32_t package;    /* -1: bound to several packages */
  int32_t numa;       /* operating system's number of the NUMA node that it is bound to; -1: several */
  int32_t num_pus;    /* processing units that it may run on */
  int32_t num_accelerators; /* on its host */
  int32_t device_rule;      /* an eplb_device_rule_t */
  int32_t device_index;     /* in its host's accelerators; -1 none */
  int32_t domain_rule;      /* an eplb_domain_rule_t */
  uint64_t machine;         /* hash of the boot id: the same in all containers of a machine */
  uint64_t shared_memory;   /* ranks with equal machine and shared_memory can share memory */
  char host[EPLB_HOST_NAME_MAX];
  char domain[EPLB_DOMAIN_PATH_MAX]; /* outer domains of its node, outermost first, e.g. "fabric=f0/rack=r3"; ""
                                       unknown */
  char note[EPLB_NOTE_MAX];          /* a note if the choice of the device is unusual; else "" */
  eplb_accelerator_t device;         /* bus_id and name are "" if device_rule is EPLB_DEVICE_IS_NUMA */
} eplb_rank_info_t;

/* Returns whether two ranks of one node use the same accelerator, or partitions of which one contains the other.
 * Local. */
EPLB_PUBLIC int eplb_rank_shares_device(const eplb_rank_info_t *a, const eplb_rank_info_t *b);

/* ---- All ranks ---- */

/* The machine of a communicator. */
typedef struct eplb_machine {
  int num_ranks;
  eplb_topology_t *topology; /* the same on every rank: outer domains if known, "node", and "island" if a node has
                                several; equal slots; speed 1 */
  eplb_rank_info_t own;      /* this rank */
  eplb_rank_info_t *rank;    /* [num_ranks] on rank 0; NULL elsewhere */
  int host_level;            /* the topology's level "node": its domains are the hosts */
  eplb_host_t **host;        /* [topology->num_domains[host_level]] on rank 0; NULL elsewhere */
  size_t gathered_bytes;     /* received by rank 0 from the nodes' leaders; 0 elsewhere */
} eplb_machine_t;

/* Detects every rank's host and device and gives every rank the same topology. One rank of each node runs hwloc for all
 * of them, gathers their reports and sends them to rank 0 in one message. Ranks of a node that see other accelerators,
 * because of their cgroup or container, run hwloc themselves: device 0 of one rank may then differ from device 0 of
 * another, and the host has the accelerators of all of them. The devices of a list are distributed, in rank order,
 * among the ranks that see the same accelerators and have the same list.
 * Without a list, they are distributed in the same way if the communicator has all processes of the node. If it has
 * only some of them, such as one of two groups of a job, the launcher's local rank (OMPI_COMM_WORLD_LOCAL_RANK,
 * MPI_LOCALRANKID, MV2_COMM_WORLD_LOCAL_RANK, PALS_LOCAL_RANKID, FLUX_TASK_LOCAL_ID, SLURM_LOCALID) decides, so that
 * the groups use different accelerators; but not if ranks would then share one while others are free.
 *
 * A node is the set of ranks of one machine (by boot id) that can share memory: those that MPI says can, and containers
 * with the same /dev/shm, whatever their host names. Islands are accelerators that are all linked to each other, else
 * NUMA nodes. Outer domains come from EPLB_DOMAIN of every rank, "rack3" or "fabric=f0/rack=r3"; else from the file
 * that EPLB_RACKS names on rank 0, with lines of a host name and such a path; else from SLURM_TOPOLOGY_ADDR and
 * SLURM_TOPOLOGY_ADDR_PATTERN, if all ranks have them.
 *
 * The planners' node is the host; or the NVLink fabric, level "nvlink", if the GPUs of all ranks report one and it
 * spans hosts, as in NVIDIA's NVL72. EPLB_NODE_LEVEL of rank 0 chooses a level by name.
 *
 * Collective over comm. `slots_per_device` >= 1. The caller owns *machine. On failure every rank returns the same code
 * and sentence: EPLB_ERR_ARGUMENT, EPLB_ERR_MISMATCH, EPLB_ERR_FORMAT or EPLB_ERR_IO (for the file of racks),
 * EPLB_ERR_UNSUPPORTED, EPLB_ERR_MEMORY; EPLB_ERR_MPI, on one rank alone if only the last message failed there. */
EPLB_PUBLIC eplb_status_t eplb_machine_detect(MPI_Comm comm, int slots_per_device, eplb_machine_t **machine);
EPLB_PUBLIC void eplb_machine_destroy(eplb_machine_t **machine);

#ifdef __cplusplus
}
#endif
#endif
