/* The output of `eplb topo --json`. */
#include "tools/topo/topo.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const rule_keys[] = {"eplb_device", "visible_devices", "local_rank", "numa"};
static const char *const domain_keys[] = {"", "EPLB_DOMAIN", "EPLB_RACKS", "SLURM_TOPOLOGY_ADDR"};

/* "cuda0 nvml0" as a list. */
static json_t *words(const char *text) {
  json_t *list = json_array();
  for (const char *at = text; *at; at += strspn(at, " ")) {
    size_t length = strcspn(at, " ");
    json_array_append_new(list, json_stringn(at, length));
    at += length;
  }
  return list;
}

static json_t *json_of_integers(const int *value, int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++)
    json_array_append_new(list, json_integer(value[i]));
  return list;
}

/* ---- accelerators ---- */

static json_t *peers(const eplb_host_t *h, int index) {
  json_t *list = json_array();
  for (int p = 0; p < h->num_accelerators; p++) {
    double rate = h->bandwidth[(size_t)index * (size_t)h->num_accelerators + (size_t)p];
    if (rate > 0)
      json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:f}", "index", p, "bus_id", h->accelerator[p].bus_id,
                                            "link", h->link_name, "bandwidth", rate / 1e6));
  }
  return list;
}

static json_t *json_of_accelerator(const eplb_host_t *h, int node, int index) {
  const eplb_accelerator_t *a = &h->accelerator[index];
  char vendor[8], model[8];
  snprintf(vendor, sizeof vendor, "%04x", a->vendor);
  snprintf(model, sizeof model, "%04x", a->model);
  return json_pack("{s:i, s:i, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:I, s:s, s:o}", "node", node, "index",
                   index, "bus_id", a->bus_id, "partition", a->partition, "partitions", a->num_partitions, "vendor",
                   a->vendor_name, "model", a->name, "vendor_id", vendor, "device_id", model, "backends",
                   words(a->backends), "numa", a->numa, "island", a->island, "memory", (json_int_t)a->memory, "uuid",
                   a->uuid, "peers", peers(h, index));
}

static json_t *all_accelerators(const topo_view_t *v) {
  json_t *list = json_array();
  for (int n = 0; n < v->num_hosts; n++)
    for (int a = 0; a < v->host[n]->num_accelerators; a++)
      json_array_append_new(list, json_of_accelerator(v->host[n], n, a));
  return list;
}

/* The devices of a declared topology, of which no more is known. */
static json_t *declared_devices(const eplb_topology_t *t) {
  json_t *list = json_array();
  for (int d = 0; d < t->num_devices; d++)
    json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:f}", "index", d, "node", eplb_topology_node(t, d), "slots",
                                          t->slot_begin[d + 1] - t->slot_begin[d], "speed", t->speed[d]));
  return list;
}

/* ---- nodes, domains, ranks ---- */

static json_t *nodes(const topo_view_t *v) {
  json_t *list = json_array();
  const eplb_topology_t *t = v->topology;
  int count = t ? eplb_topology_num_nodes(t) : 1;
  for (int n = 0; n < count; n++) {
    json_t *node = json_pack("{s:i}", "node", n);
    if (v->host) {
      const eplb_host_t *h = v->host[n];
      json_object_update_new(node, json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "host", h->name, "packages",
                                             h->num_packages, "numa_nodes", h->num_numa, "cores", h->num_cores, "pus",
                                             h->num_pus, "num_devices", h->num_accelerators));
    }
    if (t)
      json_object_set_new(node, v->machine ? "ranks" : "devices",
                          json_of_integers(t->node_device + t->node_begin[n], t->node_begin[n + 1] - t->node_begin[n]));
    if (v->machine) {
      char machine[20];
      snprintf(machine, sizeof machine, "%016" PRIx64, v->machine->rank[t->node_device[t->node_begin[n]]].machine);
      json_object_set_new(node, "machine", json_string(machine));
    }
    json_array_append_new(list, node);
  }
  return list;
}

static json_t *ranks_of(const eplb_topology_t *t, int level, int domain) {
  json_t *list = json_array();
  for (int d = 0; d < t->num_devices; d++)
    if (t->domain[(size_t)level * (size_t)t->num_devices + (size_t)d] == domain)
      json_array_append_new(list, json_integer(d));
  return list;
}

