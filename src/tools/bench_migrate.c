/* eplb bench migrate, under mpirun: the session's migration beside a plain memcpy, what peers do, and the busiest
 * link's bound. */
#include "core/memory.h"
#include "runtime/agree.h"
#include "tools/bench.h"
#include "tools/bench_peer.h"
#include "tools/commands.h"
#include "tools/human.h"
#include "tools/weights.h"
#include <argp.h>
#include <eplb/eplb_mpi.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The first touch of memory is slow, and nobody's fault. */
enum { WARM_UPS = 2 };

typedef struct bench {
  const char *loads;
  int64_t expert_bytes;
  int layers, experts, slots, nodes, rounds, fixed, private, json;
  eplb_session_options_t session;
} bench_t;

/* What one round brought: seconds of the slowest rank, and counts of all. */
typedef struct round {
  double ours, memcpy_, peer, bound;
  int64_t moved, across, least, peer_across; /* bytes */
  int64_t busiest_in, busiest_out;           /* of a node, across nodes */
  double sender, peer_sender;                /* busiest sender of the mean */
  int64_t wrong, staging, messages;
} round_t;

typedef struct job {
  const bench_t *options;
  int rank, num_ranks;
  eplb_loads_t *loads;
  eplb_machine_t *machine;
  eplb_topology_t *topology;
  eplb_session_t *session;
  weights_t weights;
  peer_t peer;
  double rate; /* bytes per second between two nodes; 0: there is one node */
} job_t;

/* ---- counted work ---- */

/* Bytes by sender of a list of transfers: busiest over mean, and across nodes in all and of the busiest node. */
static void count_traffic(const job_t *j, const int64_t *sent, double *busiest) {
  int64_t most = 0, all = 0;
  for (int r = 0; r < j->num_ranks; r++) {
    most = sent[r] > most ? sent[r] : most;
    all += sent[r];
  }
  *busiest = all ? (double)most * j->num_ranks / (double)all : 1;
}

static void add_across(const job_t *j, int from, int to, int64_t bytes, int64_t *in, int64_t *out, int64_t *across) {
  int a = eplb_topology_node(j->topology, from), b = eplb_topology_node(j->topology, to);
  if (a == b)
    return;
  out[a] += bytes;
  in[b] += bytes;
  *across += bytes;
}

