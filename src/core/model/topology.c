/* Topologies: checks that the domains of each level nest in those of the level above, numbers them, and answers the
 * planners' questions. */
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/escape.h"
#include "core/util/sized.h"
#include <eplb/topology.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static eplb_status_t allocate_topology(int num_devices, int num_levels, eplb_topology_t **topology) {
  eplb_topology_t *t = EPLB_NEW(eplb_topology_t, 1);
  if (!t)
    return EPLB_ERR_MEMORY;
  size_t devices = (size_t)num_devices;
  t->num_devices = num_devices;
  t->num_levels = num_levels;
  t->domain = EPLB_NEW(int, devices *(size_t)num_levels);
  t->node_begin = EPLB_NEW(int, devices + 1);
  t->node_device = EPLB_NEW(int, devices);
  t->slot_begin = EPLB_NEW(int, devices + 1);
  t->speed = EPLB_NEW(double, devices);
  if (!t->domain || !t->node_begin || !t->node_device || !t->slot_begin || !t->speed) {
    eplb_topology_destroy(&t);
    return EPLB_ERR_MEMORY;
  }
  *topology = t;
  return EPLB_SUCCESS;
}

void eplb_topology_destroy(eplb_topology_t **topology) {
  if (!topology || !*topology)
    return;
  free((*topology)->domain);
  free((*topology)->node_begin);
  free((*topology)->node_device);
  free((*topology)->slot_begin);
  free((*topology)->speed);
  free(*topology);
  *topology = NULL;
}

eplb_status_t eplb_topology_copy(const eplb_topology_t *topology, eplb_topology_t **copy) {
  eplb_topology_t *t;
  eplb_status_t status = allocate_topology(topology->num_devices, topology->num_levels, &t);
  if (status)
    return status;
  size_t devices = (size_t)topology->num_devices;
  eplb_topology_t arrays = *t;
  *t = *topology;
  t->domain = memcpy(arrays.domain, topology->domain, devices * (size_t)t->num_levels * sizeof(int));
  t->node_begin = memcpy(arrays.node_begin, topology->node_begin, (devices + 1) * sizeof(int));
  t->node_device = memcpy(arrays.node_device, topology->node_device, devices * sizeof(int));
  t->slot_begin = memcpy(arrays.slot_begin, topology->slot_begin, (devices + 1) * sizeof(int));
  t->speed = memcpy(arrays.speed, topology->speed, devices * sizeof(double));
  *copy = t;
  return EPLB_SUCCESS;
}

static eplb_status_t check_levels(const eplb_topology_parts_t *p) {
  if (p->num_devices < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a topology of %s; expected at least 1", eplb_count(p->num_devices, "device"));
  if (p->num_levels < 1 || p->num_levels > EPLB_MAX_LEVELS)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a topology of %s; expected 1 to %d", eplb_count(p->num_levels, "level"),
                     EPLB_MAX_LEVELS);
  if (p->node_level < 0 || p->node_level >= p->num_levels)
    return eplb_fail(EPLB_ERR_ARGUMENT, "node_level is %d; expected 0 to %d", p->node_level, p->num_levels - 1);
  if (!p->level_name || !p->domain)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", p->level_name ? "domain" : "level_name");
  for (int l = 0; l < p->num_levels; l++)
    if (!p->level_name[l] || !p->level_name[l][0] || strlen(p->level_name[l]) >= EPLB_LEVEL_NAME_MAX)
      return eplb_fail(EPLB_ERR_ARGUMENT, "the name of level %d is \"%s\"; expected 1 to %s", l,
                       p->level_name[l] ? p->level_name[l] : "NULL", eplb_count(EPLB_LEVEL_NAME_MAX - 1, "character"));
    else if (eplb_has_control(p->level_name[l], strlen(p->level_name[l])))
      return eplb_fail(EPLB_ERR_ARGUMENT, "the name of level %d is \"%s\"; expected printable characters", l,
                       p->level_name[l]);
  return EPLB_SUCCESS;
}

