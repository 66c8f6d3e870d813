/* An expert-parallel MoE language model that is trained with and without mpi-eplb, the ways side by side:
 *
 *   mpirun -n 4 ./moe                                     built-in text: licenses, then C headers
 *   mpirun -n 4 ./moe --phase a.txt,b.txt --phase c.c --experts 32 --layers 4 --steps 400
 *   mpirun -n 4 ./moe --balance overlap --record counts.csv
 *
 * Bytes are predicted from those before; each layer routes each token to its top-k experts, which live in the slots of
 * all ranks. When the text changes, other experts are busy: the busiest rank then sets the speed, until they are
 * rebalanced. Files: text.c (input), model.c (what each rank has whole), experts.c (tokens to experts and back),
 * balance.c (all calls of mpi-eplb's session), optimizer.c, train.c (the step loop), matrix.c, options.c.
 *
 * Expected: the same loss in all ways, busiest/mean near 1 in the balanced ones, and "replicas differ: 0". */
#include "train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* How far a way's loss is from that of the first way, over all steps. */
static double loss_difference(const options_t *o, const result_t *result, int mode) {
  double most = 0;
  int first = 0;
  while (!result[first].is_there)
    first++;
  for (int step = 0; step < o->steps; step++)
    most = fmax(most, fabs(result[mode].loss[step] - result[first].loss[step]));
  return most;
}

static void print_table(const options_t *o, int ranks, const result_t *result) {
  printf("\n%d ranks, %d layers, %d experts, top %d, width %d, %d tokens of a rank in a step, %d steps\n\n", ranks,
         o->layers, o->experts, o->top_k, o->width, o->tokens, o->steps);
  printf("balance   tokens/s  busiest/mean  loss      differs by  slots moved  rebalancing    replicas differ\n");
  for (int m = 0; m < NUM_MODES; m++) {
    const result_t *r = &result[m];
    if (r->is_there)
      printf("%-8s %9.0f  %12.3f  %.6f  %10.1e  %11ld  %6.1f ms %4.1f %%  %15d\n", mode_name[m], r->tokens / r->seconds,
             r->mean > 0 ? r->busiest / r->mean : 1, r->loss[o->steps - 1], loss_difference(o, result, m), r->moved,
             1e3 * r->rebalance_seconds, 100 * r->rebalance_seconds / r->seconds, r->different);
  }
}

static void print_json(const options_t *o, int ranks, const result_t *result) {
  const char *separator = "";
  printf(
      "{\"ranks\": %d, \"layers\": %d, \"experts\": %d, \"top_k\": %d, \"width\": %d, \"tokens\": %d, \"steps\": %d, "
      "\"ways\": [",
      ranks, o->layers, o->experts, o->top_k, o->width, o->tokens, o->steps);
  for (int m = 0; m < NUM_MODES; m++) {
    const result_t *r = &result[m];
    if (!r->is_there)
      continue;
    printf("%s\n  {\"balance\": \"%s\", \"tokens_per_second\": %.0f, \"busiest_over_mean\": %.6f, \"loss\": %.9f, "
           "\"first_loss\": %.9f, \"loss_differs_by\": %.3e, \"slots_moved\": %ld, \"rebalances\": %d, "
           "\"rebalance_seconds\": %.6f, \"seconds\": %.6f, \"replicas_differ\": %d}",
           separator, mode_name[m], r->tokens / r->seconds, r->mean > 0 ? r->busiest / r->mean : 1,
           r->loss[o->steps - 1], r->loss[0], loss_difference(o, result, m), r->moved, r->rebalances,
           r->rebalance_seconds, r->seconds, r->different);
    separator = ",";
  }
  printf("\n]}\n");
}

/* All ranks have the counts; rank 0 writes them. */
static void write_record(const options_t *o, int rank, const eplb_loads_t *loads) {
  balance_need(rank == 0 ? eplb_loads_write(o->record, loads) : EPLB_SUCCESS);
}

int main(int argc, char **argv) {
  int rank, ranks, different = 0;
  options_t options;
  text_t text;
  result_t result[NUM_MODES] = {{0}};
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (!options_read(argc, argv, rank, ranks, &options) || !text_read(&options, rank, &text)) {
    MPI_Finalize();
    return EXIT_FAILURE;
  }
  eplb_loads_t *loads = NULL;
  int intervals = (options.steps + options.every - 1) / options.every;
  if (options.record)
    balance_need(eplb_loads_create(intervals, options.layers, options.experts, &loads));
  for (int m = 0; m < NUM_MODES; m++)
    if (options.is_chosen[m])
      train(&options, &text, (balance_mode_t)m, loads, &result[m]);
  if (loads)
    write_record(&options, rank, loads);
  if (rank == 0)
    (options.json ? print_json : print_table)(&options, ranks, result);
  for (int m = 0; m < NUM_MODES; m++) {
    different += result[m].different;
    free(result[m].loss);
  }
  eplb_loads_destroy(&loads);
  text_free(&text);
  MPI_Finalize();
  return different ? EXIT_FAILURE : EXIT_SUCCESS;
}
