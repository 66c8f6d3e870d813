/* From a router's choices to messages: which replica computes each choice, in which order tokens are sent, and what
 * arrives for each slot; ready for MPI_Alltoallv.
 *
 *   eplb_routing_create once for each layer whose tokens must be kept (until its backward pass); then for each batch
 *   eplb_routing_plan     choices -> replicas, order of rows, rows for each rank                    (local)
 *   [exchange]            rows for each slot, e.g. by MPI_Alltoall; eplb_session_route does all three  (collective)
 *   eplb_routing_receive  -> rows from each rank, rows for each own slot                            (local)
 *
 * A *row* is what is sent for one choice: a token's activations. A row is sent for each choice, so a token of which two
 * choices go to the same rank is sent to it twice. With a datatype of one row:
 *
 *   eplb_routing_pack(r, tokens, bytes, send);
 *   MPI_Alltoallv(send, r->send_count, r->send_begin, row, in, r->receive_count, r->receive_begin, row, comm);
 *   eplb_routing_group(r, in, bytes, grouped);     own slot k has rows group_begin[k] to group_begin[k + 1] - 1
 *   ... experts compute grouped -> out ...
 *   eplb_routing_ungroup(r, out, bytes, in);
 *   MPI_Alltoallv(in, r->receive_count, r->receive_begin, row, send, r->send_count, r->send_begin, row, comm);
 *   result of choice i is row r->row[i] of send
 *
 * The backward pass sends gradients the same two ways. Nothing is allocated after eplb_routing_create; a plan takes
 * O(choices + experts + slots) time. */
#ifndef EPLB_ROUTING_H
#define EPLB_ROUTING_H

#include <eplb/dispatch.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The choices of one rank's router for one batch; nothing is owned. Fixed: it describes an array. */
typedef struct eplb_choices {
  int num_tokens, top_k; /* >= 0, >= 1 */
  int index_bytes;       /* of an expert's number: 4 for int32_t, 8 for int64_t */
  const void *expert;    /* [num_tokens][top_k]: logical experts; EPLB_EMPTY: a choice that is not sent (padding) */
} eplb_choices_t;

/* How often each expert is chosen: count[num_experts], the caller's, is overwritten. What eplb_session_record takes.
 * Local. EPLB_ERR_ARGUMENT names what is wrong in `choices`, also an expert out of range. */
EPLB_PUBLIC eplb_status_t eplb_choices_count(const eplb_choices_t *choices, int num_experts, int64_t *count);

/* Plain data: read it freely; arrays belong to it. Choices are numbered token * top_k + j; rows to send, by rank, then
 * by the slot that they are for, then by choice; rows received, by the rank that they are from, then by slot. */
typedef struct eplb_routing {
  int rank, num_ranks, num_experts, num_slots;
  int own_slots; /* of this rank */
  int max_choices;
  eplb_split_t split;

  /* set by eplb_routing_plan */
  int num_choices, top_k;
  int num_sent;    /* rows: choices but for those that are EPLB_EMPTY */
  int64_t *count;  /* [num_experts]: this rank's choices, what eplb_session_record takes */
  int32_t *slot;   /* [num_choices]: the physical expert of the choice; or EPLB_EMPTY */
  int32_t *row;    /* [num_choices]: the row in which the choice is sent and its result comes back; or -1 */
  int32_t *choice; /* [num_sent], the inverse: the choice that a row is for; its token is choice / top_k */
  int *send_count, *send_begin; /* [num_ranks], in rows */
  int32_t *sent_to;             /* [num_slots]: rows for each slot of all ranks; rank r needs its own slots' part */

  /* set by eplb_routing_receive */
  int num_received;
  int *receive_count, *receive_begin; /* [num_ranks], in rows */
  int32_t *received;                  /* [num_ranks][own_slots]: rows from each rank for each own slot */
  int32_t *run_begin;                 /* [num_ranks][own_slots]: where these rows begin when all are grouped by slot */
  int32_t *group_begin;               /* [own_slots + 1]: where the rows of each own slot begin, and end */

  const eplb_dispatch_t *dispatch;
  int32_t *quota, *next; /* [num_slots], [num_slots + num_experts]: scratch */
} eplb_routing_t;

/* Prepares for batches of up to max_choices choices (tokens * top_k) of rank `rank`, a device of the dispatch, which
 * must outlive *routing; the caller owns *routing. Local. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_routing_create(const eplb_dispatch_t *dispatch, int rank, int max_choices,
                                              eplb_split_t split, eplb_routing_t **routing);
EPLB_PUBLIC void eplb_routing_destroy(eplb_routing_t **routing);

/* Chooses a replica for each choice, as eplb_dispatch_quotas divides the choices of each expert, in the order of the
 * tokens; and the order of rows. share[num_slots] is used with EPLB_SPLIT_SHARES only, else may be NULL. Local.
 * EPLB_ERR_ARGUMENT: also more than max_choices, an expert out of range; the routing must not be used then. */
EPLB_PUBLIC eplb_status_t eplb_routing_plan(eplb_routing_t *routing, int layer, const eplb_choices_t *choices,
                                            const float *share);

/* Takes what the other ranks' plans say: received[num_ranks][own_slots] rows, which is copied, from each rank for each
 * slot of this rank. Local. EPLB_ERR_ARGUMENT: a negative number; EPLB_ERR_SHAPE: 2^31 rows or more. */
EPLB_PUBLIC eplb_status_t eplb_routing_receive(eplb_routing_t *routing, const int32_t *received);

/* ---- Copies of rows in the host's memory, `bytes` each. Local. A GPU's kernel does the same by the arrays above. ---- */

/* send[num_sent]: the token of each row, out of token[num_tokens]. */
EPLB_PUBLIC void eplb_routing_pack(const eplb_routing_t *routing, const void *token, size_t bytes, void *send);

/* grouped[num_received], by slot, then rank: a copy of in[num_received], by rank, then slot; and back. */
EPLB_PUBLIC void eplb_routing_group(const eplb_routing_t *routing, const void *in, size_t bytes, void *grouped);
EPLB_PUBLIC void eplb_routing_ungroup(const eplb_routing_t *routing, const void *grouped, size_t bytes, void *in);

#ifdef __cplusplus
}
#endif
#endif
