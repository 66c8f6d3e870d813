#include "cargo.h"
#include "mpi/memory/host.h"
#include "mpi_tap.h"
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Slots begin at odd addresses, and there is a gap behind each. */
enum { OFFSET = 1, GAP = 2 };

static size_t bytes_of(const cargo_t *c, int layer, int tensor) {
  return c->tensor[tensor].bytes + c->tensor[tensor].more * (size_t)layer;
}

static int width_of(const cargo_t *c) {
  return c->num_slots > c->num_spares ? c->num_slots : c->num_spares;
}

static void **table_of(const cargo_t *c, int layer, int tensor) {
  return c->slot + ((size_t)layer * (size_t)c->num_tensors + (size_t)tensor) * (size_t)width_of(c);
}

/* ---- bytes ---- */

static void copy_and_wait(const cargo_t *c, void *to, const void *from, size_t bytes, eplb_copy_t direction) {
  int done = 0;
  CHECK(!c->memory->copy(c->memory->self, 0, to, from, bytes, direction));
  while (!done)
    if (c->memory->test(c->memory->self, 0, &done))
      done = 1;
}

static void make(const cargo_t *c, int layer, int expert, int tensor, size_t bytes, unsigned char *out) {
  uint32_t seed = (((uint32_t)layer * 1000003u + (uint32_t)expert) * 1000003u + (uint32_t)tensor) * 2654435761u;
  seed += c->version[layer] * 2246822519u;
  for (size_t i = 0; i < bytes; i++) {
    uint32_t x = seed + (uint32_t)i * 40503u;
    out[i] = (unsigned char)(x ^ x >> 13 ^ x >> 23);
  }
}

/* Fills a slot, or says whether it is right. */
static int visit(const cargo_t *c, int layer, int slot, int expert, int fill) {
  int good = 1;
  for (int t = 0; t < c->num_tensors; t++) {
    size_t bytes = bytes_of(c, layer, t);
    if (!bytes)
      continue;
    unsigned char *right = malloc(bytes), *found = malloc(bytes);
    void *at = table_of(c, layer, t)[slot];
    make(c, layer, expert, t, bytes, right);
    if (fill) {
      copy_and_wait(c, at, right, bytes, EPLB_COPY_IN);
    } else {
      copy_and_wait(c, found, at, bytes, EPLB_COPY_OUT);
      good &= !memcmp(found, right, bytes);
    }
    free(right);
    free(found);
  }
  return good;
}

static int expert_of(const cargo_t *c, int layer, int slot) {
  const eplb_placement_t *p = eplb_session_placement(c->session);
  return p->physical_to_logical[layer * p->num_slots + eplb_session_topology(c->session)->slot_begin[c->rank] + slot];
}

static int visit_layer(const cargo_t *c, int layer, int fill) {
  int good = 1;
  for (int s = 0; s < c->num_slots; s++) {
    int expert = expert_of(c, layer, s);
    if (expert != EPLB_EMPTY)
      good &= visit(c, layer, s, expert, fill);
  }
  return good;
}

void cargo_fill(cargo_t *cargo) {
  for (int l = 0; l < cargo->num_layers; l++)
    visit_layer(cargo, l, 1);
}

void cargo_write(cargo_t *cargo, int layer) {
  cargo->version[layer]++;
  visit_layer(cargo, layer, 1);
}

void cargo_invert(const cargo_t *c, int layer, int slot, int is_one_byte) {
  for (int t = 0; t < (is_one_byte ? 1 : c->num_tensors); t++) {
    size_t all = bytes_of(c, layer, t), bytes = is_one_byte ? 1 : all;
    if (!all)
      continue;
    char *at = (char *)table_of(c, layer, t)[slot] + (is_one_byte ? all / 2 : 0);
    unsigned char *copy = malloc(bytes);
    copy_and_wait(c, copy, at, bytes, EPLB_COPY_OUT);
    for (size_t i = 0; i < bytes; i++)
      copy[i] ^= 255;
    copy_and_wait(c, at, copy, bytes, EPLB_COPY_IN);
    free(copy);
  }
}

int cargo_slot_is_whole(const cargo_t *cargo, int layer, int slot) {
  int expert = expert_of(cargo, layer, slot);
  return expert == EPLB_EMPTY || visit(cargo, layer, slot, expert, 0);
}

