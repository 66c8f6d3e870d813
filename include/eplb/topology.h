/* The machine as planners see it: which devices share a node or a rack, how many slots each device has, and how fast it
 * is. */
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

/* Bounds of eplb_topology_t.speed. Beyond them, rounding would hide the times of other devices. */
#define EPLB_MIN_SPEED 1e-6
#define EPLB_MAX_SPEED 1e6

/* Plain data that may be read; the topology owns its arrays. A device is an expert-parallel rank: device r is rank r of
 * the communicator. Devices of a node need not be consecutive, and nodes may have different numbers of devices.
 *
 * Slots (physical experts) of a layer are numbered over all devices in rank order: device d has slots slot_begin[d] to
 * slot_begin[d + 1] - 1, the same ones in every layer. */
typedef struct eplb_topology {
  int num_devices;                                       /* >= 1 */
  int num_levels;                                        /* 1 to EPLB_MAX_LEVELS, outermost first */
  int node_level;                                        /* which level is the planners' node */
  char level_name[EPLB_MAX_LEVELS][EPLB_LEVEL_NAME_MAX]; /* e.g. "rack", "node", "island" */
  int num_domains[EPLB_MAX_LEVELS];                      /* domains of each level */
  int *domain;      /* [num_levels][num_devices]: numbered from 0 at each level, by first device */
  int *node_begin;  /* [num_nodes + 1]: node n has devices node_device[node_begin[n]] to [node_begin[n + 1] - 1] */
  int *node_device; /* [num_devices]: node by node, within a node in rank order */
  int *slot_begin;  /* [num_devices + 1], slot_begin[0] = 0 */
  double *speed;    /* [num_devices], relative, EPLB_MIN_SPEED to EPLB_MAX_SPEED; 1 by default */
  int declared;     /* 1: declared by the user; 0: detected */
} eplb_topology_t;

/* Creates a topology of `num_nodes` nodes of consecutive devices, `num_devices` in all, each with `slots_per_device`
 * slots and speed 1. If the devices do not divide evenly, the first nodes have one more. There is one level, "node";
 * `declared` is 1. Local. The caller owns *topology. EPLB_ERR_ARGUMENT: a number < 1, more nodes than devices, or more
 * than 2^31 - 1 slots; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_declare(int num_nodes, int num_devices, int slots_per_device,
                                                eplb_topology_t **topology);

/* The input of eplb_topology_create. It owns nothing. Start from eplb_topology_parts_init. */
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

/* Creates a topology of any shape. Local. Copies all parts. The caller owns *topology. EPLB_ERR_ARGUMENT names the
 * wrong part; each domain must lie in one domain of the level above; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_create(const eplb_topology_parts_t *parts, eplb_topology_t **topology);

/* Makes the level of this name the planners' node, such as an NVLink domain that spans hosts. Planners assume that
 * links within a node are fast, and place groups of experts on nodes. Local. EPLB_ERR_ARGUMENT: no level has this name;
 * the sentence lists the names, and *topology is unchanged. */
EPLB_PUBLIC eplb_status_t eplb_topology_set_node_level(eplb_topology_t *topology, const char *level);

/* Copies a topology. The caller owns *copy. Local. EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_topology_copy(const eplb_topology_t *topology, eplb_topology_t **copy);

/* Frees *topology and sets it to NULL; it may be NULL. Local. */
EPLB_PUBLIC void eplb_topology_destroy(eplb_topology_t **topology);

/* The functions below are local and cheap. */
static inline int eplb_topology_num_slots(const eplb_topology_t *topology) {
  return topology->slot_begin[topology->num_devices];
}
static inline int eplb_topology_num_nodes(const eplb_topology_t *topology) {
  return topology->num_domains[topology->node_level];
}
/* The node of a device. */
static inline int eplb_topology_node(const eplb_topology_t *topology, int device) {
  return topology->domain[(size_t)topology->node_level * (size_t)topology->num_devices + (size_t)device];
}
/* The device of a slot. */
EPLB_PUBLIC int eplb_topology_device_of_slot(const eplb_topology_t *topology, int slot);

#ifdef __cplusplus
}
#endif
#endif
