/* The recipes of session.h: training, reloading weights, layers in their order; and ranks that do not follow them. */
#include "job.h"
#include "mpi_tap.h"
#include "trial.h"
#include <string.h>

static int rank, num_ranks;

static void start(cargo_t *cargo, int way, eplb_verify_t verify) {
  eplb_session_options_t o = trial_way(way);
  o.verify = verify;
  eplb_topology_t *topology = job_deal_topology(num_ranks > 2 ? 2 : 1, o.slots_per_rank); /* experts are passed on */
  o.topology = topology;
  cargo_start(cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
  eplb_topology_destroy(&topology);
}

static void optimizer_step(cargo_t *cargo) {
  for (int l = 0; l < cargo->num_layers; l++)
    cargo_write(cargo, l);
}

/* Each layer is right as its forward pass begins; all may be written from then on. */
static void train(int way) {
  cargo_t cargo;
  eplb_report_t report = {.size = sizeof report};
  int64_t moved = 0;
  start(&cargo, way, EPLB_VERIFY_FIRST);
  for (int step = 0; step < 6; step++) {
    int is_open = step % 2 == 0;
    optimizer_step(&cargo);
    cargo_record(&cargo, step);
    CHECK(!is_open || !eplb_rebalance_begin(cargo.session));
    for (int l = 0; l < cargo.num_layers; l++) {
      CHECK(!eplb_rebalance_finish_layer(cargo.session, l));
      CHECK(!eplb_rebalance_is_moving(cargo.session, l) && cargo_layer_is_whole(&cargo, l));
      cargo_write(&cargo, l); /* sooner than an optimizer would */
    }
    CHECK(!is_open || !eplb_rebalance_end(cargo.session, &report));
    CHECK(report.commits_done == report.commits_planned && cargo_is_whole(&cargo));
    CHECK(mpi_tap_same(cargo_hash_of_maps(&cargo)));
    moved += report.slots_changed;
  }
  CHECK(moved > 0);
  cargo_finish(&cargo);
}

static void training(void) {
  for (int way = 0; way < TRIAL_WAYS; way++)
    train(way);
  mpi_tap_case("training: each layer is finished before its forward pass");
}

/* The last layer first: those before it are committed with it. */
static void last_layer_first(void) {
  for (int way = 0; way < 4; way++) {
    cargo_t cargo;
    start(&cargo, way, EPLB_VERIFY_FIRST);
    cargo_record(&cargo, way);
    CHECK(!eplb_rebalance_begin(cargo.session));
    CHECK(eplb_rebalance_is_moving(cargo.session, cargo.num_layers - 1));
    CHECK(!eplb_rebalance_is_moving(cargo.session, cargo.num_layers) && !eplb_rebalance_is_moving(cargo.session, -1));
    CHECK(!eplb_rebalance_finish_layer(cargo.session, cargo.num_layers - 1));
    for (int l = 0; l < cargo.num_layers; l++)
      CHECK(!eplb_rebalance_is_moving(cargo.session, l) && cargo_layer_is_whole(&cargo, l));
    CHECK(!eplb_rebalance_end(cargo.session, NULL));
    cargo_finish(&cargo);
  }
  mpi_tap_case("a layer is finished with those before it");
}

/* Layers in ascending order, each named until a part of it is committed. */
static void order(void) {
  for (int way = 0; way < TRIAL_WAYS; way++) {
    cargo_t cargo;
    start(&cargo, way, EPLB_VERIFY_FIRST);
    cargo_record(&cargo, way);
    CHECK(!eplb_rebalance_begin(cargo.session));
    int layer = EPLB_LAYER_NONE, before = 0, commits = 0;
    while (!eplb_rebalance_wait(cargo.session, &layer) && layer >= 0) {
      int again = EPLB_LAYER_NONE;
      CHECK(layer >= before && eplb_rebalance_is_moving(cargo.session, layer));
      CHECK(!eplb_rebalance_test(cargo.session, &again) && again == layer);
      CHECK(!eplb_rebalance_commit(cargo.session, layer));
      before = layer;
      commits++;
    }
    eplb_report_t report = {.size = sizeof report};
    CHECK(layer == EPLB_LAYER_DONE && !eplb_rebalance_end(cargo.session, &report));
    CHECK(commits == report.commits_planned && cargo_is_whole(&cargo));
    cargo_finish(&cargo);
  }
  mpi_tap_case("layers are named in ascending order, until a part of them is committed");
}

/* ---- the job must write ---- */

/* Writes and tells of it at points that differ from round to round, some of them twice. */
static void write_and_tell(cargo_t *cargo, int round, int *writes) {
  for (int l = 0; l < cargo->num_layers; l++) {
    if ((round + l) % 2)
      continue;
    cargo_write(cargo, l);
    CHECK(!eplb_rebalance_changed(cargo->session, l));
    ++*writes;
  }
}

static void rewrite(int way, eplb_verify_t verify) {
  cargo_t cargo;
  start(&cargo, way, verify);
  for (int round = 0; round < 8; round++) {
    int layer = EPLB_LAYER_NONE, writes = 0;
    eplb_report_t report = {.size = sizeof report};
    cargo_record(&cargo, round);
    CHECK(!eplb_rebalance_begin(cargo.session));
    for (int call = 0; layer != EPLB_LAYER_DONE; call++) {
      if (call < 5 && (round >> call % 3 & 1))
        write_and_tell(&cargo, round + call, &writes);
      eplb_status_t status =
          call % 2 ? eplb_rebalance_test(cargo.session, &layer) : eplb_rebalance_wait(cargo.session, &layer);
      CHECK(!status);
      if (status)
        break;
      if (layer >= 0 && (call >= 5 || (round + call) % 3))
        CHECK(!eplb_rebalance_commit(cargo.session, layer));
    }
    CHECK(!eplb_rebalance_end(cargo.session, &report));
    CHECK(report.layers_committed == report.layers_planned && (round == 0 || writes > 0));
    CHECK(cargo_is_whole(&cargo) && mpi_tap_same(cargo_hash_of_maps(&cargo)));
  }
  cargo_finish(&cargo);
}

static void rewriting(void) {
  for (int way = 0; way < TRIAL_WAYS; way++)
    rewrite(way, way % 2 ? EPLB_VERIFY_ALWAYS : EPLB_VERIFY_NEVER);
  for (int way = 0; way < TRIAL_WAYS; way += 3)
    rewrite(way, way % 2 ? EPLB_VERIFY_FIRST : EPLB_VERIFY_ALWAYS);
  mpi_tap_case("what the job writes and tells of is sent again");
}

/* Reloading: all layers, once a round is there, and again before the rest is finished. */
static void reloading(void) {
  for (int way = 0; way < TRIAL_WAYS; way++) {
    cargo_t cargo;
    int layer = EPLB_LAYER_NONE;
    start(&cargo, way, EPLB_VERIFY_FIRST);
    CHECK(!eplb_rebalance_changed(cargo.session, 0)); /* none is open */
    cargo_record(&cargo, way);
    CHECK(!eplb_rebalance_begin(cargo.session));
    CHECK(!eplb_rebalance_wait(cargo.session, &layer) && layer >= 0);
    for (int time = 0; time < 2; time++) {
      optimizer_step(&cargo);
      for (int l = 0; l < cargo.num_layers; l++)
        CHECK(!eplb_rebalance_changed(cargo.session, l));
      CHECK(!eplb_rebalance_finish_layer(cargo.session, time ? cargo.num_layers - 1 : 0));
    }
    CHECK(!eplb_rebalance_end(cargo.session, NULL) && cargo_is_whole(&cargo));
    cargo_finish(&cargo);
  }
  mpi_tap_case("all weights reloaded while a rebalance is open");
}

/* ---- ranks that differ ---- */

static void other_layers(void) {
  cargo_t cargo;
  int layer = EPLB_LAYER_NONE;
  start(&cargo, 0, EPLB_VERIFY_FIRST);
  cargo_record(&cargo, 0);
  CHECK(!eplb_rebalance_begin(cargo.session));
  CHECK(!eplb_rebalance_wait(cargo.session, &layer) && layer >= 0);
  int wrong = layer + (rank == num_ranks - 1);
  CHECK(eplb_rebalance_commit(cargo.session, wrong) == EPLB_ERR_ARGUMENT);
  CHECK(mpi_tap_same_text(eplb_last_error()) && strstr(eplb_last_error(), "cannot be committed; expected"));
  CHECK(!eplb_rebalance_commit(cargo.session, layer));
  CHECK(!eplb_rebalance_finish_layer(cargo.session, cargo.num_layers - 1));
  CHECK(!eplb_rebalance_end(cargo.session, NULL) && cargo_is_whole(&cargo));
  cargo_finish(&cargo);
  mpi_tap_case("another layer committed on one rank: refused on all, then the right one is");
}

static void told_otherwise(void) {
  cargo_t cargo;
  start(&cargo, 2, EPLB_VERIFY_FIRST);
  cargo_record(&cargo, 0);
  CHECK(!eplb_rebalance_begin(cargo.session));
  int last = cargo.num_layers - 1;
  eplb_status_t status = eplb_rebalance_changed(cargo.session, last - (rank == 0));
  CHECK(status == (num_ranks > 1 ? EPLB_ERR_MISMATCH : EPLB_SUCCESS));
  CHECK(!status || strstr(eplb_last_error(), "layers that were written"));
  status = eplb_rebalance_changed(cargo.session, rank == 0 ? -1 : last); /* no rank waits for rank 0 */
  CHECK(status == EPLB_ERR_ARGUMENT && strstr(eplb_last_error(), "layer is -1; expected 0 to "));
  CHECK(!eplb_rebalance_changed(cargo.session, last));
  CHECK(!eplb_rebalance_finish_layer(cargo.session, last));
  CHECK(!eplb_rebalance_end(cargo.session, NULL) && cargo_is_whole(&cargo));
  cargo_finish(&cargo);
  mpi_tap_case("ranks that tell of different layers are told so");
}

/* One rank finishes a layer less than the others; all layers arrive in one round. */
static void finished_otherwise(void) {
  eplb_session_options_t o = trial_way(0);
  o.staging_bytes = 1 << 20;
  cargo_t cargo;
  cargo_start(&cargo, &o, trial_tensors, TRIAL_TENSORS, o.num_layers * o.slots_per_rank);
  cargo_record(&cargo, 0);
  CHECK(!eplb_rebalance_begin(cargo.session));
  int last = cargo.num_layers - 1;
  eplb_status_t status = eplb_rebalance_finish_layer(cargo.session, last - (rank == 0));
  CHECK(status == (num_ranks > 1 ? EPLB_ERR_MISMATCH : EPLB_SUCCESS) && mpi_tap_same(status));
  CHECK(!status || strstr(eplb_last_error(), "different layers"));
  CHECK(!status || eplb_rebalance_changed(cargo.session, 0) == EPLB_ERR_STATE);
  CHECK(!eplb_rebalance_end(cargo.session, NULL) && cargo_is_whole(&cargo));
  cargo_record(&cargo, 1);
  CHECK(!eplb_rebalance(cargo.session, NULL) && cargo_is_whole(&cargo));
  cargo_finish(&cargo);
  mpi_tap_case("ranks that finish different layers of a round find out");
}

static void bad_arguments(void) {
  cargo_t cargo;
  start(&cargo, 0, EPLB_VERIFY_FIRST);
  CHECK(eplb_rebalance_finish_layer(NULL, 0) == EPLB_ERR_ARGUMENT && !eplb_rebalance_is_moving(NULL, 0));
  CHECK(eplb_rebalance_changed(cargo.session, -1) == EPLB_ERR_ARGUMENT);
  CHECK(eplb_rebalance_finish_layer(cargo.session, cargo.num_layers) == EPLB_ERR_ARGUMENT);
  CHECK(strstr(eplb_last_error(), "layer is 3; expected 0 to 2"));
  CHECK(!eplb_rebalance_finish_layer(cargo.session, 0) && !eplb_rebalance_is_moving(cargo.session, 0));
  cargo_finish(&cargo);
  mpi_tap_case("layers that there are not");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  training();
  last_layer_first();
  order();
  rewriting();
  reloading();
  other_layers();
  told_otherwise();
  finished_otherwise();
  bad_arguments();
  return mpi_tap_end();
}
