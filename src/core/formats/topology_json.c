/* Topologies and measured links from JSON. */
#include "core/formats/json_file.h"
#include "core/formats/topology_spec.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/formats.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* What a topology is made of; its names are the document's. */
typedef struct parts {
  const char *path;
  int num_devices, num_levels, node_level;
  const char *name[EPLB_MAX_LEVELS];
  int *domain, *slots;
  double *speed;
} parts_t;

/* An array of as many whole numbers as there are devices. */
static eplb_status_t get_numbers(const parts_t *p, const json_t *array, const char *what, int *numbers) {
  if (!json_is_array(array) || json_array_size(array) != (size_t)p->num_devices)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s has %s; expected one for each of %s", p->path, what,
                     eplb_count(json_array_size(array), "number"), eplb_count(p->num_devices, "device"));
  for (int d = 0; d < p->num_devices; d++) {
    const json_t *value = json_array_get(array, (size_t)d);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > INT_MAX)
      return eplb_fail(EPLB_ERR_FORMAT, "%s: number %d of %s is out of range; expected 0 to %d", p->path, d, what,
                       INT_MAX);
    numbers[d] = (int)number;
  }
  return EPLB_SUCCESS;
}

/* The shape: how many levels and devices. */
static eplb_status_t get_levels(parts_t *p, const json_t *t) {
  const json_t *levels = json_object_get(t, "levels"), *domains = json_object_get(t, "domain_of_device");
  const json_t *nodes = json_object_get(t, "node_of_device"), *first = levels ? json_array_get(domains, 0) : nodes;
  p->num_levels = levels ? (int)json_array_size(levels) : 1;
  if (levels &&
      (p->num_levels < 1 || p->num_levels > EPLB_MAX_LEVELS || json_array_size(domains) != (size_t)p->num_levels))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s and %s of domain_of_device; expected 1 to %d of each", p->path,
                     eplb_count(json_array_size(levels), "level"), eplb_count(json_array_size(domains), "row"),
                     EPLB_MAX_LEVELS);
  if (!json_is_array(first) || json_array_size(first) < 1 || json_array_size(first) > 1 << 20)
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s has no topology; expected \"levels\" and \"domain_of_device\", or \"node_of_device\"",
                     p->path);
  p->num_devices = (int)json_array_size(first);
  p->name[0] = "node";
  p->node_level = -1;
  for (int l = 0; l < p->num_levels && levels; l++) {
    p->name[l] = json_string_value(json_array_get(levels, (size_t)l));
    if (!p->name[l])
      return eplb_fail(EPLB_ERR_FORMAT, "%s: level %d has no name", p->path, l);
  }
  for (int l = 0; l < p->num_levels; l++)
    if (!strcmp(p->name[l], "node"))
      p->node_level = l;
  const json_t *node = json_object_get(t, "node_level");
  if (json_is_integer(node) && json_integer_value(node) >= 0 && json_integer_value(node) < p->num_levels)
    p->node_level = (int)json_integer_value(node);
  else if (node || p->node_level < 0)
    return eplb_fail(EPLB_ERR_FORMAT, "%s does not say which level is the node; expected \"node_level\" from 0 to %d",
                     p->path, p->num_levels - 1);
  return EPLB_SUCCESS;
}

static eplb_status_t get_slots(parts_t *p, const json_t *t, int default_slots) {
  const json_t *slots = json_object_get(t, "slots_of_device");
  if (slots)
    return get_numbers(p, slots, "slots_of_device", p->slots);
  if (default_slots < 1)
    return eplb_fail(EPLB_ERR_FORMAT, "%s has no slots; expected \"slots_of_device\"", p->path);
  for (int d = 0; d < p->num_devices; d++)
    p->slots[d] = default_slots;
  return EPLB_SUCCESS;
}

