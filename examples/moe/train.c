/* The step loop: forward, backward, optimizer; and what is measured on the way. */
#include "train.h"
#include "experts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct trainer {
  const options_t *options;
  const text_t *text;
  balance_t balance;
  model_t model;
  experts_t experts;
  unsigned char *in, *next;   /* [tokens] */
  double *d_x, *d_n, *d_gate; /* [tokens][width], the same, [tokens][top_k] */
  int64_t *rows;              /* [every][layers]: what this rank computed in the steps of the interval */
  int64_t *counts;            /* [layers][experts]: its router's choices */
  double interval_began;
} trainer_t;

static void trainer_create(const options_t *o, const text_t *text, balance_mode_t mode, trainer_t *t) {
  size_t tokens = (size_t)o->tokens, values = tokens * (size_t)o->width;
  *t = (trainer_t){.options = o,
                   .text = text,
                   .in = malloc(tokens),
                   .next = malloc(tokens),
                   .d_x = calloc(values, sizeof(double)),
                   .d_n = calloc(values, sizeof(double)),
                   .d_gate = calloc(tokens * (size_t)o->top_k, sizeof(double)),
                   .rows = calloc((size_t)o->every * (size_t)o->layers, sizeof(int64_t)),
                   .counts = calloc((size_t)o->layers * (size_t)o->experts, sizeof(int64_t))};
  balance_create(o, mode, &t->balance);
  int is_good = t->in && t->next && t->d_x && t->d_n && t->d_gate && t->rows && t->counts;
  if (!is_good || !model_create(o, &t->model) || !experts_create(o, &t->balance, &t->experts))
    balance_stop("out of memory");
}

static void trainer_free(trainer_t *t) {
  experts_free(&t->experts);
  model_free(&t->model);
  balance_free(&t->balance);
  free(t->in), free(t->next), free(t->d_x), free(t->d_n), free(t->d_gate), free(t->rows), free(t->counts);
}

static void count_choices(trainer_t *t, int layer) {
  const options_t *o = t->options;
  const int64_t *count = t->experts.layer[layer].routing->count;
  for (int e = 0; e < o->experts; e++)
    t->counts[layer * o->experts + e] += count[e];
}

/* The mean loss of all ranks' tokens. */
static double step_once(trainer_t *t, int step) {
  const options_t *o = t->options;
  model_t *m = &t->model;
  double tokens = (double)o->tokens * t->balance.ranks, loss;
  text_batch(t->text, o, step, t->balance.rank, t->in, t->next);
  model_embed(m, t->in);
  for (int l = 0; l < o->layers; l++) {
    balance_before_layer(&t->balance, l);
    model_route(m, l, t->in);
    t->rows[step % o->every * o->layers + l] = experts_forward(&t->experts, l, &m->layer[l], m->layer[l + 1].x);
    count_choices(t, l);
  }
  balance_after_forward(&t->balance);
  loss = model_loss(m, t->next, (1 / tokens), t->d_x);
  for (int l = o->layers - 1; l >= 0; l--) {
    experts_backward(&t->experts, l, &m->layer[l], t->d_x, t->d_n, t->d_gate);
    balance_after_backward(&t->balance, l);
    model_route_back(m, l, t->d_n, t->d_gate, t->d_x);
  }
  model_embed_back(m, t->in, t->d_x);
  MPI_Allreduce(MPI_IN_PLACE, m->dense.gradient, (int)m->count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, &loss, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  adam_step(&m->dense, m->count, step, o->rate);
  balance_step(&t->balance, step);
  return loss / tokens;
}

/* Busiest rank and mean of the interval's steps. */
static void measure_rows(trainer_t *t, int steps, double *busiest, double *mean) {
  int count = steps * t->options->layers;
  int64_t *all = calloc((size_t)count * 2, sizeof *all);
  if (!all)
    balance_stop("out of memory");
  MPI_Allreduce(t->rows, all, count, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(t->rows, all + count, count, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  *busiest = *mean = 0;
  for (int i = 0; i < count; i++) {
    *busiest += (double)all[i];
    *mean += (double)all[count + i] / t->balance.ranks;
  }
  free(all);
}

static void keep_counts(trainer_t *t, int interval, eplb_loads_t *loads) {
  int values = t->options->layers * t->options->experts;
  MPI_Allreduce(MPI_IN_PLACE, t->counts, values, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < values && loads; i++)
    loads->load[(size_t)interval * (size_t)values + (size_t)i] = (double)t->counts[i];
  memset(t->counts, 0, (size_t)values * sizeof *t->counts);
}

static void end_interval(trainer_t *t, int step, eplb_loads_t *loads, result_t *result) {
  const options_t *o = t->options;
  int steps = step % o->every + 1;
  double seconds = MPI_Wtime() - t->interval_began, busiest, mean;
  measure_rows(t, steps, &busiest, &mean);
  keep_counts(t, step / o->every, loads);
  result->different += balance_count_different(&t->balance);
  if (step >= o->every || o->steps <= o->every) {
    result->busiest += busiest;
    result->mean += mean;
  }
  if (t->balance.rank == 0 && !o->json) {
    printf("%-8s step %4d  loss %.6f  %8.0f tokens/s  busiest/mean %.3f  %ld slots moved\n", mode_name[t->balance.mode],
           step + 1, result->loss[step], (double)o->tokens * t->balance.ranks * steps / seconds, busiest / mean,
           t->balance.moved);
    fflush(stdout);
  }
}

void train(const options_t *o, const text_t *text, balance_mode_t mode, eplb_loads_t *loads, result_t *result) {
  trainer_t t;
  trainer_create(o, text, mode, &t);
  *result = (result_t){.is_there = 1, .loss = calloc((size_t)o->steps, sizeof(double))};
  if (!result->loss)
    balance_stop("out of memory");
  for (int step = 0; step < o->steps; step++) {
    if (step % o->every == 0) {
      MPI_Barrier(MPI_COMM_WORLD);
      t.interval_began = MPI_Wtime();
    }
    result->loss[step] = step_once(&t, step);
    if (!isfinite(result->loss[step])) {
      char sentence[120];
      snprintf(sentence, sizeof sentence, "the loss of step %d is not a number; try a --rate below %g", step + 1,
               o->rate);
      balance_stop(sentence);
    }
    if (step % o->every == o->every - 1 || step + 1 == o->steps) {
      result->seconds += MPI_Wtime() - t.interval_began;
      end_interval(&t, step, loads, result);
    }
  }
  result->tokens = (double)o->tokens * t.balance.ranks * o->steps;
  result->moved = t.balance.moved;
  result->rebalances = t.balance.rebalances;
  MPI_Allreduce(&t.balance.seconds, &result->rebalance_seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  trainer_free(&t);
}
