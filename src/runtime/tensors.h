/* The registered tensors: an expert of a layer seen as one stream of bytes, tensor after tensor. */
#ifndef EPLB_RUNTIME_TENSORS_H
#define EPLB_RUNTIME_TENSORS_H

#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eplb_tensor {
  char *name;
  char *base;
  size_t bytes, stride; /* of a slot */
} eplb_tensor_t;

typedef struct eplb_tensors {
  int num_tensors;
  eplb_tensor_t *tensor; /* in the order of registration, which is that of the stream */
  size_t expert_bytes;   /* sum of bytes */
} eplb_tensors_t;

/* Adds a tensor to layer `layer` of layers[num_layers], whose slots are this rank's `num_slots`. As eplb_session_register. */
eplb_status_t eplb_tensors_add(eplb_tensors_t *layers, int num_layers, int num_slots, int layer, const char *name,
                               void *base, size_t bytes, size_t stride);
void eplb_tensors_free(eplb_tensors_t *layer);

/* The stream's bytes from `offset` < expert_bytes on, in local slot `slot`: their address, and how many of them lie there in
 * one piece. Pieces end where a tensor does. */
char *eplb_tensors_piece(const eplb_tensors_t *layer, int slot, size_t offset, size_t *length);

/* The whole stream of a slot out to `stream`, and back in. */
void eplb_tensors_read(const eplb_tensors_t *layer, int slot, char *stream);
void eplb_tensors_write(const eplb_tensors_t *layer, int slot, const char *stream);

/* What must be the same on all ranks: a hash of names and bytes, in [0, 2^62). */
int64_t eplb_tensors_signature(const eplb_tensors_t *layer);

#endif
