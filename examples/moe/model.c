/* Forward and backward of the dense parts. */
#include "model.h"
#include "matrix.h"
#include "text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---- */

static size_t of_layer(const options_t *o) {
  return (size_t)(MIXED + o->experts) * (size_t)o->width;
}

static size_t embedding_size(const options_t *o) {
  return (size_t)VOCABULARY * (size_t)o->width;
}

static size_t mixing_at(const options_t *o, int layer) {
  return embedding_size(o) + (size_t)layer * of_layer(o);
}

static size_t router_at(const options_t *o, int layer) {
  return mixing_at(o, layer) + (size_t)MIXED * (size_t)o->width;
}

static size_t head_at(const options_t *o) {
  return mixing_at(o, o->layers);
}

static double *doubles(size_t count) {
  return calloc(count, sizeof(double));
}

static int create_activations(const options_t *o, activations_t *a) {
  size_t values = (size_t)o->tokens * (size_t)o->width, choices = (size_t)o->tokens * (size_t)o->top_k;
  *a = (activations_t){.x = doubles(values),
                       .u = doubles(values),
                       .n = doubles(values),
                       .scale = doubles((size_t)o->tokens),
                       .expert = calloc(choices, sizeof(int32_t)),
                       .gate = doubles(choices)};
  return a->x && a->u && a->n && a->scale && a->expert && a->gate;
}

/* In [-1, 1) times `size`. */
static void fill(const options_t *o, size_t begin, size_t count, double size, double *weight) {
  for (size_t i = begin; i < begin + count; i++)
    weight[i] = size * ((double)(random_of((uint64_t)o->seed, i) >> 40) * 0x1p-23 - 1);
}

int model_create(const options_t *o, model_t *m) {
  size_t count = head_at(o) + embedding_size(o), routers = (size_t)o->experts * (size_t)o->width;
  *m = (model_t){.options = o,
                 .count = count,
                 .dense = {doubles(count), doubles(count), doubles(count), doubles(count)},
                 .first = doubles(embedding_size(o)),
                 .fixed = doubles((size_t)o->layers * routers),
                 .layer = calloc((size_t)o->layers + 1, sizeof *m->layer),
                 .scores = doubles((size_t)o->tokens * (size_t)o->experts),
                 .logits = doubles((size_t)o->tokens * VOCABULARY)};
  int is_good = m->dense.weight && m->dense.gradient && m->dense.mean && m->dense.variance && m->first && m->fixed &&
                m->layer && m->scores && m->logits;
  for (int l = 0; is_good && l <= o->layers; l++)
    is_good = create_activations(o, &m->layer[l]);
  if (!is_good)
    return 0;
  fill(o, 0, count, 1 / sqrt((double)o->width), m->dense.weight);
  fill(o, 0, embedding_size(o), 1, m->dense.weight);
  memcpy(m->first, m->dense.weight, embedding_size(o) * sizeof *m->first);
  for (int l = 0; l < o->layers; l++)
    memcpy(m->fixed + (size_t)l * routers, m->dense.weight + router_at(o, l), routers * sizeof *m->fixed);
  return 1;
}

void model_free(model_t *m) {
  for (int l = 0; l <= m->options->layers; l++) {
    activations_t *a = &m->layer[l];
    free(a->x), free(a->u), free(a->n), free(a->scale), free(a->expert), free(a->gate);
  }
  free(m->layer), free(m->first), free(m->fixed), free(m->scores), free(m->logits);
  free(m->dense.weight), free(m->dense.gradient), free(m->dense.mean), free(m->dense.variance);
}

/* ---- embedding, mixing, norm ---- */

void model_embed(model_t *m, const unsigned char *bytes) {
  size_t width = (size_t)m->options->width;
  for (int t = 0; t < m->options->tokens; t++)
    memcpy(m->layer[0].x + (size_t)t * width, m->dense.weight + bytes[t] * width, width * sizeof(double));
}

void model_embed_back(model_t *m, const unsigned char *bytes, const double *d_x) {
  size_t width = (size_t)m->options->width;
  for (int t = 0; t < m->options->tokens; t++)
    for (size_t i = 0; i < width; i++)
      m->dense.gradient[bytes[t] * width + i] += d_x[(size_t)t * width + i];
}

