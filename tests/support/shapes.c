#include "shapes.h"
#include <CUnit/CUnit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

uint64_t rng_next(rng_t *rng) {
  uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

int rng_between(rng_t *rng, int low, int high) {
  return low + (int)(rng_next(rng) % (uint64_t)(high - low + 1));
}

double rng_unit(rng_t *rng) {
  return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

void rng_shuffle(rng_t *rng, int count, int *value) {
  for (int i = count - 1; i > 0; i--) {
    int j = rng_between(rng, 0, i), other = value[j];
    value[j] = value[i];
    value[i] = other;
  }
}

void shapes_try(int trials, uint64_t seed, void (*property)(rng_t *rng)) {
  for (int trial = 0; trial < trials; trial++) {
    rng_t rng = {seed * UINT64_C(1000003) + (uint64_t)trial};
    unsigned before = CU_get_number_of_failure_records();
    property(&rng);
    if (CU_get_number_of_failure_records() != before) {
      printf("# seed %llu, trial %d of %d\n", (unsigned long long)seed, trial, trials);
      return;
    }
  }
}

/* Nodes and islands of the devices, in rank order. Returns how many devices there are. */
static int random_nodes(rng_t *rng, unsigned traits, int *node, int *island) {
  int nodes = rng_between(rng, 1, 6), each = rng_between(rng, 1, 6), count = 0;
  for (int n = 0; n < nodes; n++) {
    int devices = traits & SHAPE_UNEVEN_NODES ? rng_between(rng, 1, 6) : each;
    for (int d = 0; d < devices; d++)
      node[count++] = n;
  }
  if (traits & SHAPE_SCATTERED)
    rng_shuffle(rng, count, node);
  for (int d = 0; d < count; d++)
    island[d] = 2 * node[d] + rng_between(rng, 0, 1);
  return count;
}

/* Outermost first; each nests in the one before. An odd factor modulo a power of two keeps unlike numbers unlike. */
static void random_levels(rng_t *rng, unsigned traits, const int *node, const int *island, shape_t *shape) {
  static const char *const name[SHAPE_MAX_LEVELS] = {"fabric", "rack", "node", "island"};
  int divisor[SHAPE_MAX_LEVELS] = {4, 2, 1, 1};
  for (int kind = 0; kind < SHAPE_MAX_LEVELS; kind++) {
    int is_node = kind == 2, factor = 2 * rng_between(rng, 0, 500) + 1, offset = rng_between(rng, 0, 1023);
    if (!is_node && (!(traits & SHAPE_LEVELS) || rng_between(rng, 0, 1)))
      continue;
    if (is_node)
      shape->node_level = shape->num_levels;
    const int *inner = kind == 3 ? island : node;
    int *domain = shape->domain + shape->num_levels * shape->num_devices;
    for (int d = 0; d < shape->num_devices; d++)
      domain[d] = (inner[d] / divisor[kind] * factor + offset) % 1024;
    shape->level_name[shape->num_levels++] = name[kind];
  }
}

void shape_random(rng_t *rng, unsigned traits, shape_t *shape) {
  int node[SHAPE_MAX_DEVICES], island[SHAPE_MAX_DEVICES], each = rng_between(rng, 1, 5);
  memset(shape, 0, sizeof *shape);
  shape->num_devices = random_nodes(rng, traits, node, island);
  random_levels(rng, traits, node, island, shape);
  for (int d = 0; d < shape->num_devices; d++) {
    shape->slots[d] = traits & SHAPE_UNEVEN_SLOTS ? rng_between(rng, 0, 6) : each;
    shape->speed[d] = traits & SHAPE_SPEEDS ? .5 + rng_unit(rng) : 1;
  }
  int lucky = rng_between(rng, 0, shape->num_devices - 1);
  shape->slots[lucky] += shape->slots[lucky] == 0; /* some device must have a slot */
}

eplb_topology_t *shape_topology(const shape_t *shape) {
  eplb_topology_t *topology = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = shape->num_devices,
                                                                            .num_levels = shape->num_levels,
                                                                            .level_name = shape->level_name,
                                                                            .node_level = shape->node_level,
                                                                            .domain = shape->domain,
                                                                            .slots = shape->slots,
                                                                            .speed = shape->speed},
                                             &topology),
                        EPLB_SUCCESS);
  return topology;
}

eplb_topology_t *random_topology(rng_t *rng, unsigned traits) {
  shape_t shape;
  shape_random(rng, traits, &shape);
  return shape_topology(&shape);
}

