/* Which replica serves which tokens: shares of an expert's tokens that balance the devices' times in one batch, and
 * quotas of whole tokens for each rank.
 *
 *   counts of the whole batch -> eplb_dispatch_shares, the same on every rank
 *   each rank's own counts    -> eplb_dispatch_quotas
 *
 * All of it is local and deterministic: ranks that pass the same counts get the same shares. Arrays are flat, int32 or
 * float, and of one layer, so that a GPU kernel can read them directly. Replicas are numbered as in placement.h: those
 * of expert e are
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
  EPLB_SPLIT_SHARES,      /* by given shares */
  EPLB_SPLIT_EVEN,        /* equal shares */
  EPLB_SPLIT_ROUND_ROBIN, /* one after the other, starting at the replica (rank modulo number of replicas) */
  EPLB_SPLIT_NEAREST      /* all to one replica: on the own device, else in the own node, else where round robin
                             starts */
} eplb_split_t;

typedef struct eplb_dispatch eplb_dispatch_t;

/* Creates the dispatch tables of a placement. Local. `topology` and `placement` must outlive *dispatch, which the
 * caller owns. EPLB_ERR_ARGUMENT, EPLB_ERR_SHAPE; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_create(const eplb_topology_t *topology, const eplb_placement_t *placement,
                                               eplb_dispatch_t **dispatch);
EPLB_PUBLIC void eplb_dispatch_destroy(eplb_dispatch_t **dispatch);

/* Updates the tables of one layer; must be called after the layer's placement has changed. A session does this for its
 * own tables: see eplb_session_dispatch. Local, allocates nothing. EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_update(eplb_dispatch_t *dispatch, int layer);

/* Computes shares that make the busiest device's time small: load flows between replicas of an expert until the
 * devices' times are equal or no flow lowers the largest. count[num_experts]: tokens of the whole batch, summed over
 * all ranks, >= 0. share[num_slots], owned by the caller: >= 0, the shares of each expert add up to 1; equal shares for
 * an expert without tokens. O(slots + replicas * sweeps), up to 64 sweeps. Local. Two threads must not call this for
 * one dispatch at the same time. EPLB_ERR_ARGUMENT; EPLB_ERR_LOADS: a negative count. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_shares(eplb_dispatch_t *dispatch, int layer, const int64_t *count,
                                               float *share);

/* One rank's tokens of a layer, and how they are divided. It owns nothing. Start from eplb_rank_tokens_init. */
typedef struct eplb_rank_tokens {
  size_t size; /* sizeof(eplb_rank_tokens_t) */
  int device;  /* the rank */
  eplb_split_t split;
  const float *share;   /* [num_slots]; only for EPLB_SPLIT_SHARES, else may be NULL */
  const int64_t *count; /* [num_experts]: this rank's tokens, 0 to 2^31 - 1 */
} eplb_rank_tokens_t;

/* Sets the size, and all else to 0. */
static inline void eplb_rank_tokens_init(eplb_rank_tokens_t *tokens) {
  memset(tokens, 0, sizeof *tokens);
  tokens->size = sizeof *tokens;
}

/* Computes how many tokens of each expert the rank sends to each replica: quota[num_slots], owned by the caller; the
 * quotas of an expert add up to tokens->count[expert]. Local. With shares or an even split, each quota differs from
 * count * share by less than a token. Tokens left over by rounding down go first to a replica on the own device, then
 * to one in the own node, then to replicas that a sequence of the rank picks, so that ranks with few tokens do not all
 * pick the same. So quotas depend on `device`. In a job without an all-to-all, where all ranks have the same tokens and
 * each computes those of its own slots, every rank must pass the same `device`: else some tokens are computed on
 * several ranks. EPLB_ERR_ARGUMENT: also shares that are negative or not finite; EPLB_ERR_LOADS. */
EPLB_PUBLIC eplb_status_t eplb_dispatch_quotas(const eplb_dispatch_t *dispatch, int layer,
                                               const eplb_rank_tokens_t *tokens, int32_t *quota);

#ifdef __cplusplus
}
#endif
#endif