/* u[t] = x[t] + sum over j of c[j] * x[t - j], within a sequence. */
static void mix(const options_t *o, const double *c, const double *x, double *u) {
  size_t width = (size_t)o->width;
  memcpy(u, x, (size_t)o->tokens * width * sizeof *u);
  for (int t = 0; t < o->tokens; t++)
    for (int j = 0; j < MIXED && j <= t % SEQUENCE; j++)
      for (size_t i = 0; i < width; i++)
        u[(size_t)t * width + i] += c[(size_t)j * width + i] * x[(size_t)(t - j) * width + i];
}

/* d_u becomes d_x. */
static void mix_back(const options_t *o, const double *c, const double *x, double *d_c, double *d_u) {
  size_t width = (size_t)o->width;
  for (int t = 0; t < o->tokens; t++) { /* d_u[t] is complete: only later tokens, which come later, add to it */
    double *d = d_u + (size_t)t * width;
    for (int j = 0; j < MIXED && j <= t % SEQUENCE; j++)
      for (size_t i = 0; i < width; i++)
        d_c[(size_t)j * width + i] += d[i] * x[(size_t)(t - j) * width + i];
  }
  for (int t = 0; t < o->tokens; t++) { /* reads d_u of this and later tokens, which are still as they were */
    int later = SEQUENCE - 1 - t % SEQUENCE;
    for (size_t i = 0; i < width; i++) {
      double sum = d_u[(size_t)t * width + i];
      for (int j = 0; j < MIXED && j <= later; j++)
        sum += c[(size_t)j * width + i] * d_u[(size_t)(t + j) * width + i];
      d_u[(size_t)t * width + i] = sum;
    }
  }
}

static void norm(const options_t *o, activations_t *a) {
  for (int t = 0; t < o->tokens; t++) {
    const double *u = a->u + (size_t)t * (size_t)o->width;
    double squares = 0;
    for (int i = 0; i < o->width; i++)
      squares += u[i] * u[i];
    a->scale[t] = 1 / sqrt(squares / (double)o->width + 1e-5);
    for (int i = 0; i < o->width; i++)
      a->n[(size_t)t * (size_t)o->width + (size_t)i] = u[i] * a->scale[t];
  }
}

/* d_u += what d_n says. */
static void norm_back(const options_t *o, const activations_t *a, const double *d_n, double *d_u) {
  for (int t = 0; t < o->tokens; t++) {
    size_t begin = (size_t)t * (size_t)o->width;
    double along = 0;
    for (int i = 0; i < o->width; i++)
      along += d_n[begin + (size_t)i] * a->n[begin + (size_t)i];
    along /= (double)o->width;
    for (int i = 0; i < o->width; i++)
      d_u[begin + (size_t)i] += a->scale[t] * (d_n[begin + (size_t)i] - along * a->n[begin + (size_t)i]);
  }
}

/* ---- router ---- */

/* The top k of scores[experts], the smaller number first where they are equal, and the softmax over those. */
static void choose(const options_t *o, const double *scores, int32_t *expert, double *gate) {
  double sum = 0;
  for (int j = 0; j < o->top_k; j++) {
    int32_t best = -1;
    for (int32_t e = 0; e < o->experts; e++) {
      int is_taken = 0;
      for (int i = 0; i < j; i++)
        is_taken |= expert[i] == e;
      if (!is_taken && (best < 0 || scores[e] > scores[best]))
        best = e;
    }
    expert[j] = best;
    gate[j] = exp(scores[best] - scores[expert[0]]);
    sum += gate[j];
  }
  for (int j = 0; j < o->top_k; j++)
    gate[j] /= sum;
}

/* What the router sees: the normalized token; with fixed routing its byte and a little of the one before. */
static void score(model_t *m, int layer, const unsigned char *bytes) {
  const options_t *o = m->options;
  const double *router = m->dense.weight + router_at(o, layer), *seen = m->layer[layer].n;
  size_t width = (size_t)o->width;
  memset(m->scores, 0, (size_t)o->tokens * (size_t)o->experts * sizeof *m->scores);
  double *input = m->layer[o->layers].n; /* not in use before the head */
  for (int t = 0; o->fixed_routing && t < o->tokens; t++)
    for (size_t i = 0; i < width; i++)
      input[(size_t)t * width + i] =
          m->first[bytes[t] * width + i] + (t % SEQUENCE ? .5 * m->first[bytes[t - 1] * width + i] : 0);
  if (o->fixed_routing) {
    router = m->fixed + (size_t)layer * (size_t)o->experts * width;
    seen = input;
  }
  multiply_by_transposed(o->tokens, o->experts, o->width, seen, router, m->scores);
}

