/* Synthetic weights whose bytes follow from layer, expert and offset, so that every byte can be checked wherever it has
 * moved. */
#include "tools/common/weights.h"
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include <string.h>

enum { BLOCK = 4096 };

static eplb_status_t allocate_tensor(weights_t *w, int tensor, size_t slots, eplb_session_t *session) {
  void *memory = NULL;
  w->slot[tensor] = EPLB_NEW(void *, slots);
  if (session) {
    eplb_status_t status = eplb_session_allocate(session, slots * w->bytes[tensor], &memory);
    if (status)
      return status;
  } else {
    memory = eplb_new(slots, w->bytes[tensor]);
    if (memory) /* a job's weights have been touched before they move, and so have spares been */
      memset(memory, 0, slots * w->bytes[tensor]);
  }
  w->base[tensor] = memory;
  for (size_t s = 0; s < slots && w->slot[tensor]; s++)
    w->slot[tensor][s] = w->base[tensor] + s * w->bytes[tensor];
  return w->slot[tensor] && (memory || session) ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

eplb_status_t weights_create(int num_layers, int num_slots, int num_spares, size_t expert_bytes,
                             eplb_session_t *session, weights_t *weights) {
  size_t scales = expert_bytes / 16, slots = (size_t)num_layers * (size_t)num_slots + (size_t)num_spares;
  *weights = (weights_t){.num_layers = num_layers,
                         .num_slots = num_slots,
                         .num_spares = num_spares,
                         .bytes = {expert_bytes - scales, scales},
                         .is_sessions = session != NULL};
  eplb_status_t status = EPLB_SUCCESS;
  for (int t = 0; t < WEIGHTS_TENSORS; t++) { /* all of them: with a session it is collective */
    eplb_status_t here = allocate_tensor(weights, t, slots, session);
    status = status ? status : here;
  }
  if (status)
    weights_free(weights);
  return status;
}

void weights_free(weights_t *weights) {
  for (int t = 0; t < WEIGHTS_TENSORS; t++) {
    if (!weights->is_sessions)
      free(weights->base[t]);
    free(weights->slot[t]);
  }
  *weights = (weights_t){0};
}

static void **table_of(const weights_t *w, int tensor, int layer) {
  return w->slot[tensor] + (size_t)layer * (size_t)w->num_slots;
}

static char *slot_of(const weights_t *w, int tensor, int layer, int slot) {
  return table_of(w, tensor, layer)[slot];
}

eplb_status_t weights_register(const weights_t *w, eplb_session_t *session) {
  static const char *const names[WEIGHTS_TENSORS] = {"weights", "scales"};
  eplb_status_t status = EPLB_SUCCESS;
  for (int t = 0; t < WEIGHTS_TENSORS && !status; t++) {
    for (int l = 0; l < w->num_layers && !status; l++)
      status = w->num_spares
                   ? eplb_session_register_table(session, l, names[t], table_of(w, t, l), w->bytes[t])
                   : eplb_session_register(session, l, names[t], slot_of(w, t, l, 0), w->bytes[t], w->bytes[t]);
    if (w->num_spares && !status)
      status =
          eplb_session_register_spares(session, names[t], table_of(w, t, w->num_layers), w->num_spares, w->bytes[t]);
  }
  return status;
}

/* The splitmix64 finaliser: its outputs for neighbouring inputs have nothing in common. */
static uint64_t mix_bits(uint64_t x) {
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* The expert's bytes from `offset` on, up to BLOCK of them but at least BLOCK - 7; returns how many. */
static size_t make_block(int layer, int expert, size_t offset, uint64_t *words, const char **bytes) {
  uint64_t seed = mix_bits((uint64_t)layer << 32 | (uint32_t)expert) + offset / 8;
  for (size_t i = 0; i < BLOCK / 8; i++)
    words[i] = mix_bits(seed + i);
  *bytes = (const char *)words + offset % 8;
  return BLOCK - offset % 8;
}

/* Counts the bytes that differ from what they should be, or makes them so. */
static int64_t visit_slot(const weights_t *w, int layer, int slot, int expert, int fill) {
  int64_t wrong = 0;
  size_t offset = 0;
  for (int t = 0; t < WEIGHTS_TENSORS; t++) {
    char *at = slot_of(w, t, layer, slot), *end = at + w->bytes[t];
    for (size_t length; at < end; at += length, offset += length) {
      uint64_t words[BLOCK / 8];
      const char *right;
      length = make_block(layer, expert, offset, words, &right);
      length = length < (size_t)(end - at) ? length : (size_t)(end - at);
      if (fill)
        memcpy(at, right, length);
      else if (memcmp(at, right, length))
        for (size_t i = 0; i < length; i++)
          wrong += at[i] != right[i];
    }
  }
  return wrong;
}

void weights_fill(const weights_t *weights, const eplb_placement_t *placement, const eplb_topology_t *topology,
                  int rank) {
  for (int l = 0; l < weights->num_layers; l++)
    for (int s = 0; s < weights->num_slots; s++) {
      int expert = eplb_placement_row(placement, l)[topology->slot_begin[rank] + s];
      if (expert != EPLB_EMPTY)
        visit_slot(weights, l, s, expert, 1);
    }
}

int64_t weights_count_wrong(const weights_t *weights, const eplb_placement_t *placement,
                            const eplb_topology_t *topology, int rank, int *layer, int *slot) {
  int64_t wrong = 0;
  for (int l = 0; l < weights->num_layers; l++)
    for (int s = 0; s < weights->num_slots; s++) {
      int global = topology->slot_begin[rank] + s, expert = eplb_placement_row(placement, l)[global];
      int64_t here = expert == EPLB_EMPTY ? 0 : visit_slot(weights, l, s, expert, 0);
      if (here && !wrong) {
        *layer = l;
        *slot = global;
      }
      wrong += here;
    }
  return wrong;
}
