/* Tokens to their experts and back, in both directions of a step. */
#include "experts.h"
#include "matrix.h"
#include <stdlib.h>
#include <string.h>

int experts_create(const options_t *o, balance_t *balance, experts_t *x) {
  int choices = o->tokens * o->top_k;
  size_t width = (size_t)o->width;
  *x = (experts_t){.options = o,
                   .balance = balance,
                   .hidden = HIDDEN * o->width,
                   .layer = calloc((size_t)o->layers, sizeof *x->layer),
                   .send = calloc((size_t)choices * width, sizeof(double))};
  int is_good = x->layer && x->send;
  for (int l = 0; l < o->layers && is_good; l++) {
    balance_need(eplb_session_routing_create(balance->session, choices, balance->split, &x->layer[l].routing));
    x->layer[l].back = calloc((size_t)choices * width, sizeof(double));
    is_good = x->layer[l].back != NULL;
  }
  MPI_Type_contiguous(o->width, MPI_DOUBLE, &x->row);
  MPI_Type_commit(&x->row);
  return is_good;
}

void experts_free(experts_t *x) {
  for (int l = 0; l < x->options->layers; l++) {
    eplb_routing_destroy(&x->layer[l].routing);
    free(x->layer[l].in), free(x->layer[l].hidden), free(x->layer[l].back);
  }
  free(x->layer), free(x->send), free(x->receive), free(x->grouped), free(x->d_hidden);
  MPI_Type_free(&x->row);
}

/* ---- memory for what arrives: how much that is, the router decides ---- */

static void grow(double **array, int rows, int width) {
  free(*array);
  *array = malloc((size_t)rows * (size_t)width * sizeof **array);
  if (!*array)
    balance_stop("out of memory");
}

static void make_room(experts_t *x, layer_rows_t *rows) {
  int needed = rows->routing->num_received, room = needed + needed / 4 + 1;
  if (rows->capacity < needed) {
    grow(&rows->in, room, x->options->width);
    grow(&rows->hidden, room, x->hidden);
    rows->capacity = room;
  }
  if (x->capacity < needed) {
    grow(&x->receive, room, x->options->width);
    grow(&x->grouped, room, x->options->width);
    grow(&x->d_hidden, room, x->hidden);
    x->capacity = room;
  }
}

/* ---- messages ---- */

static void to_experts(experts_t *x, const eplb_routing_t *r, const double *send, double *grouped) {
  MPI_Alltoallv(send, r->send_count, r->send_begin, x->row, x->receive, r->receive_count, r->receive_begin, x->row,
                MPI_COMM_WORLD);
  eplb_routing_group(r, x->receive, (size_t)x->options->width * sizeof(double), grouped);
}

static void from_experts(experts_t *x, const eplb_routing_t *r, const double *grouped, double *back) {
  eplb_routing_ungroup(r, grouped, (size_t)x->options->width * sizeof(double), x->receive);
  MPI_Alltoallv(x->receive, r->receive_count, r->receive_begin, x->row, back, r->send_count, r->send_begin, x->row,
                MPI_COMM_WORLD);
}

/* ---- what an expert computes: out = relu(in w1) w2 ---- */

static void run_expert(const experts_t *x, const double *weight, int rows, const double *in, double *hidden,
                       double *out) {
  int width = x->options->width;
  size_t neurons = (size_t)rows * (size_t)x->hidden;
  memset(hidden, 0, neurons * sizeof *hidden);
  multiply(rows, x->hidden, width, in, weight, hidden);
  for (size_t i = 0; i < neurons; i++)
    hidden[i] = hidden[i] > 0 ? hidden[i] : 0;
  memset(out, 0, (size_t)rows * (size_t)width * sizeof *out);
  multiply(rows, width, x->hidden, hidden, weight + (size_t)width * (size_t)x->hidden, out);
}

