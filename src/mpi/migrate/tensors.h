/* The registered tensors: an expert of a layer seen as one stream of bytes, tensor after tensor. */
#ifndef EPLB_MPI_MIGRATE_TENSORS_H
#define EPLB_MPI_MIGRATE_TENSORS_H

#include "mpi/memory/mapped.h"
#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eplb_tensor {
  const char *name;
  char *base;           /* where slots lie one behind the other, */
  size_t bytes, stride; /* of a slot */
  void **table;         /* or the address of each; then base is NULL */
  int pool;             /* of a table: the spares of its name, once a rebalance has begun */
} eplb_tensor_t;

typedef struct eplb_tensors {
  int num_tensors;
  eplb_tensor_t *tensor; /* in the order of registration, which is that of the stream */
  size_t expert_bytes;   /* sum of bytes */
  size_t staged_bytes;   /* of those that are not reached by table: what an incoming expert takes of staging */
} eplb_tensors_t;

/* The spares of all tables of a name. */
typedef struct eplb_pool {
  const char *name;
  void **spare; /* [count], the caller's */
  int count;
  size_t bytes;
} eplb_pool_t;

/* Adds a tensor to layer `layer` of layers[num_layers], whose slots are this rank's `num_slots`. As
 * eplb_session_register, or with t->table eplb_session_register_table; t->name is copied. */
eplb_status_t eplb_tensors_add(eplb_tensors_t *layers, int num_layers, int num_slots, int layer, const eplb_tensor_t *t,
                               const eplb_mapped_t *mapped);
void eplb_tensors_free(eplb_tensors_t *layer);

/* Removes a tensor of layer `number`; all of them, if name is NULL. EPLB_ERR_ARGUMENT: no tensor has this name. */
eplb_status_t eplb_tensors_remove(eplb_tensors_t *layer, int number, const char *name);

/* Adds a pool to pools[*count], which grows. As eplb_session_register_spares. */
eplb_status_t eplb_pools_add(eplb_pool_t **pools, int *count, const eplb_pool_t *pool, const eplb_mapped_t *mapped);
void eplb_pools_free(eplb_pool_t *pools, int count);

/* Removes the pool of a name from pools[*count]. EPLB_ERR_ARGUMENT: no pool has this name. */
eplb_status_t eplb_pools_remove(eplb_pool_t *pools, int *count, const char *name);

/* Gives each table of the layer its pool. EPLB_ERR_STATE: no pool has the table's name, or its spares have another
 * size. */
eplb_status_t eplb_tensors_find_pools(eplb_tensors_t *layer, int number, const eplb_pool_t *pools, int num_pools);

/* How many incoming experts of the layer spares can hold; INT_MAX where it has no tables. */
int eplb_tensors_spares(const eplb_tensors_t *layer, const eplb_pool_t *pools);

static inline int eplb_tensors_have_tables(const eplb_tensors_t *layer) {
  for (int i = 0; i < layer->num_tensors; i++)
    if (layer->tensor[i].table)
      return 1;
  return 0;
}

/* The address of a slot's first byte. A tensor without bytes may be at NULL, where pointers cannot be computed with. */
static inline char *eplb_tensor_slot(const eplb_tensor_t *t, int slot) {
  return (char *)(t->table ? (uintptr_t)t->table[slot] : (uintptr_t)t->base + (size_t)slot * t->stride);
}

/* Whether this rank's slots of a tensor, or the spares, can be read and written. EPLB_ERR_ARGUMENT names the first that
 * cannot. Local. */
eplb_status_t eplb_tensor_check_mapped(const eplb_tensor_t *t, int layer, int num_slots, const eplb_mapped_t *mapped);
eplb_status_t eplb_pool_check_mapped(const eplb_pool_t *pool, const eplb_mapped_t *mapped);

/* What must be the same on all ranks: a hash of names, bytes and spares, in [0, 2^62). */
int64_t eplb_tensors_signature(const eplb_tensors_t *layer, const eplb_pool_t *pools);

#endif