int cargo_layer_is_whole(const cargo_t *cargo, int layer) {
  return visit_layer(cargo, layer, 0);
}

int cargo_is_whole(const cargo_t *cargo) {
  int good = eplb_placement_validate(eplb_session_placement(cargo->session)) == EPLB_SUCCESS;
  for (int l = 0; l < cargo->num_layers; l++)
    good &= visit_layer(cargo, l, 0);
  return good;
}

/* ---- life ---- */

static void place(cargo_t *c, int layer, int tensor, int count) {
  size_t stride = bytes_of(c, layer == c->num_layers ? 0 : layer, tensor) + GAP;
  void **block = &c->block[layer * c->num_tensors + tensor];
  CHECK(!c->memory->allocate(c->memory->self, OFFSET + (size_t)count * stride, block));
  for (int s = 0; s < count; s++)
    table_of(c, layer, tensor)[s] = (char *)*block + OFFSET + (size_t)s * stride;
}

static void allocate_cargo(cargo_t *c) {
  for (int t = 0; t < c->num_tensors; t++) {
    const cargo_tensor_t *tensor = &c->tensor[t];
    for (int l = 0; l < c->num_layers; l++) {
      place(c, l, t, c->num_slots);
      void **table = table_of(c, l, t);
      size_t bytes = bytes_of(c, l, t);
      CHECK(!(tensor->by_table ? eplb_session_register_table(c->session, l, tensor->name, table, bytes)
                               : eplb_session_register(c->session, l, tensor->name, table[0], bytes, bytes + GAP)));
    }
    if (!tensor->by_table)
      continue;
    place(c, c->num_layers, t, c->num_spares);
    CHECK(!eplb_session_register_spares(c->session, tensor->name, table_of(c, c->num_layers, t), c->num_spares,
                                        tensor->bytes));
  }
}

void cargo_start(cargo_t *cargo, const eplb_session_options_t *options, const cargo_tensor_t *tensor, int num_tensors,
                 int num_spares) {
  *cargo = (cargo_t){.memory = options->memory ? options->memory : eplb_memory_host(),
                     .num_layers = options->num_layers,
                     .num_spares = num_spares,
                     .num_tensors = num_tensors,
                     .tensor = tensor};
  MPI_Comm_rank(MPI_COMM_WORLD, &cargo->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &cargo->num_ranks);
  CHECK(!eplb_session_create(MPI_COMM_WORLD, options, &cargo->session));
  const int *begin = eplb_session_topology(cargo->session)->slot_begin;
  cargo->num_slots = begin[cargo->rank + 1] - begin[cargo->rank];
  size_t tables = (size_t)(cargo->num_layers + 1) * (size_t)num_tensors;
  cargo->version = calloc((size_t)cargo->num_layers, sizeof *cargo->version);
  cargo->block = calloc(tables, sizeof *cargo->block);
  cargo->slot = calloc(tables * (size_t)width_of(cargo), sizeof *cargo->slot);
  allocate_cargo(cargo);
  cargo_fill(cargo);
}

void cargo_finish(cargo_t *cargo) {
  CHECK(!eplb_session_destroy(&cargo->session));
  for (int i = 0; i < (cargo->num_layers + 1) * cargo->num_tensors; i++)
    cargo->memory->release(cargo->memory->self, cargo->block[i]);
  free(cargo->version);
  free(cargo->block);
  free(cargo->slot);
}

/* ---- rounds ---- */

void cargo_record(const cargo_t *cargo, int round) {
  const eplb_placement_t *p = eplb_session_placement(cargo->session);
  int64_t *count = calloc((size_t)p->num_experts, sizeof *count);
  for (int l = 0; l < p->num_layers; l++) {
    for (int e = 0; e < p->num_experts; e++)
      count[e] = 1 + (e * 37 + l * 11 + round * 53) % 91 * ((e + round) % 7 == 0 ? 20 : 1);
    CHECK(!eplb_session_record(cargo->session, l, count));
  }
  free(count);
}

long long cargo_hash_of_maps(const cargo_t *cargo) {
  const eplb_placement_t *p = eplb_session_placement(cargo->session);
  uint64_t hash = 1469598103934665603u;
  for (int i = 0; i < p->num_layers * p->num_slots; i++)
    hash = (hash ^ (unsigned)(p->physical_to_logical[i] + 2)) * 1099511628211u;
  return (long long)(hash >> 2);
}
