/* Routing: from a router's choices to the arguments of MPI_Alltoallv: which replica computes each choice, in which
 * order tokens are sent, and which rows arrive for each slot.
 *
 *   eplb_routing_create once for each layer whose tokens must be kept (until its backward pass); then for each batch
 *   eplb_routing_plan     choices -> replicas, order of rows, rows for each rank                    (local)
 *   [exchange]            rows for each slot, e.g. by MPI_Alltoall; eplb_session_route does all three  (collective)
 *   eplb_routing_receive  -> rows from each rank, rows for each own slot                            (local)
 *
 * A *row* is the data sent for one choice: a token's activations. If two choices of a token go to the same rank, the
 * token is sent to it twice. With a datatype of one row:
 *
 *   eplb_routing_pack(r, tokens, bytes, send);
 *   MPI_Alltoallv(send, r->send_count, r->send_begin, row, in, r->receive_count, r->receive_begin, row, comm);
 *   eplb_routing_group(r, in, bytes, grouped);     own slot k has rows group_begin[k] to group_begin[k + 1] - 1
 *   ... experts compute grouped -> out ...
 *   eplb_routing_ungroup(r, out, bytes, in);
 *   MPI_Alltoallv(in, r->receive_count, r->receive_begin, row, send, r->send_count, r->send_begin, row, comm);
 *   result of choice i is row r->row[i] of send
 *
 * The backward pass sends gradients the same two ways. Only eplb_routing_create allocates; a plan takes O(choices +
 * experts + slots) time. */
#ifndef EPLB_ROUTING_H
#define EPLB_ROUTING_H

#include <eplb/dispatch.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The choices of one rank's router for one batch. It owns nothing. Fixed: it describes an array. */
typedef struct eplb_choices {
  int num_tokens, top_k; /* >= 0, >= 1 */
  int index_bytes;       /* size of an expert number: 4 for int32_t, 8 for int64_t */
  const void *expert;    /* [num_tokens][top_k]: logical experts; EPLB_EMPTY: a choice that is not sent (padding) */
} eplb_choices_t;

/* Counts how often each expert is chosen, the input of eplb_session_record: overwrites count[num_experts], owned by the
 * caller. Local. EPLB_ERR_ARGUMENT names the wrong member of `choices`, or an expert out of range. */
EPLB_PUBLIC eplb_status_t eplb_choices_count(const eplb_choices_t *choices, int num_experts, int64_t *count);

/* Plain data that may be read; the routing owns its arrays. Choice j of a token has the number token * top_k + j. Rows
 * to send are sorted by receiving rank, then slot, then choice; received rows by sending rank, then slot. */
typedef struct eplb_routing {
  int rank, num_ranks, num_experts, num_slots;
  int own_slots; /* of this rank */
  int max_choices;
  eplb_split_t split;

  /* set by eplb_routing_plan */
  int num_choices, top_k;
  int num_sent;                 /* rows: choices that are not EPLB_EMPTY */
  int64_t *count;               /* [num_experts]: this rank's choices; the input of eplb_session_record */
  int32_t *slot;                /* [num_choices]: the slot (physical expert) of the choice, or EPLB_EMPTY */
  int32_t *row;                 /* [num_choices]: the row in which the choice is sent and its result returns, or -1 */
  int32_t *choice;              /* [num_sent]: the choice of a row, the inverse; its token is choice / top_k */
  int *send_count, *send_begin; /* [num_ranks], in rows */
  int32_t *sent_to;             /* [num_slots]: rows for each slot of all ranks; rank r needs the entries of its own
                                   slots */

  /* set by eplb_routing_receive */
  int num_received;
  int *receive_count, *receive_begin; /* [num_ranks], in rows */
  int32_t *received;                  /* [num_ranks][own_slots]: rows from each rank for each own slot */
  int32_t *run_begin;                 /* [num_ranks][own_slots]: where these rows begin in rows grouped by slot */
  int32_t *group_begin;               /* [own_slots + 1]: where the rows of each own slot begin */

  const eplb_dispatch_t *dispatch;
  int32_t *quota, *next; /* [num_slots], [num_slots + num_experts]: scratch */
} eplb_routing_t;

/* Creates a routing for batches of up to max_choices choices (tokens * top_k) of rank `rank`, a device of the dispatch.
 * The dispatch must outlive *routing, which the caller owns. Local. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_routing_create(const eplb_dispatch_t *dispatch, int rank, int max_choices,
                                              eplb_split_t split, eplb_routing_t **routing);
EPLB_PUBLIC void eplb_routing_destroy(eplb_routing_t **routing);

/* Assigns each choice to a replica, by the quotas of eplb_dispatch_quotas in the order of tokens, and sorts the rows.
 * share[num_slots] is used only with EPLB_SPLIT_SHARES, else may be NULL. Local. EPLB_ERR_ARGUMENT: also more than
 * max_choices choices, or an expert out of range; then the routing must not be used. */
EPLB_PUBLIC eplb_status_t eplb_routing_plan(eplb_routing_t *routing, int layer, const eplb_choices_t *choices,
                                            const float *share);

/* Sets the rows that this rank will receive: received[num_ranks][own_slots], from each rank for each slot of this rank;
 * copied. Local. EPLB_ERR_ARGUMENT: a negative number; EPLB_ERR_SHAPE: 2^31 rows or more. */
EPLB_PUBLIC eplb_status_t eplb_routing_receive(eplb_routing_t *routing, const int32_t *received);

/* ---- Copies of rows of `bytes` in host memory. Local. A GPU kernel can do the same with the arrays above. ---- */

/* Fills send[num_sent] with the token of each row, from token[num_tokens]. */
EPLB_PUBLIC void eplb_routing_pack(const eplb_routing_t *routing, const void *token, size_t bytes, void *send);

/* _group copies in[num_received], sorted by rank, then slot, to grouped[num_received], sorted by slot, then rank;
 * _ungroup copies back. */
EPLB_PUBLIC void eplb_routing_group(const eplb_routing_t *routing, const void *in, size_t bytes, void *grouped);
EPLB_PUBLIC void eplb_routing_ungroup(const eplb_routing_t *routing, const void *grouped, size_t bytes, void *in);

#ifdef __cplusplus
}
#endif
#endif
