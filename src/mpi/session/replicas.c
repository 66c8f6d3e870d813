/* The collective calls around a reduction of replicas' gradients (reduction.h): what is checked and agreed on before it
 * starts, and how its end is found together, also where MPI fails on a rank. */
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/element_sum.h"
#include "mpi/comm/agree.h"
#include "mpi/session/in_step.h"
#include "mpi/session/traffic.h"
#include <eplb/replicas.h>

_Static_assert((int)EPLB_FLOAT == EPLB_NUMBER_FLOAT && (int)EPLB_DOUBLE == EPLB_NUMBER_DOUBLE &&
                   (int)EPLB_BFLOAT16 == EPLB_NUMBER_BFLOAT16,
               "elements are numbers");

/* ---- begin ---- */

static eplb_status_t check_gradient(const eplb_session_t *s, const eplb_gradient_t *g, int number) {
  if ((unsigned)g->type >= EPLB_NUM_NUMBERS)
    return eplb_fail(EPLB_ERR_ARGUMENT, "gradient %d: type is %d; expected 0 to %d", number, (int)g->type,
                     EPLB_NUM_NUMBERS - 1);
  if (g->count < 0)
    return eplb_fail(EPLB_ERR_ARGUMENT, "gradient %d: %s; expected 0 or more", number, eplb_count(g->count, "element"));
  int slots = eplb_session_num_slots(s);
  if (!g->count || !slots)
    return EPLB_SUCCESS;
  size_t bytes = (size_t)g->count * eplb_number_bytes((eplb_number_t)g->type);
  if (!g->slot && !g->base)
    return eplb_fail(EPLB_ERR_ARGUMENT, "gradient %d: base and slot are NULL; expected one of them", number);
  if (!g->slot && g->stride < bytes)
    return eplb_fail(EPLB_ERR_ARGUMENT, "gradient %d: a stride of %s; expected %zu or more", number,
                     eplb_count(g->stride, "byte"), bytes);
  for (int k = 0; g->slot && k < slots; k++)
    if (!g->slot[k])
      return eplb_fail(EPLB_ERR_ARGUMENT, "gradient %d: slot %d is NULL", number, k);
  return EPLB_SUCCESS;
}

