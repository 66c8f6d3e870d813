/* The registered tensors and pools of spares: checks of each registration, and the signature by which ranks compare
 * them. */
#include "mpi/migrate/tensors.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <limits.h>
#include <string.h>
#include <xxhash.h>

/* Whether a byte of `a` in one of `num_slots` slots is a byte of `b`. Tensors may be interleaved slot by slot, so if
 * the ranges overlap, the slots must be compared: both are walked in the order of addresses. Tables have no order: only
 * equal addresses of slots are found. */
static int tensors_overlap(const eplb_tensor_t *a, const eplb_tensor_t *b, int num_slots) {
  if (!a->bytes || !b->bytes)
    return 0;
  int i = 0, j = 0;
  while (i < num_slots && j < num_slots) {
    uintptr_t at_a = (uintptr_t)eplb_tensor_slot(a, i), at_b = (uintptr_t)eplb_tensor_slot(b, j);
    if (a->table || b->table) {
      if (at_a == at_b)
        return 1;
      i++, j++;
    } else if (at_a + a->bytes <= at_b) {
      i++;
    } else if (at_b + b->bytes <= at_a) {
      j++;
    } else {
      return 1;
    }
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
      if (tensors_overlap(&layers[l].tensor[i], t, num_slots))
        return eplb_fail(EPLB_ERR_STATE, "layer %d: tensor \"%s\" overlaps tensor \"%s\" of layer %d in memory", layer,
                         t->name, layers[l].tensor[i].name, l);
  return EPLB_SUCCESS;
}

static eplb_status_t check_arguments(int num_layers, int num_slots, int layer, const eplb_tensor_t *t) {
  if (layer < 0 || layer >= num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a tensor of layer %d; expected 0 to %d", layer, num_layers - 1);
  if (!t->name || !t->name[0])
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: a tensor without a name", layer);
  for (int i = 0; t->table && i < num_slots && t->bytes; i++)
    if (!t->table[i])
      return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: tensor \"%s\" has slot %d at address NULL", layer, t->name, i);
  if (t->table)
    return EPLB_SUCCESS;
  if (!t->base && t->bytes && num_slots)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: tensor \"%s\" of %s per slot at address NULL", layer, t->name,
                     eplb_count(t->bytes, "byte"));
  if (t->stride < t->bytes)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: tensor \"%s\" has a stride of %s; expected at least its %s per slot",
                     layer, t->name, eplb_count(t->stride, "byte"), eplb_count(t->bytes, "byte"));
  if (num_slots && t->stride > (UINTPTR_MAX - (uintptr_t)t->base) / (uintptr_t)num_slots)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: tensor \"%s\" with %s of %s reaches beyond the address space", layer,
                     t->name, eplb_count(num_slots, "slot"), eplb_count(t->stride, "byte"));
  return EPLB_SUCCESS;
}