void model_route(model_t *m, int layer, const unsigned char *bytes) {
  const options_t *o = m->options;
  activations_t *a = &m->layer[layer];
  mix(o, m->dense.weight + mixing_at(o, layer), a->x, a->u);
  norm(o, a);
  score(m, layer, bytes);
  for (int t = 0; t < o->tokens; t++)
    choose(o, m->scores + (size_t)t * (size_t)o->experts, a->expert + t * o->top_k, a->gate + t * o->top_k);
}

/* d_n += the router's part; its gradient. */
static void router_back(model_t *m, int layer, const double *d_gate, double *d_n) {
  const options_t *o = m->options;
  const activations_t *a = &m->layer[layer];
  size_t width = (size_t)o->width;
  for (int t = 0; t < o->tokens; t++) {
    const double *gate = a->gate + t * o->top_k, *d = d_gate + t * o->top_k;
    double mean = 0;
    for (int j = 0; j < o->top_k; j++)
      mean += gate[j] * d[j];
    for (int j = 0; j < o->top_k; j++) {
      double d_score = gate[j] * (d[j] - mean);
      size_t row = router_at(o, layer) + (size_t)a->expert[t * o->top_k + j] * width;
      for (size_t i = 0; i < width; i++) {
        m->dense.gradient[row + i] += d_score * a->n[(size_t)t * width + i];
        d_n[(size_t)t * width + i] += d_score * m->dense.weight[row + i];
      }
    }
  }
}

void model_route_back(model_t *m, int layer, const double *d_n, const double *d_gate, double *d_x) {
  const options_t *o = m->options;
  const activations_t *a = &m->layer[layer];
  size_t values = (size_t)o->tokens * (size_t)o->width;
  double *d = m->layer[o->layers].u; /* the head's is not needed any more */
  memcpy(d, d_n, values * sizeof *d);
  if (!o->fixed_routing)
    router_back(m, layer, d_gate, d);
  norm_back(o, a, d, d_x);
  mix_back(o, m->dense.weight + mixing_at(o, layer), a->x, m->dense.gradient + mixing_at(o, layer), d_x);
}

/* ---- head ---- */

/* Of one token; its logits become the gradient. */
static double cross_entropy(double *logits, int right, double scale) {
  double largest = logits[0], sum = 0;
  for (int i = 1; i < VOCABULARY; i++)
    largest = fmax(largest, logits[i]);
  double loss = largest - logits[right];
  for (int i = 0; i < VOCABULARY; i++)
    sum += logits[i] = exp(logits[i] - largest);
  for (int i = 0; i < VOCABULARY; i++)
    logits[i] *= scale / sum;
  logits[right] -= scale;
  return loss + log(sum);
}

double model_loss(model_t *m, const unsigned char *next, double scale, double *d_x) {
  const options_t *o = m->options;
  activations_t *a = &m->layer[o->layers];
  size_t values = (size_t)o->tokens * (size_t)o->width;
  double *weight = m->dense.weight + head_at(o), *gradient = m->dense.gradient + head_at(o), *d_n = a->x;
  double loss = 0;
  memcpy(a->u, a->x, values * sizeof *a->u);
  norm(o, a);
  memset(m->logits, 0, (size_t)o->tokens * VOCABULARY * sizeof *m->logits);
  multiply_by_transposed(o->tokens, VOCABULARY, o->width, a->n, weight, m->logits);
  for (int t = 0; t < o->tokens; t++)
    loss += cross_entropy(m->logits + (size_t)t * VOCABULARY, next[t], scale);
  multiply_transposed(VOCABULARY, o->width, o->tokens, m->logits, a->n, gradient);
  memset(d_n, 0, values * sizeof *d_n);
  multiply(o->tokens, o->width, VOCABULARY, m->logits, weight, d_n);
  memset(d_x, 0, values * sizeof *d_x);
  norm_back(o, a, d_n, d_x);
  return loss;
}
