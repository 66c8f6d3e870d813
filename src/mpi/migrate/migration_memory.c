/* Allocates and frees a migration; all memory is allocated before weights move. */
#include "core/util/alloc.h"
#include "mpi/migrate/migration.h"

void eplb_migration_free(eplb_migration_t *m) {
  if (m->unfinished) /* MPI failed in another call of the session */
    eplb_migration_abandon(m);
  for (int i = 0; m->transport && i < m->num_transports; i++)
    m->context->transport[i]->destroy(m->transport[i]);
  if (m->context)
    m->context->memory->release_host(m->context->memory->self, m->scratch);
  if (m->is_lost) { /* never freed: see is_lost */
    m->context->staging = NULL;
    m->context->staging_bytes = 0;
  } else {
    free(m->incoming_hash);
    free(m->outgoing_hash);
  }
  eplb_watch_free(&m->watch);
  free(m->is_moving);
  free(m->transport);
  free(m->progress);
  free(m->open_in);
  free(m->open_out);
  *m = (eplb_migration_t){0};
}

/* The context's staging, grown to what is needed. It is kept from one rebalance to the next: the first touch of so much
 * memory can take longer than filling it. So it also gets room to grow, where what is not touched takes nothing. */
static eplb_status_t get_staging(eplb_migrate_context_t *c, size_t bytes, size_t limit) {
  if (bytes <= c->staging_bytes)
    return EPLB_SUCCESS;
  c->memory->release(c->memory->self, c->staging);
  c->staging = NULL;
  c->staging_bytes = 0;
  size_t room = !c->memory->host_can_touch ? bytes : bytes <= limit / 2 ? 2 * bytes : limit;
  void *staging;
  eplb_status_t status = c->memory->allocate(c->memory->self, room, &staging);
  if (status && room > bytes) /* there may still be enough for this rebalance */
    status = c->memory->allocate(c->memory->self, room = bytes, &staging);
  if (status)
    return status;
  c->staging = staging;
  c->staging_bytes = room;
  return EPLB_SUCCESS;
}

/* Host memory for what the processor cannot touch where it is. */
static eplb_status_t get_scratch(eplb_migration_t *m) {
  const eplb_memory_t *memory = m->context->memory;
  void *scratch = NULL;
  eplb_status_t status = EPLB_SUCCESS;
  if (!memory->host_can_touch)
    status = memory->allocate_host(memory->self, m->context->chunk_bytes, &scratch);
  m->scratch = status ? NULL : scratch;
  return status;
}

static eplb_status_t create_transports(eplb_migration_t *m) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = 0; i < m->num_transports && !status; i++)
    status = m->context->transport[i]->create(m->context, m->plan, m->window, m->incoming_hash, &m->transport[i]);
  return status;
}

static int count_transports(const eplb_migrate_context_t *c) {
  int count = 0;
  while (c->transport[count])
    count++;
  return count;
}

eplb_status_t eplb_migration_init(eplb_migration_t *m, eplb_migrate_context_t *c, const eplb_migration_plan_t *plan,
                                  uint64_t number) {
  int window = c->memory->mpi_can_touch ? EPLB_WINDOW : EPLB_BUFFERED_WINDOW;
  *m = (eplb_migration_t){.context = c,
                          .plan = plan,
                          .window = window,
                          .num_transports = count_transports(c),
                          .is_moving = EPLB_NEW(unsigned char, c->num_layers),
                          .transport = EPLB_NEW(void *, count_transports(c)),
                          .progress = EPLB_NEW(eplb_incoming_progress_t, plan->num_incoming),
                          .incoming_hash = EPLB_NEW(uint64_t, plan->num_incoming),
                          .outgoing_hash = EPLB_NEW(uint64_t, plan->num_outgoing),
                          .open_in = EPLB_NEW(eplb_open_message_t, window),
                          .open_out = EPLB_NEW(eplb_open_message_t, window)};
  if (!m->is_moving || !m->transport || !m->progress || !m->incoming_hash || !m->outgoing_hash || !m->open_in ||
      !m->open_out)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < plan->num_incoming; i++) {
    m->all += (int64_t)c->layer[plan->incoming[i].message.layer].expert_bytes;
    m->progress[i].slot = -1;
  }
  eplb_status_t status = get_staging(c, plan->staging_peak, plan->staging_limit);
  if (!status)
    status = create_transports(m);
  if (!status)
    status = get_scratch(m);
  if (!status)
    status = eplb_watch_init(&m->watch, c, plan, number, m->scratch);
  m->watch.incoming_hash = m->incoming_hash;
  m->watch.outgoing_hash = m->outgoing_hash;
  return status;
}
