/* The calls of mpi-eplb, in the order in which a step makes them. */
#include "balance.h"
#include "text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors: every rank has the same status and sentence ---- */

void balance_stop(const char *sentence) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  fprintf(stderr, "moe: rank %d: %s\n", rank, sentence);
  MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

void balance_need(eplb_status_t status) {
  if (status)
    balance_stop(eplb_last_error());
}

/* ---- life ---- */

static void create_session(balance_t *b) {
  const options_t *o = b->options;
  eplb_plan_options_t plan;
  eplb_session_options_t options;
  eplb_plan_options_init(&plan);
  eplb_session_options_init(&options);
  options.num_layers = o->layers;
  options.num_experts = o->experts;
  options.slots_per_rank = b->slots;
  options.plan = &plan;
  if (b->mode == MODE_SHARES)
    plan.split = EPLB_PLAN_SPLIT_SHARES;
  balance_need(eplb_session_create(MPI_COMM_WORLD, &options, &b->session));
}

/* The weights of an expert, whoever holds it. */
static void fill_expert(const balance_t *b, int layer, int expert, double *weight) {
  const options_t *o = b->options;
  uint64_t of_expert = random_of((uint64_t)o->seed + 1, (uint64_t)layer * (uint64_t)o->experts + (uint64_t)expert);
  for (size_t i = 0; i < b->parameters; i++) {
    double inputs = (double)(i < b->parameters / 2 ? o->width : HIDDEN * o->width);
    weight[i] = ((double)(random_of(of_expert, i) >> 40) * 0x1p-23 - 1) / sqrt(inputs);
  }
}

/* Weights and moments move together: all three are tensors of the layer. */
static void create_layer(balance_t *b, int layer) {
  size_t count = (size_t)b->slots * b->parameters, bytes = b->parameters * sizeof(double);
  const char *const name[] = {"weights", "mean", "variance"};
  double *tensor[3];
  for (int i = 0; i < 3; i++) {
    void *memory;
    balance_need(eplb_session_allocate(b->session, count * sizeof(double), &memory));
    balance_need(eplb_session_register(b->session, layer, name[i], memory, bytes, bytes));
    tensor[i] = memory;
  }
  double *gradient = calloc(count, sizeof *gradient);
  if (!gradient)
    balance_stop("out of memory");
  b->layer[layer] = (adam_t){tensor[0], gradient, tensor[1], tensor[2]};
  const int32_t *expert = eplb_session_slots(b->session, layer, NULL);
  for (int s = 0; s < b->slots; s++)
    if (expert[s] != EPLB_EMPTY)
      fill_expert(b, layer, expert[s], tensor[0] + (size_t)s * b->parameters);
}

void balance_create(const options_t *o, balance_mode_t mode, balance_t *b) {
  *b = (balance_t){.options = o, .mode = mode};
  MPI_Comm_rank(MPI_COMM_WORLD, &b->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &b->ranks);
  int each = (o->experts + b->ranks - 1) / b->ranks;
  b->slots = mode == MODE_NONE ? each : o->slots ? o->slots : each + 2;
  b->split = mode == MODE_SHARES ? EPLB_SPLIT_SHARES : EPLB_SPLIT_EVEN;
  b->parameters = (size_t)2 * HIDDEN * (size_t)o->width * (size_t)o->width;
  b->layer = calloc((size_t)o->layers, sizeof *b->layer);
  if (!b->layer)
    balance_stop("out of memory");
  create_session(b);
  for (int l = 0; l < o->layers; l++)
    create_layer(b, l);
}

void balance_free(balance_t *b) {
  balance_need(eplb_session_destroy(&b->session));
  for (int l = 0; l < b->options->layers; l++)
    free(b->layer[l].gradient); /* the rest was the session's */
  free(b->layer);
}

adam_t balance_slot(const balance_t *b, int layer, int slot) {
  const adam_t *all = &b->layer[layer];
  size_t begin = (size_t)slot * b->parameters;
  return (adam_t){all->weight + begin, all->gradient + begin, all->mean + begin, all->variance + begin};
}

/* ---- a step ---- */