/* Ordinary tensors without gaps between slots are looked up once. */
eplb_status_t eplb_tensor_check_mapped(const eplb_tensor_t *t, int layer, int num_slots, const eplb_mapped_t *mapped) {
  if (!t->table && t->stride == t->bytes && !eplb_mapped_fault(mapped, t->base, t->bytes * (size_t)num_slots))
    return EPLB_SUCCESS;
  for (int k = 0; k < num_slots; k++) {
    const char *fault = eplb_mapped_fault(mapped, eplb_tensor_slot(t, k), t->bytes);
    if (fault)
      return eplb_fail(EPLB_ERR_ARGUMENT,
                       "layer %d: tensor \"%s\" has slot %d in memory that is %s; expected memory that can be read and "
                       "written",
                       layer, t->name, k, fault);
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_pool_check_mapped(const eplb_pool_t *pool, const eplb_mapped_t *mapped) {
  for (int i = 0; i < pool->count; i++) {
    const char *fault = eplb_mapped_fault(mapped, pool->spare[i], pool->bytes);
    if (fault)
      return eplb_fail(EPLB_ERR_ARGUMENT,
                       "spare %d of \"%s\" is in memory that is %s; expected memory that can be read and written", i,
                       pool->name, fault);
  }
  return EPLB_SUCCESS;
}

static char *copy_name(const char *name) {
  size_t length = strlen(name) + 1;
  char *copy = EPLB_NEW(char, length);
  return copy ? memcpy(copy, name, length) : NULL;
}

eplb_status_t eplb_tensors_add(eplb_tensors_t *layers, int num_layers, int num_slots, int layer, const eplb_tensor_t *t,
                               const eplb_mapped_t *mapped) {
  eplb_status_t status = check_arguments(num_layers, num_slots, layer, t);
  if (!status)
    status = check_new(layers, num_layers, num_slots, layer, t);
  if (!status)
    status = eplb_tensor_check_mapped(t, layer, num_slots, mapped);
  if (status)
    return status;
  eplb_tensors_t *own = &layers[layer];
  char *name = copy_name(t->name);
  eplb_tensor_t *grown = name ? eplb_grow(own->tensor, (size_t)own->num_tensors + 1, sizeof *t) : NULL;
  if (!grown) {
    free(name);
    return EPLB_ERR_MEMORY;
  }
  own->tensor = grown;
  own->tensor[own->num_tensors] = *t;
  own->tensor[own->num_tensors++].name = name;
  own->expert_bytes += t->bytes;
  own->staged_bytes += t->table ? 0 : t->bytes;
  return EPLB_SUCCESS;
}

void eplb_tensors_free(eplb_tensors_t *layer) {
  for (int i = 0; i < layer->num_tensors; i++)
    free((void *)(uintptr_t)layer->tensor[i].name);
  free(layer->tensor);
  *layer = (eplb_tensors_t){0};
}

eplb_status_t eplb_tensors_remove(eplb_tensors_t *layer, int number, const char *name) {
  if (!name) {
    eplb_tensors_free(layer);
    return EPLB_SUCCESS;
  }
  int at = 0;
  while (at < layer->num_tensors && strcmp(layer->tensor[at].name, name))
    at++;
  if (at == layer->num_tensors)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d has no tensor \"%s\"; expected one that is registered", number, name);
  eplb_tensor_t *t = &layer->tensor[at];
  layer->expert_bytes -= t->bytes;
  layer->staged_bytes -= t->table ? 0 : t->bytes;
  free((void *)(uintptr_t)t->name);
  memmove(t, t + 1, (size_t)(--layer->num_tensors - at) * sizeof *t);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_pools_remove(eplb_pool_t *pools, int *count, const char *name) {
  int at = 0;
  while (name && at < *count && strcmp(pools[at].name, name))
    at++;
  if (!name || at == *count)
    return eplb_fail(EPLB_ERR_ARGUMENT, "no spares of \"%s\" are registered; expected a registered name",
                     name ? name : "");
  free((void *)(uintptr_t)pools[at].name);
  memmove(&pools[at], &pools[at + 1], (size_t)(--*count - at) * sizeof *pools);
  return EPLB_SUCCESS;
}

static eplb_status_t check_pool(const eplb_pool_t *pools, int count, const eplb_pool_t *pool) {
  if (!pool->name || !pool->name[0] || !pool->spare || pool->count < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "spares without a name, an array or an entry; expected all three");
  for (int i = 0; i < pool->count; i++)
    if (!pool->spare[i] && pool->bytes)
      return eplb_fail(EPLB_ERR_ARGUMENT, "spare %d of \"%s\" is at address NULL", i, pool->name);
  for (int i = 0; i < count; i++)
    if (!strcmp(pools[i].name, pool->name))
      return eplb_fail(EPLB_ERR_STATE, "spares of \"%s\" are registered already", pool->name);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_pools_add(eplb_pool_t **pools, int *count, const eplb_pool_t *pool, const eplb_mapped_t *mapped) {
  eplb_status_t status = check_pool(*pools, *count, pool);
  if (!status)
    status = eplb_pool_check_mapped(pool, mapped);
  if (status)
    return status;
  char *name = copy_name(pool->name);
  eplb_pool_t *grown = name ? eplb_grow(*pools, (size_t)*count + 1, sizeof *grown) : NULL;
  if (!grown) {
    free(name);
    return EPLB_ERR_MEMORY;
  }
  *pools = grown;
  grown[*count] = *pool;
  grown[(*count)++].name = name;
  return EPLB_SUCCESS;
}

void eplb_pools_free(eplb_pool_t *pools, int count) {
  for (int i = 0; i < count; i++)
    free((void *)(uintptr_t)pools[i].name);
  free(pools);
}

eplb_status_t eplb_tensors_find_pools(eplb_tensors_t *layer, int number, const eplb_pool_t *pools, int num_pools) {
  for (int i = 0; i < layer->num_tensors; i++) {
    eplb_tensor_t *t = &layer->tensor[i];
    if (!t->table)
      continue;
    for (t->pool = 0; t->pool < num_pools && strcmp(pools[t->pool].name, t->name);)
      t->pool++;
    if (t->pool == num_pools)
      return eplb_fail(EPLB_ERR_STATE, "layer %d: tensor \"%s\" is registered by table; expected spares of that name",
                       number, t->name);
    if (pools[t->pool].bytes != t->bytes)
      return eplb_fail(EPLB_ERR_STATE, "layer %d: tensor \"%s\" has %s per slot, its spares %zu; expected the same",
                       number, t->name, eplb_count(t->bytes, "byte"), pools[t->pool].bytes);
  }
  return EPLB_SUCCESS;
}

int eplb_tensors_spares(const eplb_tensors_t *layer, const eplb_pool_t *pools) {
  int least = INT_MAX;
  for (int i = 0; i < layer->num_tensors; i++)
    if (layer->tensor[i].table && pools[layer->tensor[i].pool].count < least)
      least = pools[layer->tensor[i].pool].count;
  return least;
}

int64_t eplb_tensors_signature(const eplb_tensors_t *layer, const eplb_pool_t *pools) {
  XXH64_hash_t hash = (XXH64_hash_t)layer->num_tensors;
  for (int i = 0; i < layer->num_tensors; i++) {
    const eplb_tensor_t *t = &layer->tensor[i];
    uint64_t numbers[2] = {t->bytes, t->table ? (uint64_t)pools[t->pool].count : 0};
    hash = XXH3_64bits_withSeed(t->name, strlen(t->name), hash);
    hash = XXH3_64bits_withSeed(numbers, sizeof numbers, hash);
  }
  return (int64_t)(hash >> 2);
}
