/* Made-up topologies, loads and placements, all from a seed: the same on every machine. */
#ifndef TESTS_SHAPES_H
#define TESTS_SHAPES_H

#include <eplb/placement.h>
#include <stddef.h>
#include <stdint.h>

/* A generator of the tests' own (splitmix64), so that no C library decides which cases are tried. */
typedef struct rng {
  uint64_t state;
} rng_t;

uint64_t rng_next(rng_t *rng);
/* Both ends included. */
int rng_between(rng_t *rng, int low, int high);
/* In [0, 1). */
double rng_unit(rng_t *rng);
void rng_shuffle(rng_t *rng, int count, int *value);

/* Calls `property` up to `trials` times, each with a generator of its own; stops after the first in which an assertion
 * failed and says which it was. */
void shapes_try(int trials, uint64_t seed, void (*property)(rng_t *rng));

enum { SHAPE_MAX_DEVICES = 36, SHAPE_MAX_LEVELS = 4 };

/* What a random shape has beyond equal nodes of equal devices in rank order. */
enum shape_trait {
  SHAPE_PLAIN = 0,
  SHAPE_UNEVEN_NODES = 1,
  SHAPE_UNEVEN_SLOTS = 2, /* also devices without any */
  SHAPE_SCATTERED = 4,    /* a node's ranks are not neighbours */
  SHAPE_LEVELS = 8,       /* racks and fabrics around nodes, islands within */
  SHAPE_SPEEDS = 16,
  SHAPE_ANY = 31
};

/* The arguments of eplb_topology_create. */
typedef struct shape {
  int num_devices, num_levels, node_level;
  const char *level_name[SHAPE_MAX_LEVELS];
  int domain[SHAPE_MAX_LEVELS * SHAPE_MAX_DEVICES]; /* [num_levels][num_devices], numbers with gaps */
  int slots[SHAPE_MAX_DEVICES];
  double speed[SHAPE_MAX_DEVICES];
} shape_t;

void shape_random(rng_t *rng, unsigned traits, shape_t *shape);
eplb_topology_t *shape_topology(const shape_t *shape);
/* Both at once. */
eplb_topology_t *random_topology(rng_t *rng, unsigned traits);

/* `count` loads of one of several kinds, among them many ties and zeros. Whole numbers, small enough for float32 to add
 * them up without rounding. */
void random_loads(rng_t *rng, size_t count, double *load);

/* A valid placement: every expert somewhere, the slots left over at random; about `empty` of 100 of those hold none. */
eplb_placement_t *random_placement(rng_t *rng, int layers, int experts, int slots, int empty);
/* A copy of `before` in which about `percent` of 100 slots changed. */
eplb_placement_t *random_successor(rng_t *rng, const eplb_placement_t *before, int percent);

/* Whether two topologies or placements agree in every number. */
int same_topology(const eplb_topology_t *a, const eplb_topology_t *b);
int same_placement(const eplb_placement_t *a, const eplb_placement_t *b);

#endif