static json_t *domains(const eplb_topology_t *t) {
  json_t *list = json_array();
  for (int l = 0; t && l < t->num_levels; l++)
    for (int d = 0; d < t->num_domains[l]; d++)
      json_array_append_new(
          list, json_pack("{s:s, s:i, s:o}", "level", t->level_name[l], "index", d, "ranks", ranks_of(t, l, d)));
  return list;
}

static json_t *rank(const eplb_machine_t *m, const eplb_rank_info_t *r) {
  json_t *object = json_pack("{s:i, s:i, s:i, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:i, s:b}", "rank", r->rank,
                             "node", r->node, "local_rank", r->local_rank, "host", r->host, "package", r->package,
                             "numa", r->numa, "pus", r->num_pus, "devices_on_host", r->num_accelerators, "device_rule",
                             rule_keys[r->device_rule], "domain", r->domain, "note", r->note, "shares_device_with",
                             topo_sharing_rank(m, r), "bound_to_other_numa", topo_is_bound_elsewhere(r));
  json_object_set_new(object, "device",
                      r->device_index >= 0
                          ? json_pack("{s:i, s:s, s:i, s:i, s:s, s:s}", "index", r->device_index, "bus_id",
                                      r->device.bus_id, "partition", r->device.partition, "partitions",
                                      r->device.num_partitions, "uuid", r->device.uuid, "model", r->device.name)
                          : json_null());
  return object;
}

/* ---- the whole ---- */

/* As eplb_topology_read takes it. */
static json_t *json_of_topology(const eplb_topology_t *t) {
  json_t *levels = json_array(), *rows = json_array(), *slots = json_array(), *speed = json_array();
  for (int l = 0; l < t->num_levels; l++) {
    json_array_append_new(levels, json_string(t->level_name[l]));
    json_array_append_new(rows, json_of_integers(t->domain + (size_t)l * (size_t)t->num_devices, t->num_devices));
  }
  for (int d = 0; d < t->num_devices; d++) {
    json_array_append_new(slots, json_integer(t->slot_begin[d + 1] - t->slot_begin[d]));
    json_array_append_new(speed, json_real(t->speed[d]));
  }
  json_t *object =
      json_pack("{s:o, s:i, s:o}", "levels", levels, "node_level", t->node_level, "domain_of_device", rows);
  if (t->declared) { /* a job detects no slots; the planner's user gives them */
    json_object_set_new(object, "slots_of_device", slots);
    json_object_set_new(object, "speed_of_device", speed);
  } else {
    json_decref(slots);
    json_decref(speed);
  }
  return object;
}

static json_t *links(const topo_links_t *all) {
  json_t *object = json_object();
  for (int i = 0; i < all->count; i++)
    if (all->link[i].pairs)
      json_object_set_new(object, all->link[i].name,
                          json_pack("{s:b, s:i, s:f, s:f}", "crosses_nodes", all->link[i].crosses_nodes, "pairs",
                                    all->link[i].pairs, "bytes_per_second", all->link[i].bytes_per_second, "seconds",
                                    all->link[i].seconds));
  return object;
}

json_t *topo_json(const topo_view_t *v) {
  int num_nodes = v->topology ? eplb_topology_num_nodes(v->topology) : 1;
  json_t *document =
      json_pack("{s:i, s:i, s:b, s:o, s:o, s:o}", "version", 1, "num_nodes", num_nodes, "declared",
                v->declared_by != NULL, "devices", v->host ? all_accelerators(v) : declared_devices(v->topology),
                "nodes", nodes(v), "domains", domains(v->topology));
  if (v->declared_by)
    json_object_set_new(document, "declared_by", json_string(v->declared_by));
  if (v->topology)
    json_object_set_new(document, "topology", json_of_topology(v->planned ? v->planned : v->topology));
  if (v->machine) {
    json_t *ranks = json_array();
    for (int r = 0; r < v->machine->num_ranks; r++)
      json_array_append_new(ranks, rank(v->machine, &v->machine->rank[r]));
    json_object_update_new(document,
                           json_pack("{s:i, s:s, s:I, s:o}", "num_ranks", v->machine->num_ranks, "domains_from",
                                     domain_keys[v->machine->rank[0].domain_rule], "gathered_bytes",
                                     (json_int_t)v->machine->gathered_bytes, "ranks", ranks));
  }
  if (v->links)
    json_object_set_new(document, "links", links(v->links));
  return document;
}
