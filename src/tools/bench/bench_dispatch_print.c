/* Prints the times of `eplb bench dispatch`, the best and the median of all rounds, as a table or JSON. */
#include "core/util/count.h"
#include "tools/bench/bench_dispatch.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
  const char *key, *what;
} acts[DISPATCH_ACTS] = {
    [DISPATCH_ALLREDUCE] = {"allreduce", "MPI_Allreduce of the counts, alone"},
    [DISPATCH_BATCH] = {"batch", "a batch: begin, end"},
    [DISPATCH_AFTER] = {"after", "computation, then a batch"},
    [DISPATCH_BEHIND] = {"behind", "begin, computation, end"},
    [DISPATCH_SHARES] = {"shares", "shares, on one core"},
    [DISPATCH_QUOTAS] = {"quotas", "quotas, on one core"},
};

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* In microseconds. */
typedef struct figure {
  double best, median;
} figure_t;

static figure_t figure(const double *sorted, int rounds) {
  return (figure_t){.best = sorted[0] * 1e6, .median = (sorted[(rounds - 1) / 2] + sorted[rounds / 2]) / 2 * 1e6};
}

static void print_json(const dispatch_job_t *j, const figure_t *figures) {
  int rounds = j->options->job.rounds;
  json_t *line =
      json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "ranks", j->num_ranks, "nodes",
                eplb_topology_num_nodes(j->ranks.topology), "layers", j->loads->num_layers, "experts",
                j->loads->num_experts, "slots", j->ranks.placement->num_slots, "gpus", j->gpus.topology->num_devices,
                "gpu_slots", j->gpus.placement->num_slots, "tokens", j->options->tokens, "rounds", rounds);
  for (int a = 0; a < DISPATCH_ACTS; a++)
    json_object_set_new(line, acts[a].key,
                        json_pack("{s:f, s:f}", "us_best", figures[a].best, "us_median", figures[a].median));
  char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
  if (text)
    puts(text);
  free(text);
  json_decref(line);
}

static void print_table(const dispatch_job_t *j, const figure_t *figures) {
  const dispatch_options_t *o = j->options;
  int nodes = eplb_topology_num_nodes(j->ranks.topology), rounds = o->job.rounds;
  printf("%d rank%s on %d node%s%s, %d layer%s of %s in %s, about %s in each GPU's batch, %d round%s\nshares alone: "
         "for %d GPU%s, %s\n\n%-38s %10s %10s\n",
         j->num_ranks, eplb_plural(j->num_ranks), nodes, eplb_plural(nodes), o->job.nodes ? " (declared)" : "",
         j->loads->num_layers, eplb_plural(j->loads->num_layers), eplb_count(j->loads->num_experts, "expert"),
         eplb_count(j->ranks.placement->num_slots, "slot"), eplb_count(o->tokens, "token"), rounds, eplb_plural(rounds),
         j->gpus.topology->num_devices, eplb_plural(j->gpus.topology->num_devices),
         eplb_count(j->gpus.placement->num_slots, "slot"), "us per layer and batch", "best", "median");
  for (int a = 0; a < DISPATCH_ACTS; a++)
    printf("%-38s %10.2f %10.2f\n", acts[a].what, figures[a].best, figures[a].median);
}

void dispatch_print(const dispatch_job_t *j, double *seconds) {
  int rounds = j->options->job.rounds;
  figure_t figures[DISPATCH_ACTS];
  for (int a = 0; a < DISPATCH_ACTS; a++) {
    double *of_act = seconds + (size_t)a * (size_t)rounds;
    qsort(of_act, (size_t)rounds, sizeof *of_act, compare);
    figures[a] = figure(of_act, rounds);
  }
  if (j->options->job.json)
    print_json(j, figures);
  else
    print_table(j, figures);
}
