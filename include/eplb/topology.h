/* Where the devices are: which share a node, which share a rack, how many slots each has and how fast it is. */
#ifndef EPLB_TOPOLOGY_H
#define EPLB_TOPOLOGY_H

#include <eplb/status.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The longest name of a level, with its final zero. */
enum { EPLB_LEVEL_NAME_MAX = 16, EPLB_MAX_LEVELS = 8 };

/* Slower and faster devices are refused: beside them others would seem to take no time at all. */
#define EPLB_MIN_SPEED 1e-6
#define EPLB_MAX_SPEED 1e6

/* Plain data: read it freely; arrays belong to it. A device is an expert-parallel rank: device r is rank r of the
 * communicator. Devices of a node need not be neighbours in rank order and nodes need not be equal.
 *
 * Slots (physical experts) of a layer are numbered through all devices in rank order: device d has slots
 * slot_begin[d] to slot_begin[d + 1] - 1, the same ones in every layer. */
typedef struct eplb_topology {
  int num_devices;                                       /* >= 1 */
  int num_levels;                                        /* 1 to EPLB_MAX_LEVELS, outermost first */
  int node_level;                                        /* which level is the planners' node */
  char level_name[EPLB_MAX_LEVELS][EPLB_LEVEL_NAME_MAX]; /* e.g. "rack", "node", "island" */
  int num_domains[EPLB_MAX_LEVELS];                      /* how many domains a level has */
  int *domain;      /* [num_levels][num_devices]: numbered from 0 at each level, by first device */
  int *node_begin;  /* [num_nodes + 1]: node n has devices node_device[node_begin[n]] to [node_begin[n + 1] - 1] */
  int *node_device; /* [num_devices]: node by node, within a node in rank order */
  int *slot_begin;  /* [num_devices + 1], slot_begin[0] = 0 */
  double *speed;    /* [num_devices], relative, EPLB_MIN_SPEED to EPLB_MAX_SPEED; 1 by default */
  int declared;     /* 1 where the user said so, 0 where it was detected */
} eplb_topology_t;

/* `num_devices` devices of `slots_per_device` slots in `num_nodes` nodes of consecutive devices, as equal as can be
 * (the first nodes get one more where it does not divide); one level, "node"; speed 1; marked as declared. Local.
 * The caller owns *topology. EPLB_ERR_ARGUMENT: a number < 1, more nodes than devices, or more than 2^31 - 1 slots;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_declare(int num_nodes, int num_devices, int slots_per_device,
                                                eplb_topology_t **topology);

/* What eplb_topology_create makes a topology of; nothing is owned. Start from eplb_topology_parts_init. */
typedef struct eplb_topology_parts {
  size_t size; /* sizeof(eplb_topology_parts_t) */
  int num_devices, num_levels;
  const char *const *level_name; /* [num_levels], outermost first */
  int node_level;
  const int *domain;   /* [num_levels][num_devices], any numbers >= 0: they are renumbered by first device */
  const int *slots;    /* [num_devices], >= 0, with a sum in [1, 2^31 - 1] */
  const double *speed; /* [num_devices]; NULL: all 1 */
  int declared;
} eplb_topology_parts_t;

/* Sets the size, and all else to 0. */
static inline void eplb_topology_parts_init(eplb_topology_parts_t *parts) {
  memset(parts, 0, sizeof *parts);
  parts->size = sizeof *parts;
}

/* The general form. Local. Copies all parts. The caller owns *topology. EPLB_ERR_ARGUMENT names the part that is wrong,
 * also a domain that lies in two domains of the level above; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_create(const eplb_topology_parts_t *parts, eplb_topology_t **topology);

/* Makes another level the node: planners take links within a node to be fast, and put groups of experts on nodes. So an
 * NVLink domain that spans hosts can be one. Local. EPLB_ERR_ARGUMENT: no level has this name; the sentence says which
 * there are. *topology is then as it was. */
EPLB_PUBLIC eplb_status_t eplb_topology_set_node_level(eplb_topology_t *topology, const char *level);

/* A copy that the caller owns. Local. EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_copy(const eplb_topology_t *topology, eplb_topology_t **copy);

/* Frees *topology and sets it NULL; NULL is fine. Local. */
EPLB_PUBLIC void eplb_topology_destroy(eplb_topology_t **topology);

/* All short questions below are local and cheap. */
EPLB_PUBLIC int eplb_topology_num_slots(const eplb_topology_t *topology);
EPLB_PUBLIC int eplb_topology_num_nodes(const eplb_topology_t *topology);
/* The node of a device. */
EPLB_PUBLIC int eplb_topology_node(const eplb_topology_t *topology, int device);
/* The device of a slot. */
EPLB_PUBLIC int eplb_topology_device_of_slot(const eplb_topology_t *topology, int slot);

#ifdef __cplusplus
}
#endif
#endif