static eplb_status_t check_devices(int num_devices, const int *slots, const double *speed) {
  if (!slots)
    return eplb_fail(EPLB_ERR_ARGUMENT, "slots is NULL");
  int64_t sum = 0;
  for (int d = 0; d < num_devices; d++) {
    if (slots[d] < 0)
      return eplb_fail(EPLB_ERR_ARGUMENT, "device %d has %s; expected 0 or more", d, eplb_count(slots[d], "slot"));
    if (speed && !(speed[d] >= EPLB_MIN_SPEED && speed[d] <= EPLB_MAX_SPEED))
      return eplb_fail(EPLB_ERR_ARGUMENT, "device %d has speed %g; expected %g to %g", d, speed[d], EPLB_MIN_SPEED,
                       EPLB_MAX_SPEED);
    sum += slots[d];
  }
  if (sum < 1 || sum > INT_MAX)
    return eplb_fail(EPLB_ERR_ARGUMENT, "all devices have %s in a layer; expected 1 to %d", eplb_count(sum, "slot"),
                     INT_MAX);
  return EPLB_SUCCESS;
}

typedef struct label {
  int given, device;
} label_t;

static int by_given_then_device(const void *a, const void *b) {
  const label_t *x = a, *y = b;
  return x->given != y->given ? (x->given < y->given ? -1 : 1) : (x->device > y->device) - (x->device < y->device);
}

/* Numbers the domains of a level from 0 by first device: equal labels are neighbours once sorted, and the first of each
 * run is the domain's first device. Returns how many there are. */
static int renumber(int num_devices, const int *given, label_t *label, int *domain) {
  for (int d = 0; d < num_devices; d++)
    label[d] = (label_t){given[d], d};
  qsort(label, (size_t)num_devices, sizeof *label, by_given_then_device);
  for (int i = 0; i < num_devices; i++)
    domain[label[i].device] = i && label[i - 1].given == label[i].given ? domain[label[i - 1].device] : label[i].device;

  int count = 0; /* domain[d] is now the domain's first device, which has its number by the time that d comes */
  for (int d = 0; d < num_devices; d++)
    domain[d] = domain[d] == d ? count++ : domain[domain[d]];
  return count;
}

/* Every domain lies in one domain of the level above: `parent` remembers in which it was first seen. */
static eplb_status_t check_nesting(const eplb_topology_t *t, int level, int *parent) {
  const int *outer = t->domain + (size_t)(level - 1) * (size_t)t->num_devices, *inner = outer + t->num_devices;
  for (int i = 0; i < t->num_domains[level]; i++)
    parent[i] = -1;
  for (int d = 0; d < t->num_devices; d++) {
    int *p = &parent[inner[d]];
    if (*p >= 0 && *p != outer[d])
      return eplb_fail(EPLB_ERR_ARGUMENT, "device %d: its %s lies in two domains of level \"%s\"; expected one", d,
                       t->level_name[level], t->level_name[level - 1]);
    *p = outer[d];
  }
  return EPLB_SUCCESS;
}

static eplb_status_t set_domains(eplb_topology_t *t, const int *domain) {
  label_t *label = EPLB_NEW(label_t, t->num_devices);
  int *parent = EPLB_NEW(int, t->num_devices);
  eplb_status_t status = label && parent ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < t->num_levels && !status; l++) {
    const int *given = domain + (size_t)l * (size_t)t->num_devices;
    for (int d = 0; d < t->num_devices && !status; d++)
      if (given[d] < 0)
        status = eplb_fail(EPLB_ERR_ARGUMENT, "device %d: its %s is number %d; expected 0 or more", d, t->level_name[l],
                           given[d]);
    if (!status)
      t->num_domains[l] = renumber(t->num_devices, given, label, t->domain + (size_t)l * (size_t)t->num_devices);
    if (!status && l > 0)
      status = check_nesting(t, l, parent);
  }
  free(parent);
  free(label);
  return status;
}

/* The devices of each node, by counting. */
static void list_nodes(eplb_topology_t *t) {
  int nodes = eplb_topology_num_nodes(t);
  memset(t->node_begin, 0, ((size_t)t->num_devices + 1) * sizeof *t->node_begin);
  for (int d = 0; d < t->num_devices; d++)
    t->node_begin[eplb_topology_node(t, d) + 1]++;
  for (int n = 0; n < nodes; n++)
    t->node_begin[n + 1] += t->node_begin[n];
  for (int d = t->num_devices - 1; d >= 0; d--) /* backwards, with the next node's begin as the cursor */
    t->node_device[--t->node_begin[eplb_topology_node(t, d) + 1]] = d;
  for (int n = 0; n < nodes; n++) /* the begin of node n now stands at n + 1 */
    t->node_begin[n] = t->node_begin[n + 1];
  t->node_begin[nodes] = t->num_devices;
}

