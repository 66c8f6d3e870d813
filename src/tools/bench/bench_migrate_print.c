/* Prints the rounds of `eplb bench migrate`: time, rate, and the ratio to the bound. */
#include "core/util/count.h"
#include "tools/bench/bench_migrate.h"
#include "tools/common/human.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *bound_from(const migrate_job_t *j) {
  return j->rate > 0 ? j->options->link_rate > 0 ? "declared" : "measured" : "memcpy";
}

void migrate_print_head(const migrate_job_t *j) {
  char expert[HUMAN_MAX];
  if (j->options->job.json)
    return;
  printf("%s on %d node%s%s, %d layer%s x %s x %s", eplb_count(j->num_ranks, "rank"),
         eplb_topology_num_nodes(j->topology), eplb_plural(eplb_topology_num_nodes(j->topology)),
         j->options->job.nodes ? " (declared)" : "", j->loads->num_layers, eplb_plural(j->loads->num_layers),
         eplb_count(eplb_topology_num_slots(j->topology), "slot"),
         human_bytes(j->options->moving.expert_bytes, expert));
  if (j->rate > 0)
    printf(", %.1f MB/s between nodes (%s)", j->rate / 1e6, bound_from(j));
  printf("\nours: the session's migration, %s, in %s; memcpy: all ranks copy as many bytes as they receive; peer: "
         "whole experts from the first\nslot that holds them, one message for each slot; bound: busiest node's bytes "
         "at that rate; with one node, memcpy\n\n"
         "            seconds, slowest rank            times ours of        across nodes        busiest sender\n"
         "round     ours  memcpy    peer   bound  memcpy   peer  bound       ours      peer     ours   peer      "
         "staging\n",
         j->options->fixed ? "which copies from staging into slots" : "slots being reached by table",
         j->options->private ? "each rank's own memory" : "memory that a node's ranks share");
}

void migrate_print_round(const migrate_job_t *j, int number, const migrate_round_t *r) {
  char ours[HUMAN_MAX], peer[HUMAN_MAX], staging[HUMAN_MAX];
  if (j->options->job.json) {
    json_t *line =
        json_pack("{s:i, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:s, s:b}",
                  "round", number, "seconds", r->ours, "seconds_memcpy", r->memcpy_, "seconds_peer", r->peer,
                  "seconds_bound", r->bound, "bytes", (json_int_t)r->moved, "bytes_across", (json_int_t)r->across,
                  "bytes_across_least", (json_int_t)r->least, "bytes_across_peer", (json_int_t)r->peer_across,
                  "busiest_node_in", (json_int_t)r->busiest_in, "busiest_node_out", (json_int_t)r->busiest_out,
                  "bytes_per_second_between_nodes", j->rate, "busiest_sender", r->sender, "busiest_sender_peer",
                  r->peer_sender, "messages", (json_int_t)r->messages, "staging", (json_int_t)r->staging, "bytes_wrong",
                  (json_int_t)r->wrong, "bound_from", bound_from(j), "bound_beaten", r->ours < r->bound);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text)
      puts(text);
    free(text);
    json_decref(line);
    return;
  }
  printf("%5d  %7.4f %7.4f %7.4f %7.4f  %6.2f %6.2f %6.2f  %9s %9s   %6.2f %6.2f  %11s\n", number, r->ours, r->memcpy_,
         r->peer, r->bound, r->ours / r->memcpy_, r->ours / r->peer, r->bound > 0 ? r->ours / r->bound : NAN,
         human_bytes(r->across, ours), human_bytes(r->peer_across, peer), r->sender, r->peer_sender,
         human_bytes(r->staging, staging));
  fflush(stdout);
}

void migrate_print_end(const migrate_job_t *j) {
  if (j->options->job.json || j->beaten == 0)
    return;
  printf("\nNOT A BOUND: in %d of %s migration took less time. ", j->beaten,
         eplb_count(j->options->job.rounds, "round"));
  if (j->rate > 0 && j->options->link_rate > 0)
    printf("The links are faster than --link-rate.\n");
  else if (j->rate > 0)
    printf("The rate was measured on a busy link; give --link-rate.\n");
  else
    printf("The bound is the time of a memcpy, which other work slowed down%s.\n",
           eplb_topology_num_nodes(j->topology) > 1 ? "; give --link-rate" : "");
}
