/* Which tensors a session moves: registered, unregistered, and checked to be memory that can be read and written. */
#include "mpi/session/session.h"

/* What a registration needs. */
static eplb_status_t check_closed(const eplb_session_t *session, const char *name) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  if (session->rebalancing)
    return eplb_fail(EPLB_ERR_STATE, "\"%s\" cannot be registered or unregistered while a rebalance is open",
                     name ? name : "");
  return EPLB_SUCCESS;
}

/* What the processor would touch must be mapped. */
static eplb_status_t read_mapped(eplb_session_t *s) {
  return s->memory->host_can_touch ? eplb_mapped_read(&s->mapped) : EPLB_SUCCESS;
}

eplb_status_t eplb_session_check_mapped(eplb_session_t *s) {
  eplb_status_t status = read_mapped(s);
  for (int l = 0; l < s->options.num_layers; l++)
    for (int i = 0; i < s->layer[l].num_tensors && !status; i++)
      status = eplb_tensor_check_mapped(&s->layer[l].tensor[i], l, eplb_session_num_slots(s), &s->mapped);
  for (int i = 0; i < s->num_pools && !status; i++)
    status = eplb_pool_check_mapped(&s->migrate.pool[i], &s->mapped);
  return status;
}

/* Memory may have been mapped since the maps were last read: then they are read again. */
static eplb_status_t add_tensor(eplb_session_t *s, int layer, const eplb_tensor_t *tensor) {
  eplb_status_t status = check_closed(s, tensor->name);
  if (status)
    return status;
  int slots = eplb_session_num_slots(s), layers = s->options.num_layers;
  status = s->mapped.is_known ? EPLB_SUCCESS : read_mapped(s);
  if (!status)
    status = eplb_tensors_add(s->layer, layers, slots, layer, tensor, &s->mapped);
  if (status != EPLB_ERR_ARGUMENT)
    return status;
  status = read_mapped(s);
  return status ? status : eplb_tensors_add(s->layer, layers, slots, layer, tensor, &s->mapped);
}

eplb_status_t eplb_session_register(eplb_session_t *session, int layer, const char *name, void *base, size_t bytes,
                                    size_t stride) {
  return add_tensor(session, layer, &(eplb_tensor_t){.name = name, .base = base, .bytes = bytes, .stride = stride});
}

eplb_status_t eplb_session_register_table(eplb_session_t *session, int layer, const char *name, void **slot,
                                          size_t bytes) {
  static void *no_slots; /* never read or written */
  if (!slot && session && eplb_session_num_slots(session))
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d: the table of tensor \"%s\" is NULL", layer, name ? name : "");
  return add_tensor(session, layer, &(eplb_tensor_t){.name = name, .table = slot ? slot : &no_slots, .bytes = bytes});
}

eplb_status_t eplb_session_register_spares(eplb_session_t *session, const char *name, void **spare, int count,
                                           size_t bytes) {
  const eplb_pool_t pool = {.name = name, .spare = spare, .count = count, .bytes = bytes};
  eplb_status_t status = check_closed(session, name);
  if (!status)
    status = read_mapped(session);
  return status ? status : eplb_pools_add(&session->migrate.pool, &session->num_pools, &pool, &session->mapped);
}

eplb_status_t eplb_session_unregister(eplb_session_t *session, int layer, const char *name) {
  eplb_status_t status = check_closed(session, name);
  if (!status && (layer < 0 || layer >= session->options.num_layers))
    status = eplb_fail(EPLB_ERR_ARGUMENT, "layer is %d; expected 0 to %d", layer, session->options.num_layers - 1);
  return status ? status : eplb_tensors_remove(&session->layer[layer], layer, name);
}

eplb_status_t eplb_session_unregister_spares(eplb_session_t *session, const char *name) {
  eplb_status_t status = check_closed(session, name);
  return status ? status : eplb_pools_remove(session->migrate.pool, &session->num_pools, name);
}