/* What both ways of moving send. `before` is the placement that the round started from. */
static eplb_status_t count_round(const job_t *j, const eplb_placement_t *before, const eplb_placement_t *after,
                                 round_t *r) {
  int nodes = eplb_topology_num_nodes(j->topology);
  int64_t bytes = j->options->expert_bytes;
  int64_t *sent = EPLB_NEW(int64_t, 2 * j->num_ranks + 2 * nodes), *peer = sent ? sent + j->num_ranks : NULL;
  int64_t *in = sent ? peer + j->num_ranks : NULL, *out = sent ? in + nodes : NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  eplb_status_t status = sent ? eplb_deriver_create(j->topology, before->num_experts, &deriver) : EPLB_ERR_MEMORY;
  for (int l = 0; l < before->num_layers && !status; l++) {
    status = eplb_derive_layer(deriver, before, after, l, bytes, &list);
    for (int64_t i = 0; i < list.count; i++) {
      const eplb_transfer_t *t = &list.transfer[i];
      r->moved += bytes;
      sent[t->from_device] += t->link == EPLB_LINK_DEVICE ? 0 : bytes;
      add_across(j, t->from_device, t->to_device, bytes, in, out, &r->across);
    }
  }
  for (int n = 0; n < nodes && !status; n++) {
    r->busiest_in = in[n] > r->busiest_in ? in[n] : r->busiest_in;
    r->busiest_out = out[n] > r->busiest_out ? out[n] : r->busiest_out;
  }
  if (!status) {
    r->least = peer_count_least(before, after, j->topology, bytes);
    r->peer_across = peer_count(before, after, j->topology, bytes, peer);
    count_traffic(j, sent, &r->sender);
    count_traffic(j, peer, &r->peer_sender);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  free(sent);
  return status;
}

/* ---- the contestants ---- */

static double slowest(double seconds) {
  double all;
  MPI_Allreduce(&seconds, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

static eplb_status_t record(const job_t *j, int window) {
  const double *load = eplb_loads_window(j->loads, window);
  int experts = j->loads->num_experts;
  int64_t *count = EPLB_NEW(int64_t, experts);
  eplb_status_t status = count ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < j->loads->num_layers && !status; l++) {
    for (int e = 0; e < experts; e++)
      count[e] = j->rank ? 0 : (int64_t)load[(size_t)l * (size_t)experts + (size_t)e];
    status = eplb_session_record(j->session, l, count);
  }
  free(count);
  return eplb_agree(MPI_COMM_WORLD, status);
}

static eplb_status_t run_ours(job_t *j, int window, round_t *r) {
  eplb_report_t report;
  eplb_status_t status = record(j, window);
  MPI_Barrier(MPI_COMM_WORLD);
  if (!status)
    status = eplb_rebalance(j->session, &report);
  if (status)
    return status;
  int layer, slot;
  int64_t own =
      weights_count_wrong(&j->weights, eplb_session_placement(j->session), j->topology, j->rank, &layer, &slot);
  int64_t staging = (int64_t)report.staging_peak, messages = 0;
  for (int link = 0; link < EPLB_NUM_LINKS; link++)
    messages += report.messages[link];
  MPI_Allreduce(&messages, &r->messages, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&own, &r->wrong, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&staging, &r->staging, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  r->ours = slowest(report.seconds_migrate);
  return r->wrong ? eplb_fail(EPLB_ERR_CORRUPT, "%lld bytes are wrong", (long long)r->wrong) : EPLB_SUCCESS;
}

static eplb_status_t play_round(job_t *j, int window, round_t *r) {
  eplb_placement_t *before = NULL;
  *r = (round_t){.ours = 0};
  eplb_status_t status = eplb_agree(MPI_COMM_WORLD, eplb_placement_copy(eplb_session_placement(j->session), &before));
  if (!status)
    status = run_ours(j, window, r);
  if (!status) {
    const eplb_placement_t *after = eplb_session_placement(j->session);
    r->peer = slowest(peer_migrate(&j->peer, before, after, j->topology, j->rank));
    r->memcpy_ = slowest(peer_memcpy(&j->peer, before, after, j->topology, j->rank));
    status = eplb_agree(MPI_COMM_WORLD, count_round(j, before, after, r));
    int64_t busiest = r->busiest_in > r->busiest_out ? r->busiest_in : r->busiest_out;
    r->bound = j->rate > 0 ? (double)busiest / j->rate : r->memcpy_;
  }
  eplb_placement_destroy(&before);
  return status;
}

/* ---- a job ---- */

static eplb_status_t get_loads(const bench_t *b, eplb_loads_t **loads) {
  eplb_generate_options_t g;
  if (b->loads)
    return eplb_loads_read(b->loads, loads);
  eplb_generate_options_init(&g);
  g.num_windows = b->rounds + WARM_UPS, g.num_layers = b->layers, g.num_experts = b->experts, g.drift = 1;
  return eplb_loads_generate(&g, loads);
}

static eplb_status_t find_topology(job_t *j, int slots_per_rank) {
  const bench_t *b = j->options;
  eplb_status_t status = eplb_machine_detect(MPI_COMM_WORLD, slots_per_rank, &j->machine);
  if (status)
    return status;
  return eplb_agree(MPI_COMM_WORLD, b->nodes ? eplb_topology_declare(b->nodes < j->num_ranks ? b->nodes : j->num_ranks,
                                                                     j->num_ranks, slots_per_rank, &j->topology)
                                             : eplb_topology_copy(j->machine->topology, &j->topology));
}

static eplb_status_t prepare(job_t *j) {
  const bench_t *b = j->options;
  eplb_status_t status = eplb_agree(MPI_COMM_WORLD, get_loads(b, &j->loads)); /* every rank reads for itself */
  if (status)
    return status;
  int slots = b->slots ? b->slots : j->loads->num_experts + j->loads->num_experts / 8;
  int each = (slots + j->num_ranks - 1) / j->num_ranks;
  status = find_topology(j, each);
  if (status)
    return status;
  eplb_session_options_t o = b->session;
  o.num_layers = j->loads->num_layers, o.num_experts = j->loads->num_experts, o.topology = j->topology;
  status = eplb_session_create(MPI_COMM_WORLD, &o, &j->session);
  if (status)
    return status;
  status = weights_create(o.num_layers, each, b->fixed ? 0 : each, (size_t)b->expert_bytes,
                          b->private ? NULL : j->session, &j->weights);
  if (!status)
    status = weights_register(&j->weights, j->session);
  if (!status)
    status = peer_create(o.num_layers, each, (size_t)b->expert_bytes, &j->peer);
  status = eplb_agree(MPI_COMM_WORLD, status);
  if (!status) {
    weights_fill(&j->weights, eplb_session_placement(j->session), j->topology, j->rank);
    j->rate = b->nodes ? 0 : peer_measure_rate(j->topology, j->rank);
  }
  return status;
}

static void finish(job_t *j) {
  if (j->session)
    eplb_session_destroy(&j->session);
  weights_free(&j->weights);
  peer_free(&j->peer);
  eplb_machine_destroy(&j->machine);
  eplb_topology_destroy(&j->topology);
  eplb_loads_destroy(&j->loads);
}

/* ---- printing ---- */

static void print_head(const job_t *j) {
  char expert[HUMAN_MAX];
  if (j->options->json)
    return;
  printf("%d ranks on %d node%s%s, %d layer%s x %d slots x %s", j->num_ranks, eplb_topology_num_nodes(j->topology),
         eplb_topology_num_nodes(j->topology) == 1 ? "" : "s", j->options->nodes ? " (declared)" : "",
         j->loads->num_layers, j->loads->num_layers == 1 ? "" : "s", eplb_topology_num_slots(j->topology),
         human_bytes(j->options->expert_bytes, expert));
  if (j->rate > 0)
    printf(", %.1f MB/s between nodes", j->rate / 1e6);
  printf("\nours: the session's migration, %s, in %s; memcpy: all ranks copy as many bytes as they get; peer: whole "
         "experts from "
         "the first\n"
         "holder, one message for each slot; bound: busiest node's bytes at that rate, or where there is one node "
         "memcpy\n\n"
         "            seconds, slowest rank            times ours of        across nodes        busiest sender\n"
         "round     ours  memcpy    peer   bound  memcpy   peer  bound       ours      peer     ours   peer      "
         "staging\n",
         j->options->fixed ? "which copies from staging into slots" : "slots being reached by table",
         j->options->private ? "each rank's own memory" : "memory that a node's ranks share");
}

static void print_round(const job_t *j, int number, const round_t *r) {
  char ours[HUMAN_MAX], peer[HUMAN_MAX], staging[HUMAN_MAX];
  if (j->options->json) {
    json_t *line = json_pack(
        "{s:i, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:I}", "round", number,
        "seconds", r->ours, "seconds_memcpy", r->memcpy_, "seconds_peer", r->peer, "seconds_bound", r->bound, "bytes",
        (json_int_t)r->moved, "bytes_across", (json_int_t)r->across, "bytes_across_least", (json_int_t)r->least,
        "bytes_across_peer", (json_int_t)r->peer_across, "busiest_node_in", (json_int_t)r->busiest_in,
        "busiest_node_out", (json_int_t)r->busiest_out, "bytes_per_second_between_nodes", j->rate, "busiest_sender",
        r->sender, "busiest_sender_peer", r->peer_sender, "messages", (json_int_t)r->messages, "staging",
        (json_int_t)r->staging, "bytes_wrong", (json_int_t)r->wrong);
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

static eplb_status_t play(job_t *j) {
  round_t round;
  eplb_status_t status = prepare(j);
  if (j->rank == 0 && !status)
    print_head(j);
  for (int k = 0; k < WARM_UPS + j->options->rounds && !status; k++) {
    status = play_round(j, k % j->loads->num_windows, &round);
    if (j->rank == 0 && !status && k >= WARM_UPS)
      print_round(j, k + 1 - WARM_UPS, &round);
  }
  return status;
}

/* ---- the command ---- */

enum {
  KEY_LOADS = 256,
  KEY_LAYERS,
  KEY_EXPERTS,
  KEY_SLOTS,
  KEY_BYTES,
  KEY_NODES,
  KEY_ROUNDS,
  KEY_STAGING,
  KEY_CHUNK,
  KEY_FIXED,
  KEY_IN_PLACE,
  KEY_PRIVATE,
  KEY_JSON
};

static const struct argp_option arguments[] = {
    {"loads", KEY_LOADS, "FILE", 0, "recorded loads: from window to window", 0},
    {"layers", KEY_LAYERS, "N", 0, "layers of made-up loads (1)", 0},
    {"experts", KEY_EXPERTS, "N", 0, "experts of made-up loads (256)", 0},
    {"slots", KEY_SLOTS, "P", 0, "physical experts per layer in all (an eighth more than experts)", 0},
    {"expert-bytes", KEY_BYTES, "BYTES", 0, "weights of one expert (1M)", 0},
    {"nodes", KEY_NODES, "N", 0, "pretend that the ranks are on N nodes", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "migrations, after two to warm up (3)", 0},
    {"staging", KEY_STAGING, "BYTES", 0, "most that a rank may use for incoming experts", 0},
    {"chunk", KEY_CHUNK, "BYTES", 0, "longest message (4M)", 0},
    {"fixed", KEY_FIXED, NULL, 0, "slots have fixed addresses: a commit copies (else: it exchanges pointers in tables)",
     0},
    {"private", KEY_PRIVATE, NULL, 0, "weights in each rank's own memory (else: in memory that a node's ranks share)",
     0},
    {"in-place", KEY_IN_PLACE, NULL, 0, "write slots that nobody reads any more without staging", 0},
    {"json", KEY_JSON, NULL, 0, "a line of JSON for each round", 0},
    {0}};

static error_t parse_option(int key, char *text, struct argp_state *state) {
  bench_t *b = state->input;
  switch (key) {
  case KEY_LOADS:
    b->loads = text;
    return 0;
  case KEY_LAYERS:
    b->layers = (int)tool_integer(state, "layers", text, 1, 1 << 20);
    return 0;
  case KEY_EXPERTS:
    b->experts = (int)tool_integer(state, "experts", text, 1, 1 << 20);
    return 0;
  case KEY_SLOTS:
    b->slots = (int)tool_integer(state, "slots", text, 1, 1 << 30);
    return 0;
  case KEY_BYTES:
    b->expert_bytes = tool_bytes(state, "expert-bytes", text, 1, INT64_C(1) << 40);
    return 0;
  case KEY_NODES:
    b->nodes = (int)tool_integer(state, "nodes", text, 1, 1 << 20);
    return 0;
  case KEY_ROUNDS:
    b->rounds = (int)tool_integer(state, "rounds", text, 1, 1 << 20);
    return 0;
  case KEY_STAGING:
    b->session.staging_bytes = (size_t)tool_bytes(state, "staging", text, 1, INT64_C(1) << 60);
    return 0;
  case KEY_CHUNK:
    b->session.chunk_bytes = (size_t)tool_bytes(state, "chunk", text, 1, 1 << 30);
    return 0;
  case KEY_FIXED:
    b->fixed = 1;
    return 0;
  case KEY_PRIVATE:
    b->private = 1;
    return 0;
  case KEY_IN_PLACE:
    b->session.mode = EPLB_MODE_IN_PLACE;
    return 0;
  case KEY_JSON:
    b->json = 1;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int bench_migrate(int argc, char **argv) {
  static const struct argp argp = {
      arguments,
      parse_option,
      NULL,
      "Under mpirun: migrate from plan to plan of the reference planner, and do the same in other "
      "ways right after it.\vExample: mpirun -n 8 eplb bench migrate --expert-bytes 8M",
      NULL,
      NULL,
      NULL};
  bench_t bench = {.layers = 1, .experts = 256, .expert_bytes = 1 << 20, .rounds = 3};
  eplb_session_options_init(&bench.session);
  bench.session.plan.planner = EPLB_PLANNER_REFERENCE;
  bench.session.plan.policy = EPLB_POLICY_GLOBAL;
  bench.session.verify = EPLB_VERIFY_NEVER;
  tool_parse(&argp, argc, argv, &bench);
  int exit_status = tool_mpi_start(&argc, &argv);
  if (exit_status)
    return exit_status;
  job_t job = {.options = &bench};
  MPI_Comm_rank(MPI_COMM_WORLD, &job.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &job.num_ranks);
  eplb_status_t status = play(&job);
  if (status && job.rank == 0)
    tool_report(status);
  finish(&job);
  MPI_Finalize();
  return tool_exit_status(status);
}
