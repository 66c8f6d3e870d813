/* Counts what a change of placement must move: bytes by sender and across nodes, as a bound for the measured time. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "tools/bench/bench_migrate.h"

/* The busiest sender's bytes, in means. */
static double busiest(const migrate_job_t *j, const int64_t *sent) {
  int64_t most = 0, all = 0;
  for (int r = 0; r < j->num_ranks; r++) {
    most = sent[r] > most ? sent[r] : most;
    all += sent[r];
  }
  return all ? (double)most * j->num_ranks / (double)all : 1;
}

/* Adds to what the nodes send and receive, out[num_nodes] and in[num_nodes]; returns what crosses between them. */
static int64_t add_across(const migrate_job_t *j, const eplb_transfer_t *t, int64_t *in, int64_t *out) {
  int64_t bytes = j->options->moving.expert_bytes;
  int a = eplb_topology_node(j->topology, t->from_device), b = eplb_topology_node(j->topology, t->to_device);
  if (a == b)
    return 0;
  out[a] += bytes;
  in[b] += bytes;
  return bytes;
}

eplb_status_t migrate_count(const migrate_job_t *j, const eplb_placement_t *before, const eplb_placement_t *after,
                            migrate_round_t *r) {
  int nodes = eplb_topology_num_nodes(j->topology);
  int64_t bytes = j->options->moving.expert_bytes;
  int64_t *sent = EPLB_NEW(int64_t, 2 * j->num_ranks + 2 * nodes), *peer = sent ? sent + j->num_ranks : NULL;
  int64_t *in = sent ? peer + j->num_ranks : NULL, *out = sent ? in + nodes : NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  eplb_status_t status = sent ? eplb_deriver_create(j->topology, before->num_experts, &deriver) : EPLB_ERR_MEMORY;
  for (int l = 0; l < before->num_layers && !status; l++) {
    status = eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, bytes, &list);
    for (int64_t i = 0; i < list.count; i++) {
      const eplb_transfer_t *t = &list.transfer[i];
      r->moved += bytes;
      sent[t->from_device] += t->link == EPLB_LINK_DEVICE ? 0 : bytes;
      r->across += add_across(j, t, in, out);
    }
  }
  for (int n = 0; n < nodes && !status; n++) {
    r->busiest_in = in[n] > r->busiest_in ? in[n] : r->busiest_in;
    r->busiest_out = out[n] > r->busiest_out ? out[n] : r->busiest_out;
  }
  if (!status) {
    r->least = peer_count_least(before, after, j->topology, bytes);
    r->peer_across = peer_count(before, after, j->topology, bytes, peer);
    r->sender = busiest(j, sent);
    r->peer_sender = busiest(j, peer);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  free(sent);
  return status;
}