void balance_before_layer(balance_t *b, int layer) {
  double since = MPI_Wtime();
  balance_need(eplb_rebalance_finish_layer(b->session, layer));
  b->seconds += b->is_open ? MPI_Wtime() - since : 0;
}

static void end_rebalance(balance_t *b) {
  eplb_report_t report;
  eplb_report_init(&report);
  double since = MPI_Wtime();
  balance_need(eplb_rebalance_end(b->session, &report));
  b->seconds += MPI_Wtime() - since;
  b->moved += (long)report.slots_changed;
  b->is_open = 0;
}

void balance_after_forward(balance_t *b) {
  if (b->is_open)
    end_rebalance(b);
}

void balance_route(balance_t *b, int layer, const int32_t *expert, eplb_routing_t *routing) {
  const eplb_choices_t choices = {b->options->tokens, b->options->top_k, sizeof *expert, expert};
  balance_need(eplb_session_route(b->session, layer, &choices, routing));
  balance_need(eplb_session_record(b->session, layer, routing->count));
}

void balance_after_backward(balance_t *b, int layer) {
  const eplb_gradient_t gradient = {.type = EPLB_DOUBLE,
                                    .count = (int64_t)b->parameters,
                                    .base = b->layer[layer].gradient,
                                    .stride = b->parameters * sizeof(double)};
  if (b->slots * b->ranks > b->options->experts)
    balance_need(eplb_replicas_reduce_begin(b->session, layer, &gradient, 1));
}

static void begin_rebalance(balance_t *b) {
  double since = MPI_Wtime();
  balance_need(eplb_rebalance_begin(b->session));
  b->is_open = 1;
  b->rebalances++;
  if (b->mode == MODE_BLOCK)
    balance_need(eplb_rebalance_finish_layer(b->session, b->options->layers - 1));
  b->seconds += MPI_Wtime() - since;
  if (b->mode == MODE_BLOCK)
    end_rebalance(b);
}

void balance_step(balance_t *b, int step) {
  const options_t *o = b->options;
  for (int l = 0; l < o->layers; l++) {
    if (b->slots * b->ranks > o->experts)
      balance_need(eplb_replicas_reduce_end(b->session, l));
    const int32_t *expert = eplb_session_slots(b->session, l, NULL);
    for (int s = 0; s < b->slots; s++) {
      adam_t slot = balance_slot(b, l, s);
      if (expert[s] != EPLB_EMPTY)
        adam_step(&slot, b->parameters, step, o->rate);
    }
  }
  if (b->mode != MODE_NONE && step % o->every == o->every - 1 && step + 1 < o->steps)
    begin_rebalance(b);
}

/* ---- a check ---- */

static uint64_t hash_slot(const balance_t *b, int layer, int slot) {
  const adam_t a = balance_slot(b, layer, slot);
  const double *const part[] = {a.weight, a.mean, a.variance};
  uint64_t hash = 0;
  for (int p = 0; p < 3; p++)
    for (size_t i = 0; i < b->parameters; i++) {
      uint64_t bits;
      memcpy(&bits, &part[p][i], sizeof bits);
      hash = hash * UINT64_C(0x100000001b3) + bits;
    }
  return hash;
}

int balance_count_different(const balance_t *b) {
  const eplb_placement_t *p = eplb_session_placement(b->session);
  uint64_t *own = calloc((size_t)b->slots, sizeof *own), *all = calloc((size_t)p->num_slots, sizeof *all);
  int different = 0;
  if (!own || !all)
    balance_stop("out of memory");
  for (int l = 0; l < p->num_layers; l++) {
    for (int s = 0; s < b->slots; s++)
      own[s] = hash_slot(b, l, s);
    MPI_Allgather(own, b->slots, MPI_UINT64_T, all, b->slots, MPI_UINT64_T, MPI_COMM_WORLD);
    for (int e = 0; e < p->num_experts; e++) {
      const int32_t *begin = p->replica_begin + l * (p->num_experts + 1) + e,
                    *slot = p->replica_slot + l * p->num_slots;
      for (int k = begin[0] + 1; k < begin[1]; k++)
        different += all[slot[k]] != all[slot[begin[0]]];
    }
  }
  free(own);
  free(all);
  return different;
}