static eplb_status_t check_reducible(const eplb_session_t *s, int layer, const eplb_gradient_t *gradient, int count) {
  if (layer < 0 || layer >= s->options.num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer is %d; expected 0 to %d", layer, s->options.num_layers - 1);
  if (count < 1 || !gradient)
    return gradient ? eplb_fail(EPLB_ERR_ARGUMENT, "num_gradients is %d; expected 1 or more", count)
                    : eplb_fail(EPLB_ERR_ARGUMENT, "gradient is NULL");
  if (!s->memory->host_can_touch)
    return eplb_fail(EPLB_ERR_UNSUPPORTED, "gradients in memory of kind %s; expected the host's", s->memory->name);
  if (s->reduction && s->reduction[layer].phase != EPLB_REDUCTION_CLOSED)
    return eplb_fail(EPLB_ERR_STATE, "a reduction of layer %d is open; call eplb_replicas_reduce_end first", layer);
  if (eplb_rebalance_is_moving(s, layer))
    return eplb_fail(EPLB_ERR_STATE, "layer %d is moving; call eplb_rebalance_finish_layer first", layer);
  for (int g = 0; g < count; g++) {
    eplb_status_t status = check_gradient(s, &gradient[g], g);
    if (status)
      return status;
  }
  return EPLB_SUCCESS;
}

static eplb_status_t prepare_reduction(eplb_session_t *s, int layer, const eplb_gradient_t *gradient, int count) {
  eplb_status_t status = check_reducible(s, layer, gradient, count);
  if (status)
    return status;
  if (!s->reduction)
    s->reduction = EPLB_NEW(eplb_reduction_t, s->options.num_layers);
  return s->reduction ? eplb_reduction_prepare(s, layer, gradient, count, &s->reduction[layer]) : EPLB_ERR_MEMORY;
}

/* What must be the same on all ranks. */
static uint64_t tag_of(int layer, const eplb_gradient_t *gradient, int count) {
  uint64_t tag = eplb_mix((uint64_t)layer, (uint64_t)count);
  for (int g = 0; g < count; g++)
    tag = eplb_mix(eplb_mix(tag, (uint64_t)gradient[g].type), (uint64_t)gradient[g].count);
  return tag;
}

eplb_status_t eplb_replicas_reduce_begin(eplb_session_t *session, int layer, const eplb_gradient_t *gradient,
                                         int num_gradients) {
  eplb_session_t *s = session;
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t mine = prepare_reduction(s, layer, gradient, num_gradients);
  eplb_status_t status = eplb_in_step(s, EPLB_CALL_REDUCE, mine, mine ? 0 : tag_of(layer, gradient, num_gradients), 0);
  if (!status && !eplb_ballot_same_tag(&s->ballot))
    status = eplb_fail(EPLB_ERR_MISMATCH, "ranks reduce different layers, or gradients of different types or counts; "
                                          "expected the same on every rank");
  if (!status)
    status = eplb_traffic_open(s);
  if (!status)
    eplb_reduction_start(&s->reduction[layer], &s->traffic->comm);
  else if (!mine)
    eplb_reduction_free(&s->reduction[layer]);
  return status;
}

/* ---- end ---- */

/* Looks in vain after which a rank asks by a vote whether its messages will still come; then twice as many, and so on,
 * up to the most. */
enum { FIRST_LOOKS = 1000, MOST_LOOKS = 1 << 24 };

static void progress_or_idle(eplb_session_t *s, eplb_reduction_t *r, int most) {
  for (int idle = 0; r->phase != EPLB_REDUCTION_DONE && idle < most; idle++)
    if (eplb_reduction_progress(r))
      idle = 0;
    else
      eplb_progress_or_yield(s);
}

/* Whether all ranks have their sums. A failure is one of MPI, or of calls that differ. */
static eplb_status_t finish_together(eplb_session_t *s, eplb_reduction_t *r) {
  for (int most = FIRST_LOOKS;; most = most < MOST_LOOKS ? 2 * most : most) {
    progress_or_idle(s, r, most);
    eplb_status_t status =
        eplb_in_step(s, EPLB_CALL_REDUCED, EPLB_SUCCESS, (uint64_t)r->layer, r->phase != EPLB_REDUCTION_DONE);
    if (!status && !eplb_ballot_same_tag(&s->ballot))
      status =
          eplb_fail(EPLB_ERR_MISMATCH, "ranks end reductions of different layers; expected the same on every rank");
    if (status || (!s->ballot.all.balance && r->phase == EPLB_REDUCTION_DONE))
      return status;
  }
}

static eplb_status_t check_can_reduce(const eplb_session_t *s, int layer) {
  if (layer >= 0 && layer < s->options.num_layers && s->reduction && s->reduction[layer].phase != EPLB_REDUCTION_CLOSED)
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_STATE, "no reduction of layer %d is open; call eplb_replicas_reduce_begin first", layer);
}

eplb_status_t eplb_replicas_reduce_end(eplb_session_t *session, int layer) {
  eplb_session_t *s = session;
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t mine = check_can_reduce(s, layer);
  if (mine) /* other ranks may have named an open one: they wait for this rank's vote */
    return eplb_in_step(s, EPLB_CALL_REDUCED, mine, (uint64_t)layer, 0);
  eplb_reduction_t *r = &s->reduction[layer];
  eplb_status_t status = finish_together(s, r);
  if (status && status != EPLB_ERR_MPI && !eplb_comm_is_broken(s->comm))
    return status;
  if (status && r->phase != EPLB_REDUCTION_DONE)
    eplb_reduction_abandon(r);
  eplb_reduction_free(r);
  return status;
}

eplb_status_t eplb_session_check_not_reducing(const eplb_session_t *s) {
  for (int l = 0; s->reduction && l < s->options.num_layers; l++)
    if (s->reduction[l].phase != EPLB_REDUCTION_CLOSED)
      return eplb_fail(EPLB_ERR_STATE, "a reduction of layer %d is open; call eplb_replicas_reduce_end first", l);
  return EPLB_SUCCESS;
}
