#include "runtime/tensors.h"
#include "core/memory.h"
#include <string.h>
#include <xxhash.h>

/* Whether a byte of `a` in one of `num_slots` slots is a byte of `b`. Tensors may be interleaved slot by slot, so ranges that
 * overlap as a whole still need a look at each slot: both are walked in the order of addresses. */
static int overlap(const eplb_tensor_t *a, const eplb_tensor_t *b, int num_slots) {
  if (!a->bytes || !b->bytes)
    return 0;
  int i = 0, j = 0;
  while (i < num_slots && j < num_slots) {
    uintptr_t at_a = (uintptr_t)a->base + (uintptr_t)i * a->stride;
    uintptr_t at_b = (uintptr_t)b->base + (uintptr_t)j * b->stride;
    if (at_a + a->bytes <= at_b)
      i++;
    else if (at_b + b->bytes <= at_a)
      j++;
    else
      return 1;
  }
  return 0;
}

static eplb_status_t check_new(const eplb_tensors_t *layers, int num_layers, int num_slots, int layer,
                               const eplb_tensor_t *t) {
  for (int i = 0; i < layers[layer].num_tensors; i++)
    if (!strcmp(layers[layer].tensor[i].name, t->name))
      return eplb_fail(EPLB_ERR_STATE, "layer %d: tensor \"%s\" is registered already", layer, t->name);
  for (int l = 0; l < num_layers; l++)
    for (int i = 0; i < layers[l].num_tensors; i++)
      if (overlap(&layers[l].tensor[i], t, num_slots))
        return eplb_fail(EPLB_ERR_STATE, "layer %d: tensor \"%s\" overlaps tensor \"%s\" of layer %d in memory", layer,
                         t->name, layers[l].tensor[i].name, l);
  return EPLB_SUCCESS;
}

static eplb_status_t check_arguments(int num_layers, int num_slots, int layer, const eplb_tensor_t *t) {
  if (layer < 0 || layer >= num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a tensor of layer %d; expected 0 to %d", layer, num_layers - 1);
  if (!t->name || !t->name[0])
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: a tensor without a name", layer);
  if (!t->base && t->bytes)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: tensor \"%s\" of %zu bytes per slot at address NULL", layer, t->name,
                     t->bytes);
  if (t->stride < t->bytes)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "layer %d: tensor \"%s\" has a stride of %zu bytes; expected at least its %zu bytes "
                     "per slot",
                     layer, t->name, t->stride, t->bytes);
  if (t->stride > (UINTPTR_MAX - (uintptr_t)t->base) / (uintptr_t)num_slots)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "layer %d: tensor \"%s\" with %d slots of %zu bytes reaches beyond the address "
                     "space",
                     layer, t->name, num_slots, t->stride);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_tensors_add(eplb_tensors_t *layers, int num_layers, int num_slots, int layer, const char *name,
                               void *base, size_t bytes, size_t stride) {
  eplb_tensor_t t = {.name = (char *)(uintptr_t)name, .base = base, .bytes = bytes, .stride = stride};
  eplb_status_t status = check_arguments(num_layers, num_slots, layer, &t);
  if (!status)
    status = check_new(layers, num_layers, num_slots, layer, &t);
  if (status)
    return status;
  eplb_tensors_t *own = &layers[layer];
  size_t length = strlen(name) + 1;
  t.name = EPLB_NEW(char, length);
  eplb_tensor_t *grown = t.name ? eplb_grow(own->tensor, (size_t)own->num_tensors + 1, sizeof t) : NULL;
  if (!grown) {
    free(t.name);
    return EPLB_ERR_MEMORY;
  }
  memcpy(t.name, name, length);
  own->tensor = grown;
  own->tensor[own->num_tensors++] = t;
  own->expert_bytes += bytes;
  return EPLB_SUCCESS;
}

void eplb_tensors_free(eplb_tensors_t *layer) {
  for (int i = 0; i < layer->num_tensors; i++)
    free(layer->tensor[i].name);
  free(layer->tensor);
  *layer = (eplb_tensors_t){0};
}

char *eplb_tensors_piece(const eplb_tensors_t *layer, int slot, size_t offset, size_t *length) {
  const eplb_tensor_t *t = layer->tensor;
  for (; offset >= t->bytes; t++)
    offset -= t->bytes;
  *length = t->bytes - offset;
  return t->base + (size_t)slot * t->stride + offset;
}

void eplb_tensors_read(const eplb_tensors_t *layer, int slot, char *stream) {
  for (int i = 0; i < layer->num_tensors; i++) {
    const eplb_tensor_t *t = &layer->tensor[i];
    if (t->bytes)
      memcpy(stream, t->base + (size_t)slot * t->stride, t->bytes);
    stream += t->bytes;
  }
}

void eplb_tensors_write(const eplb_tensors_t *layer, int slot, const char *stream) {
  for (int i = 0; i < layer->num_tensors; i++) {
    const eplb_tensor_t *t = &layer->tensor[i];
    if (t->bytes)
      memcpy(t->base + (size_t)slot * t->stride, stream, t->bytes);
    stream += t->bytes;
  }
}

int64_t eplb_tensors_signature(const eplb_tensors_t *layer) {
  XXH64_hash_t hash = (XXH64_hash_t)layer->num_tensors;
  for (int i = 0; i < layer->num_tensors; i++) {
    const eplb_tensor_t *t = &layer->tensor[i];
    uint64_t bytes = t->bytes;
    hash = XXH3_64bits_withSeed(t->name, strlen(t->name), hash);
    hash = XXH3_64bits_withSeed(&bytes, sizeof bytes, hash);
  }
  return (int64_t)(hash >> 2);
}
