/* What this rank runs on and drives, as hwloc sees it, and what all ranks together look like. */
#ifndef EPLB_DETECT_H
#define EPLB_DETECT_H

#include <eplb/topology.h>
#include <mpi.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest texts below, with their final zero. */
enum {
  EPLB_HOST_NAME_MAX = 64,
  EPLB_BUS_ID_MAX = 16,
  EPLB_DEVICE_NAME_MAX = 64,
  EPLB_BACKENDS_MAX = 48,
  EPLB_UUID_MAX = 48
};

/* One physical accelerator of a host, however many of hwloc's backends show it. */
typedef struct eplb_accelerator {
  char bus_id[EPLB_BUS_ID_MAX];     /* PCI "0000:3b:00.0" */
  uint16_t vendor, model;           /* PCI numbers, e.g. 0x10de and 0x2330 */
  char name[EPLB_DEVICE_NAME_MAX];  /* as hwloc knows it, e.g. "NVIDIA H100"; else the PCI numbers */
  char backends[EPLB_BACKENDS_MAX]; /* names in hwloc, e.g. "cuda0 nvml0"; "" where only PCI shows it */
  int numa;                         /* nearest NUMA node, operating system's number; -1 unknown */
  char uuid[EPLB_UUID_MAX];         /* as the vendor's tools print it; "" where not known */
} eplb_accelerator_t;

/* What hwloc knows of one host. */
typedef struct eplb_host {
  char name[EPLB_HOST_NAME_MAX];
  int num_packages, num_numa, num_cores, num_pus;
  int bound_package, bound_numa; /* that this process is bound to, operating system's numbers; -1: several, or XML */
  int bound_pus;                 /* processing units that it may run on; 0 of XML */
  int num_accelerators;
  eplb_accelerator_t *accelerator; /* [num_accelerators], by PCI bus id */
} eplb_host_t;

/* Looks at this machine, or with `xml` not NULL at the machine recorded in that hwloc XML file. Local; starts no MPI.
 * The caller owns *host. EPLB_ERR_IO, EPLB_ERR_FORMAT: the file is missing or is none that this hwloc reads (files of hwloc 3
 * are told apart); EPLB_ERR_MEMORY; EPLB_ERR_UNSUPPORTED: hwloc cannot look at this machine. */
EPLB_PUBLIC eplb_status_t eplb_host_detect(const char *xml, eplb_host_t **host);
EPLB_PUBLIC void eplb_host_destroy(eplb_host_t **host);

/* How a rank's device was found. */
typedef enum eplb_device_rule {
  EPLB_DEVICE_BY_EPLB,       /* EPLB_DEVICE: PCI bus id or index */
  EPLB_DEVICE_BY_VISIBLE,    /* first entry of CUDA_, ROCR_ or HIP_VISIBLE_DEVICES or ZE_AFFINITY_MASK */
  EPLB_DEVICE_BY_LOCAL_RANK, /* local rank modulo the number of accelerators */
  EPLB_DEVICE_IS_NUMA        /* no accelerator: the rank's NUMA node holds CPU experts */
} eplb_device_rule_t;

/* What one rank is and drives. Fixed size: it travels as bytes. */
typedef struct eplb_rank_info {
  int32_t rank;             /* in the communicator */
  int32_t node;             /* as in the topology; set on rank 0 when all are gathered */
  int32_t local_rank;       /* among the ranks of its node, in rank order */
  int32_t package;          /* -1: bound to several */
  int32_t numa;             /* NUMA node that it is bound to, operating system's number; -1: several */
  int32_t num_pus;          /* processing units that it may run on */
  int32_t num_accelerators; /* on its host */
  int32_t device_rule;      /* an eplb_device_rule_t */
  uint64_t machine;         /* hash of the machine's boot id: the same in all containers of a machine */
  char host[EPLB_HOST_NAME_MAX];
  eplb_accelerator_t device; /* bus_id "" where device_rule is EPLB_DEVICE_IS_NUMA */
} eplb_rank_info_t;

/* Finds the device of this process: the rules of eplb_device_rule_t in their order, from this process's environment. Local.
 * Fills device, device_rule and num_accelerators of *info. EPLB_ERR_ARGUMENT names the variable, its value and what was
 * expected, e.g. an index beyond the host's accelerators. */
EPLB_PUBLIC eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info);

/* What a communicator sees of the machine. */
typedef struct eplb_machine {
  int num_ranks;
  eplb_topology_t *topology; /* on every rank, the same: one level "node"; equal slots; speed 1 */
  eplb_rank_info_t *rank;    /* [num_ranks] on rank 0; NULL elsewhere */
} eplb_machine_t;

/* Detects every rank's host and device, gathers them on rank 0, finds which ranks share a node (same machine by boot id and
 * able to share memory), and gives every rank the same topology. Collective over comm.
 * `slots_per_device` >= 1. The caller owns *machine. On failure every rank returns the same code and sentence:
 * EPLB_ERR_ARGUMENT, EPLB_ERR_MISMATCH, EPLB_ERR_UNSUPPORTED, EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_machine_detect(MPI_Comm comm, int slots_per_device, eplb_machine_t **machine);
EPLB_PUBLIC void eplb_machine_destroy(eplb_machine_t **machine);

#ifdef __cplusplus
}
#endif
#endif