static eplb_status_t get_speed(parts_t *p, const json_t *t) {
  const json_t *speed = json_object_get(t, "speed_of_device");
  if (speed && json_array_size(speed) != (size_t)p->num_devices)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: speed_of_device has %s; expected one for each of %s", p->path,
                     eplb_count(json_array_size(speed), "number"), eplb_count(p->num_devices, "device"));
  for (int d = 0; d < p->num_devices; d++) /* what is no number is 0, which the topology refuses */
    p->speed[d] = speed ? json_number_value(json_array_get(speed, (size_t)d)) : 1;
  return EPLB_SUCCESS;
}

static eplb_status_t build_topology(parts_t *p, const json_t *t, int default_slots, eplb_topology_t **topology) {
  size_t devices = (size_t)p->num_devices;
  p->domain = EPLB_NEW(int, devices *(size_t)p->num_levels);
  p->slots = EPLB_NEW(int, devices);
  p->speed = EPLB_NEW(double, devices);
  eplb_status_t status = p->domain && p->slots && p->speed ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  const json_t *domains = json_object_get(t, "domain_of_device");
  for (int l = 0; l < p->num_levels && !status; l++)
    status = domains ? get_numbers(p, json_array_get(domains, (size_t)l), "a row of domain_of_device",
                                   p->domain + (size_t)l * devices)
                     : get_numbers(p, json_object_get(t, "node_of_device"), "node_of_device", p->domain);
  if (!status)
    status = get_slots(p, t, default_slots);
  if (!status)
    status = get_speed(p, t);
  if (!status) {
    status = eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                 .num_devices = p->num_devices,
                                                                 .num_levels = p->num_levels,
                                                                 .level_name = p->name,
                                                                 .node_level = p->node_level,
                                                                 .domain = p->domain,
                                                                 .slots = p->slots,
                                                                 .speed = p->speed,
                                                                 .declared = 1},
                                  topology);
    if (status == EPLB_ERR_ARGUMENT)
      status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s", p->path, eplb_last_error());
  }
  free(p->speed);
  free(p->slots);
  free(p->domain);
  return status;
}

eplb_status_t eplb_topology_read(const char *text, int default_slots, eplb_topology_t **topology) {
  if (!text || !topology)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", text ? "topology" : "text");
  if (eplb_is_topology_spec(text))
    return eplb_topology_parse_spec(text, default_slots, topology);
  parts_t p = {.path = eplb_input_name(text)};
  json_t *document = NULL;
  eplb_status_t status = eplb_json_load(text, "a topology", &document);
  const json_t *inner = json_object_get(document, "topology"), *t = inner ? inner : document;
  if (!status)
    status = get_levels(&p, t);
  if (!status)
    status = build_topology(&p, t, default_slots, topology);
  json_decref(document);
  return status;
}

/* The slowest class of links that crosses nodes, or that does not: 0 where none was measured. */
static double slowest_link(json_t *links, int crosses) {
  const char *name;
  json_t *link;
  double least = 0;
  json_object_foreach(links, name, link) {
    double rate = json_number_value(json_object_get(link, "bytes_per_second"));
    if (json_is_true(json_object_get(link, "crosses_nodes")) == crosses && isfinite(rate) && rate > 0 &&
        (least <= 0 || rate < least))
      least = rate;
  }
  return least;
}

eplb_status_t eplb_links_read_json(const char *path, eplb_payback_t *payback) {
  if (!path || !payback)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "payback" : "path");
  json_t *document = NULL;
  eplb_status_t status = eplb_json_load(path, "measured links", &document);
  if (status)
    return status;
  json_t *links = json_object_get(document, "links");
  double within = slowest_link(links, 0), across = slowest_link(links, 1);
  if (within > 0)
    payback->bytes_per_second[EPLB_LINK_NODE] = within;
  if (across > 0)
    payback->bytes_per_second[EPLB_LINK_NETWORK] = across;
  if (!(within > 0 || across > 0))
    status = eplb_fail(EPLB_ERR_FORMAT, "%s has no measured links; write it with eplb topo --measure --save", path);
  json_decref(document);
  return status;
}
