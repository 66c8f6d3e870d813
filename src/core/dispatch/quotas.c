/* From shares to whole tokens: how many tokens of a device go to each replica of an expert.
 *
 * Each replica gets the whole part of its share; of what is left, a replica on the same device takes one first, then
 * one in the same node, and the rest is spread by systematic sampling with a start that depends on device and expert:
 * so the sum over devices follows the shares, and no replica gets all the remainders. */
#include "core/dispatch/dispatch.h"
#include "core/util/count.h"
#include "core/util/sized.h"
#include <math.h>

/* One expert's tokens of one rank, to be divided. */
typedef struct batch {
  const eplb_dispatch_t *dispatch;
  const int32_t *slot; /* [replicas] */
  const float *share;  /* [replicas], or NULL for equal ones */
  double all_shares;   /* their sum */
  int replicas, expert, device;
  int64_t count;
  int32_t *quota; /* [replicas] */
} batch_t;

/* 0: on the own device, 1: in the own node, 2: elsewhere. */
static int locality(const batch_t *b, int k) {
  int device = b->dispatch->device_of[b->slot[k]];
  if (device == b->device)
    return 0;
  return eplb_topology_node(b->dispatch->topology, device) == eplb_topology_node(b->dispatch->topology, b->device) ? 1
                                                                                                                   : 2;
}

static double wanted(const batch_t *b, int k) {
  return (double)b->count * (b->share ? (double)b->share[k] / b->all_shares : 1. / b->replicas);
}

/* The fraction of a token that rounding down has taken from a replica; 0 once a token was added for it. */
static double lacks(const batch_t *b, int k) {
  return fmax(0, wanted(b, k) - b->quota[k]);
}

/* In [0, 1): spread evenly over ranks, and other for each expert (multiples of the plastic number's inverses, Roberts
 * 2018). */
static double phase(const batch_t *b) {
  double x = .5 + .7548776662466927 * b->device + .5698402909980532 * b->expert;
  return x - floor(x);
}

/* Gives `left` tokens to as many of the replicas that lack a part of one, at even steps of what they lack. */
static void round_up(const batch_t *b, int64_t left) {
  double all = 0, sum = 0;
  for (int k = 0; k < b->replicas; k++)
    all += lacks(b, k);
  double step = all / (double)left, next = phase(b) * step;
  for (int k = 0; k < b->replicas && left > 0; k++) {
    double lack = lacks(b, k);
    sum += lack;
    if (lack > 0 && sum > next) {
      b->quota[k]++;
      next += step;
      left--;
    }
  }
  for (int k = b->replicas - 1; k >= 0 && left > 0; k--) /* a sum that rounding has kept just below the last step */
    if (lacks(b, k) > 0) {
      b->quota[k]++;
      left--;
    }
}

static void by_shares(const batch_t *b) {
  int64_t left = b->count;
  for (int k = 0; k < b->replicas; k++) {
    int64_t whole = (int64_t)floor(wanted(b, k));
    b->quota[k] = (int32_t)(whole < left ? whole : left);
    left -= b->quota[k];
  }
  for (int near = 0; near < 2; near++)
    for (int k = 0; k < b->replicas && left > 0; k++)
      if (locality(b, k) == near && lacks(b, k) > 0) {
        b->quota[k]++;
        left--;
      }
  if (left > 0)
    round_up(b, left);
}

static void round_robin(const batch_t *b) {
  for (int k = 0; k < b->replicas; k++) {
    int place = (k - b->device % b->replicas + b->replicas) % b->replicas;
    b->quota[k] = (int32_t)(b->count / b->replicas + (place < b->count % b->replicas));
  }
}

static void nearest(const batch_t *b) {
  int best = b->device % b->replicas;
  for (int k = 0; k < b->replicas; k++) {
    b->quota[k] = 0;
    if (locality(b, k) < locality(b, best))
      best = k;
  }
  b->quota[best] = (int32_t)b->count;
}

/* Shares of one expert that can be divided by. */
static eplb_status_t add_shares(batch_t *b) {
  b->all_shares = 0;
  for (int k = 0; k < b->replicas && b->share; k++) {
    if (!(b->share[k] >= 0 && b->share[k] < INFINITY))
      return eplb_fail(EPLB_ERR_ARGUMENT, "expert %d, replica %d: a share of %g; expected a finite number from 0",
                       b->expert, k, (double)b->share[k]);
    b->all_shares += (double)b->share[k];
  }
  if (!(b->all_shares > 0))
    b->share = NULL;
  return EPLB_SUCCESS;
}

static eplb_status_t check_tokens(const eplb_dispatch_t *d, const eplb_rank_tokens_t *tokens) {
  int device = tokens->device;
  const int64_t *count = tokens->count;
  if ((unsigned)tokens->split > EPLB_SPLIT_NEAREST)
    return eplb_fail(EPLB_ERR_ARGUMENT, "split is %d; expected 0 to %d", (int)tokens->split, EPLB_SPLIT_NEAREST);
  if (!count || (tokens->split == EPLB_SPLIT_SHARES && !tokens->share))
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", count ? "share" : "count");
  if (device < 0 || device >= d->topology->num_devices)
    return eplb_fail(EPLB_ERR_ARGUMENT, "device %d; expected 0 to %d", device, d->topology->num_devices - 1);
  for (int e = 0; e < d->placement->num_experts; e++)
    if (count[e] < 0 || count[e] > INT32_MAX)
      return eplb_fail(EPLB_ERR_LOADS, "expert %d has %s on device %d; expected 0 to 2^31 - 1", e,
                       eplb_count(count[e], "token"), device);
  return EPLB_SUCCESS;
}

static eplb_status_t take_tokens(const eplb_dispatch_t *d, int layer, const eplb_rank_tokens_t *given,
                                 eplb_rank_tokens_t *tokens) {
  eplb_rank_tokens_init(tokens);
  eplb_status_t status = eplb_dispatch_check(d, layer);
  if (!status)
    status = eplb_sized_take("rank_tokens", sizeof *tokens, given, tokens);
  return status ? status : check_tokens(d, tokens);
}

eplb_status_t eplb_dispatch_quotas(const eplb_dispatch_t *d, int layer, const eplb_rank_tokens_t *tokens,
                                   int32_t *quota) {
  eplb_rank_tokens_t own;
  eplb_status_t status = take_tokens(d, layer, tokens, &own);
  if (!status && !quota)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "quota is NULL");
  for (int e = 0; !status && e < d->placement->num_experts; e++) {
    const int32_t *begin = eplb_dispatch_begin(d, layer) + e;
    batch_t b = {.dispatch = d,
                 .slot = eplb_dispatch_slots(d, layer) + begin[0],
                 .share = own.split == EPLB_SPLIT_SHARES ? own.share + begin[0] : NULL,
                 .replicas = begin[1] - begin[0],
                 .expert = e,
                 .device = own.device,
                 .count = own.count[e],
                 .quota = quota + begin[0]};
    status = add_shares(&b);
    if (status)
      break;
    if (own.split == EPLB_SPLIT_ROUND_ROBIN)
      round_robin(&b);
    else if (own.split == EPLB_SPLIT_NEAREST)
      nearest(&b);
    else
      by_shares(&b);
  }
  return status;
}
