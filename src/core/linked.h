/* The linked planner: the devices that hold replicas of an expert are linked, and links make rings through all devices,
 * so that load can flow from any device to any other when each batch has its own shares. */
#ifndef EPLB_CORE_LINKED_H
#define EPLB_CORE_LINKED_H

#include "core/scenario.h"

/* More rings than these link no better. */
enum { EPLB_LINKED_RINGS = 8 };

typedef struct eplb_linked {
  int num_rings;
  int stride[EPLB_LINKED_RINGS];
  int num_places;  /* of each ring: one for each device with slots */
  int32_t *device; /* [num_places] */
  uint8_t *taken;  /* [EPLB_LINKED_RINGS][num_places]: the link from a place to the next has its expert */
} eplb_linked_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_linked_create(const eplb_topology_t *topology, eplb_linked_t *linked);
void eplb_linked_free(eplb_linked_t *linked);

/* Counts, and replicas, from nothing; all experts with a single one are placed after the others. */
void eplb_linked_count(eplb_scenario_t *scenario);
void eplb_linked_deal(eplb_linked_t *linked, eplb_scenario_t *scenario);

/* From what is there: gives replicas to experts that have become too large or busier than those that have them, keeping
 * links. */
void eplb_linked_exchange(eplb_scenario_t *scenario);

/* Keeps swaps off experts with replicas: they would cut links. */
void eplb_linked_fix(eplb_scenario_t *scenario);

/* A replica whose load in any window is above so much of a mean device's is too large to be balanced by others. */
#define EPLB_LINKED_TOO_LARGE .7f

#endif
