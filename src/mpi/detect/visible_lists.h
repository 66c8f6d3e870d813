/* Lists of visible devices, such as CUDA_VISIBLE_DEVICES, with the meaning that the vendors' runtimes give them. */
#ifndef EPLB_MPI_DETECT_VISIBLE_LISTS_H
#define EPLB_MPI_DETECT_VISIBLE_LISTS_H

#include <eplb/detect.h>

enum { EPLB_UNKNOWN_DEVICE = -1 };

/* One device that a process may use. */
typedef struct eplb_visible {
  int index;                /* in the host's accelerators; EPLB_UNKNOWN_DEVICE: by a UUID that is not known here */
  int tile;                 /* the part of that accelerator; -1: all of it */
  char uuid[EPLB_UUID_MAX]; /* the name of a MIG device, or an unknown UUID, as the list has it; else "" */
} eplb_visible_t;

/* What a process may use, in its runtime's order. */
typedef struct eplb_visible_list {
  const char *variable; /* the last list that counted; NULL: none was set */
  uint16_t vendor;      /* whose devices those are; 0: all vendors' */
  int count;
  int numbered;             /* the first of them have numbers; the others only UUIDs */
  eplb_visible_t *device;   /* [count], with room for all accelerators of the host; the caller frees it */
  char note[EPLB_NOTE_MAX]; /* list entries that name no device; "" none */
} eplb_visible_list_t;

/* Applies the lists of this process's environment to a host. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_visible_devices(const eplb_host_t *host, eplb_visible_list_t *list);

/* A hash of all variables that say which device this process drives, also EPLB_DEVICE. Reads the environment. */
uint64_t eplb_visible_hash(void);

#endif
