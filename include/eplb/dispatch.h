/* Which replica serves which tokens: shares that level the devices' times for the batch at hand, and whole tokens for
 * each rank.
 *
 *   counts of the whole batch -> eplb_dispatch_shares, the same on every rank
 *   each rank's own counts    -> eplb_dispatch_quotas
 *
 * All of it is local and deterministic: ranks that pass the same counts get the same shares. Arrays are flat, int32 or
 * float, and of one layer, so that a GPU's kernel can take them as they are. Replicas are numbered as in placement.h:
 * those of expert e are
 *   k = replica_begin[e] to replica_begin[e + 1] - 1, in the slots replica_slot[k]
 * of the layer's rows; share[k] and quota[k] are theirs. */
#ifndef EPLB_DISPATCH_H
#define EPLB_DISPATCH_H

#include <eplb/placement.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How an expert's tokens are divided over its replicas. */
typedef enum eplb_split {
  EPLB_SPLIT_SHARES,      /* as given shares say */
  EPLB_SPLIT_EVEN,        /* equal shares */
  EPLB_SPLIT_ROUND_ROBIN, /* one after the other, from the replica whose place is the rank's number modulo theirs */
  EPLB_SPLIT_NEAREST      /* all to one: on the own device, else in the own node, else as round robin starts */
} eplb_split_t;

typedef struct eplb_dispatch eplb_dispatch_t;

/* Prepares for the placement as it is. Local. Both must outlive *dispatch, which the caller owns. EPLB_ERR_ARGUMENT,
 * EPLB_ERR_SHAPE; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_create(const eplb_topology_t *topology, const eplb_placement_t *placement,
                                               eplb_dispatch_t **dispatch);
EPLB_PUBLIC void eplb_dispatch_destroy(eplb_dispatch_t **dispatch);

/* Takes up a layer of the placement that has changed. A session does so for its own: see eplb_session_dispatch. Local,
 * allocates nothing. EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_update(eplb_dispatch_t *dispatch, int layer);

/* Shares that make the busiest device's time small: load flows between replicas of an expert until times are level or
 * can be no more. Local. Not thread-safe on one dispatch. count[num_experts]: tokens of the whole batch, all ranks
 * together, >= 0; share[num_slots], the caller's: >= 0 and of each expert adding up to 1; equal for an expert without
 * tokens.  O(slots + replicas * sweeps), up to 64 sweeps.
 * EPLB_ERR_ARGUMENT; EPLB_ERR_LOADS: a negative count. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_shares(eplb_dispatch_t *dispatch, int layer, const int64_t *count,
                                               float *share);

/* One rank's tokens of a layer, and how they are divided; nothing is owned. Start from eplb_rank_tokens_init. */
typedef struct eplb_rank_tokens {
  size_t size; /* sizeof(eplb_rank_tokens_t) */
  int device;  /* the rank */
  eplb_split_t split;
  const float *share;   /* [num_slots]; used with EPLB_SPLIT_SHARES only, else may be NULL */
  const int64_t *count; /* [num_experts]: this rank's tokens, 0 to 2^31 - 1 */
} eplb_rank_tokens_t;

/* Sets the size, and all else to 0. */
static inline void eplb_rank_tokens_init(eplb_rank_tokens_t *tokens) {
  memset(tokens, 0, sizeof *tokens);
  tokens->size = sizeof *tokens;
}

/* How many tokens of each expert the rank sends to each replica: quota[num_slots], the caller's; of each expert they add
 * up to tokens->count[expert]. Local. With shares or an even split no quota is a whole token or more off
 * count * share, and tokens left over by rounding down go to the own device's replica first, then to the node's,
 * then to those that a sequence of the rank's own picks, so that ranks with few tokens do not all pick the same.
 * So quotas of different devices differ. A job without an all-to-all, whose ranks all have the same tokens and each run
 * those of their own slots, must pass the same `device` on every rank: else some tokens run on several ranks.
 * EPLB_ERR_ARGUMENT: also shares that are negative or not finite; EPLB_ERR_LOADS. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_quotas(const eplb_dispatch_t *dispatch, int layer,
                                               const eplb_rank_tokens_t *tokens, int32_t *quota);

/* For a kernel: end[num_slots], running sums of the quotas within each expert. The j-th token of expert e, j from 0,
 * goes to the first replica k of e with j < end[k]. `end` may be `quota` itself. Local. EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_ends(const eplb_dispatch_t *dispatch, int layer, const int32_t *quota,
                                             int32_t *end);

#ifdef __cplusplus
}
#endif
#endif