eplb_status_t eplb_topology_create(const eplb_topology_parts_t *given, eplb_topology_t **topology) {
  eplb_topology_t *t;
  eplb_topology_parts_t own;
  const eplb_topology_parts_t *parts = &own;
  eplb_topology_parts_init(&own);
  eplb_status_t status = eplb_sized_take("topology_parts", sizeof own, given, &own);
  if (!status)
    status = check_levels(parts);
  if (!status)
    status = check_devices(parts->num_devices, parts->slots, parts->speed);
  if (!status)
    status = allocate_topology(parts->num_devices, parts->num_levels, &t);
  if (status)
    return status;
  t->node_level = parts->node_level;
  t->declared = parts->declared;
  for (int l = 0; l < parts->num_levels; l++)
    snprintf(t->level_name[l], sizeof t->level_name[l], "%s", parts->level_name[l]);
  for (int d = 0; d < parts->num_devices; d++) {
    t->slot_begin[d + 1] = t->slot_begin[d] + parts->slots[d];
    t->speed[d] = parts->speed ? parts->speed[d] : 1;
  }
  status = set_domains(t, parts->domain);
  if (status) {
    eplb_topology_destroy(&t);
    return status;
  }
  list_nodes(t);
  *topology = t;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_topology_set_node_level(eplb_topology_t *t, const char *level) {
  char names[EPLB_MAX_LEVELS * (EPLB_LEVEL_NAME_MAX + 2)] = "";
  if (!t || !level)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", t ? "level" : "topology");
  for (int l = 0; l < t->num_levels; l++) {
    if (!strcmp(t->level_name[l], level)) {
      t->node_level = l;
      list_nodes(t);
      return EPLB_SUCCESS;
    }
    size_t length = strlen(names);
    snprintf(names + length, sizeof names - length, "%s%s", l ? ", " : "", t->level_name[l]);
  }
  return eplb_fail(EPLB_ERR_ARGUMENT, "node_level is \"%.32s\", and the topology has no such level; expected one of %s",
                   level, names);
}

eplb_status_t eplb_topology_declare(int num_nodes, int num_devices, int slots_per_device, eplb_topology_t **topology) {
  if (num_nodes < 1 || num_devices < num_nodes || slots_per_device < 1)
    return eplb_fail(
        EPLB_ERR_ARGUMENT, "%s, %s, %s on each; expected at least 1 of each and no more nodes than devices",
        eplb_count(num_nodes, "node"), eplb_count(num_devices, "device"), eplb_count(slots_per_device, "slot"));
  if (num_devices > INT_MAX / slots_per_device)
    return eplb_fail(EPLB_ERR_ARGUMENT, "all devices have %s in a layer; expected 1 to %d",
                     eplb_count((int64_t)num_devices * slots_per_device, "slot"), INT_MAX);
  int *node = EPLB_NEW(int, num_devices), *slots = EPLB_NEW(int, num_devices);
  eplb_status_t status = node && slots ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status) {
    int larger = num_devices % num_nodes, size = num_devices / num_nodes;
    for (int d = 0; d < num_devices; d++) {
      node[d] = d < larger * (size + 1) ? d / (size + 1) : larger + (d - larger * (size + 1)) / size;
      slots[d] = slots_per_device;
    }
    status = eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                 .num_devices = num_devices,
                                                                 .num_levels = 1,
                                                                 .level_name = (const char *const[]){"node"},
                                                                 .domain = node,
                                                                 .slots = slots,
                                                                 .declared = 1},
                                  topology);
  }
  free(slots);
  free(node);
  return status;
}

int eplb_topology_device_of_slot(const eplb_topology_t *topology, int slot) {
  int low = 0, high = topology->num_devices; /* slot_begin[low] <= slot < slot_begin[high] */
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (topology->slot_begin[middle] <= slot)
      low = middle;
    else
      high = middle;
  }
  return low;
}