void random_loads(rng_t *rng, size_t count, double *load) {
  enum { UNIFORM, HEAVY_TAIL, TIES, MOSTLY_ZERO, EQUAL };
  int kind = rng_between(rng, UNIFORM, EQUAL), equal = rng_between(rng, 0, 3);
  for (size_t i = 0; i < count; i++)
    switch (kind) {
    case UNIFORM:
      load[i] = rng_between(rng, 0, 50000);
      break;
    case HEAVY_TAIL:
      load[i] = floor(fmin(100 / (rng_unit(rng) + 1e-9), 100000));
      break;
    case TIES:
      load[i] = rng_between(rng, 0, 4);
      break;
    case MOSTLY_ZERO:
      load[i] = rng_between(rng, 0, 9) ? 0 : rng_between(rng, 0, 1000);
      break;
    default:
      load[i] = equal;
    }
}

eplb_placement_t *random_placement(rng_t *rng, int layers, int experts, int slots, int empty) {
  eplb_placement_t *placement = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(layers, experts, slots, &placement), EPLB_SUCCESS);
  for (int l = 0; l < layers; l++) {
    int32_t *row = placement->physical_to_logical + (size_t)l * (size_t)slots;
    for (int s = 0; s < slots; s++)
      row[s] = s < experts ? s : rng_between(rng, 1, 100) <= empty ? EPLB_EMPTY : rng_between(rng, 0, experts - 1);
    rng_shuffle(rng, slots, row);
  }
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(placement), EPLB_SUCCESS);
  return placement;
}

eplb_placement_t *random_successor(rng_t *rng, const eplb_placement_t *before, int percent) {
  eplb_placement_t *after = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(before, &after), EPLB_SUCCESS);
  int slots = after->num_slots, experts = after->num_experts;
  for (int l = 0; l < after->num_layers; l++) {
    int32_t *row = after->physical_to_logical + (size_t)l * (size_t)slots;
    int32_t *count = after->logical_replica_count + (size_t)l * (size_t)experts;
    for (int changes = slots * percent / 100; changes > 0; changes--) {
      int a = rng_between(rng, 0, slots - 1), b = rng_between(rng, 0, slots - 1), held = row[a];
      if (held == EPLB_EMPTY || count[held] == 1) { /* the last replica may only move */
        row[a] = row[b];
        row[b] = held;
      } else {
        count[held]--;
        row[a] = rng_between(rng, 0, experts - 1);
        count[row[a]]++;
      }
    }
  }
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(after), EPLB_SUCCESS);
  return after;
}

static int same_ints(const int *a, const int *b, size_t count) {
  return !memcmp(a, b, count * sizeof *a);
}

int same_topology(const eplb_topology_t *a, const eplb_topology_t *b) {
  if (a->num_devices != b->num_devices || a->num_levels != b->num_levels || a->node_level != b->node_level ||
      a->declared != b->declared)
    return 0;
  size_t devices = (size_t)a->num_devices, nodes = (size_t)eplb_topology_num_nodes(a);
  for (int l = 0; l < a->num_levels; l++)
    if (a->num_domains[l] != b->num_domains[l] || strcmp(a->level_name[l], b->level_name[l]))
      return 0;
  return same_ints(a->domain, b->domain, devices * (size_t)a->num_levels) &&
         same_ints(a->node_begin, b->node_begin, nodes + 1) && same_ints(a->node_device, b->node_device, devices) &&
         same_ints(a->slot_begin, b->slot_begin, devices + 1) && !memcmp(a->speed, b->speed, devices * sizeof(double));
}

int same_placement(const eplb_placement_t *a, const eplb_placement_t *b) {
  if (a->num_layers != b->num_layers || a->num_experts != b->num_experts || a->num_slots != b->num_slots)
    return 0;
  size_t layers = (size_t)a->num_layers, experts = (size_t)a->num_experts, slots = (size_t)a->num_slots;
  if (!same_ints(a->physical_to_logical, b->physical_to_logical, layers * slots) ||
      !same_ints(a->logical_replica_count, b->logical_replica_count, layers * experts) ||
      !same_ints(a->replica_begin, b->replica_begin, layers * (experts + 1)))
    return 0;
  for (size_t l = 0; l < layers; l++) /* beyond the last replica the row says nothing */
    if (!same_ints(a->replica_slot + l * slots, b->replica_slot + l * slots,
                   (size_t)a->replica_begin[(l + 1) * (experts + 1) - 1]))
      return 0;
  return 1;
}