/* d_out becomes d_in. */
static void run_expert_back(const experts_t *x, const adam_t *slot, int rows, const double *in, const double *hidden,
                            double *d_out) {
  int width = x->options->width;
  size_t neurons = (size_t)rows * (size_t)x->hidden, half = (size_t)width * (size_t)x->hidden;
  double *d_hidden = x->d_hidden;
  multiply_transposed(x->hidden, width, rows, hidden, d_out, slot->gradient + half);
  memset(d_hidden, 0, neurons * sizeof *d_hidden);
  multiply_by_transposed(rows, x->hidden, width, d_out, slot->weight + half, d_hidden);
  for (size_t i = 0; i < neurons; i++)
    d_hidden[i] = hidden[i] > 0 ? d_hidden[i] : 0;
  multiply_transposed(width, x->hidden, rows, in, d_hidden, slot->gradient);
  memset(d_out, 0, (size_t)rows * (size_t)width * sizeof *d_out);
  multiply_by_transposed(rows, width, x->hidden, d_hidden, slot->weight, d_out);
}

/* ---- a layer ---- */

int64_t experts_forward(experts_t *x, int layer, const activations_t *a, double *y) {
  const options_t *o = x->options;
  size_t width = (size_t)o->width;
  layer_rows_t *rows = &x->layer[layer];
  eplb_routing_t *r = rows->routing;
  balance_route(x->balance, layer, a->expert, r);
  make_room(x, rows);
  eplb_routing_pack(r, a->n, width * sizeof(double), x->send);
  to_experts(x, r, x->send, rows->in);
  for (int s = 0; s < r->own_slots; s++) {
    size_t begin = (size_t)r->group_begin[s];
    adam_t slot = balance_slot(x->balance, layer, s);
    run_expert(x, slot.weight, r->group_begin[s + 1] - r->group_begin[s], rows->in + begin * width,
               rows->hidden + begin * (size_t)x->hidden, x->grouped + begin * width);
  }
  from_experts(x, r, x->grouped, rows->back);
  memcpy(y, a->u, (size_t)o->tokens * width * sizeof *y);
  for (int i = 0; i < r->num_choices; i++)
    for (size_t d = 0; d < width; d++)
      y[(size_t)(i / o->top_k) * width + d] += a->gate[i] * rows->back[(size_t)r->row[i] * width + d];
  return r->num_received;
}

/* Rows to send: gate * d_y; and d_gate. */
static void gates_back(const experts_t *x, const layer_rows_t *rows, const activations_t *a, const double *d_y,
                       double *d_gate) {
  size_t width = (size_t)x->options->width;
  for (int i = 0; i < rows->routing->num_choices; i++) {
    const double *d = d_y + (size_t)(i / x->options->top_k) * width;
    size_t row = (size_t)rows->routing->row[i] * width;
    double sum = 0;
    for (size_t k = 0; k < width; k++) {
      sum += d[k] * rows->back[row + k];
      x->send[row + k] = a->gate[i] * d[k];
    }
    d_gate[i] = sum;
  }
}

void experts_backward(experts_t *x, int layer, const activations_t *a, const double *d_y, double *d_n, double *d_gate) {
  const options_t *o = x->options;
  size_t width = (size_t)o->width;
  const layer_rows_t *rows = &x->layer[layer];
  const eplb_routing_t *r = rows->routing;
  gates_back(x, rows, a, d_y, d_gate);
  to_experts(x, r, x->send, x->grouped);
  for (int s = 0; s < r->own_slots; s++) {
    size_t begin = (size_t)r->group_begin[s];
    adam_t slot = balance_slot(x->balance, layer, s);
    run_expert_back(x, &slot, r->group_begin[s + 1] - r->group_begin[s], rows->in + begin * width,
                    rows->hidden + begin * (size_t)x->hidden, x->grouped + begin * width);
  }
  from_experts(x, r, x->grouped, x->send);
  memset(d_n, 0, (size_t)o->tokens * width * sizeof *d_n);
  for (int i = 0; i < r->num_choices; i++)
    for (size_t d = 0; d < width; d++)
      d_n[(size_t)(i / o->top_k) * width + d] += x->send[(size_t)r->row[i] * width + d];
}
