/* Migration without a session: several ranks' migrations in one process, over a network that delays, reorders, repeats,
 * damages or loses chunks. Weights are compared byte for byte with what each slot should hold. */
#include "fake_transport.h"
#include "core/model/placement.h"
#include "core/util/random.h"
#include "mpi/memory/host.h"
#include "mpi/migrate/migration.h"
#include "mpi_tap.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_RANKS = 6, LAYERS = 3, MOST_TENSORS = 3, MOST_BYTES = 900, MOST_SLOTS = 6, BOUND = 20000 };

typedef struct rank {
  eplb_comm_t comm;
  eplb_migrate_context_t context;
  eplb_tensors_t layer[LAYERS];
  char *memory[LAYERS][MOST_TENSORS];
  void **table[LAYERS], **spare;
  char *spares;
  eplb_pool_t *pool;
  int num_pools;
  eplb_placement_t *after;
  eplb_migration_plan_t plan;
  eplb_migration_t migration;
} rank_t;

static rank_t job[MOST_RANKS];
static int num_ranks, num_experts, num_tensors;
static size_t bytes[LAYERS][MOST_TENSORS]; /* the last tensor has the same in all layers: it is reached by table */
static eplb_topology_t *topology;
static eplb_placement_t *before;
static uint64_t seed;
static const unsigned char none[LAYERS];

static int draw(int below) {
  return (int)(eplb_random(&seed) % (uint64_t)below);
}

static char byte_of(int layer, int expert, int tensor, size_t at) {
  uint64_t state = (uint64_t)layer << 48 | (uint64_t)expert << 32 | (uint64_t)tensor << 24 | (uint64_t)at;
  return (char)eplb_random(&state);
}

/* ---- a job ---- */

static void draw_topology(void) {
  static const char *const level = "node";
  int domain[MOST_RANKS], slots[MOST_RANKS], all = 0;
  num_ranks = 2 + draw(MOST_RANKS - 1);
  for (int r = 0; r < num_ranks; r++) {
    domain[r] = draw(3);
    slots[r] = 1 + draw(MOST_SLOTS);
    all += slots[r];
  }
  num_experts = 1 + draw(all);
  const eplb_topology_parts_t parts = {.size = sizeof parts,
                                       .num_devices = num_ranks,
                                       .num_levels = 1,
                                       .level_name = &level,
                                       .domain = domain,
                                       .slots = slots,
                                       .declared = 1};
  CHECK(!eplb_topology_create(&parts, &topology));
}

/* Each expert once, then any, now and then none, in any order. */
static void draw_placement(eplb_placement_t **placement) {
  int slots = eplb_topology_num_slots(topology);
  CHECK(!eplb_placement_create(LAYERS, num_experts, slots, placement));
  for (int l = 0; l < LAYERS; l++) {
    int32_t *row = eplb_placement_row(*placement, l);
    for (int s = 0; s < slots; s++)
      row[s] = s < num_experts ? s : draw(num_experts + 1) - 1;
    for (int s = slots - 1; s > 0; s--) {
      int other = draw(s + 1);
      int32_t expert = row[s];
      row[s] = row[other];
      row[other] = expert;
    }
  }
  CHECK(!eplb_placement_index(*placement));
}

static void draw_tensors(void) {
  num_tensors = 1 + draw(MOST_TENSORS);
  for (int l = 0; l < LAYERS; l++)
    for (int t = 0; t < num_tensors; t++)
      bytes[l][t] = draw(8) ? (size_t)draw(MOST_BYTES) + 1 : 0;
  for (int l = 1; l < LAYERS; l++)
    bytes[l][num_tensors - 1] = bytes[0][num_tensors - 1];
}

static char *address_of(const rank_t *r, int layer, int tensor, int slot) {
  return eplb_tensor_slot(&r->layer[layer].tensor[tensor], slot);
}

/* The last tensor of several is reached by table. */
static void register_tensors(rank_t *r, int slots) {
  static const char *const name[] = {"a", "b", "c"};
  const eplb_mapped_t unknown = {0};
  int last = num_tensors - 1, by_table = num_tensors > 1;
  for (int l = 0; l < LAYERS; l++)
    for (int t = 0; t < num_tensors; t++) {
      eplb_tensor_t tensor = {.name = name[t], .bytes = bytes[l][t], .stride = bytes[l][t] + 5};
      r->memory[l][t] = tensor.base = calloc((size_t)slots, tensor.stride);
      if (by_table && t == last) {
        r->table[l] = calloc((size_t)slots, sizeof(void *));
        for (int s = 0; s < slots; s++)
          r->table[l][s] = tensor.base + (size_t)s * tensor.stride;
        tensor = (eplb_tensor_t){.name = name[t], .bytes = bytes[l][t], .table = r->table[l]};
      }
      CHECK(!eplb_tensors_add(r->layer, LAYERS, slots, l, &tensor, &unknown));
    }
  if (by_table) {
    size_t size = bytes[0][last] + 1;
    r->spares = calloc(MOST_SLOTS, size);
    r->spare = calloc(MOST_SLOTS, sizeof(void *));
    for (int s = 0; s < MOST_SLOTS; s++)
      r->spare[s] = r->spares + (size_t)s * size;
    const eplb_pool_t pool = {name[last], r->spare, MOST_SLOTS, bytes[0][last]};
    CHECK(!eplb_pools_add(&r->pool, &r->num_pools, &pool, &unknown));
    for (int l = 0; l < LAYERS; l++)
      CHECK(!eplb_tensors_find_pools(&r->layer[l], l, r->pool, r->num_pools));
  }
}

/* How many bytes of this rank's slots are not those of `placement`; with `write`, they become so. */
static int64_t compare(const rank_t *r, const eplb_placement_t *placement, int write) {
  int first = topology->slot_begin[r->context.rank];
  int64_t wrong = 0;
  for (int l = 0; l < LAYERS; l++)
    for (int s = 0; s < eplb_migrate_slots(&r->context); s++) {
      int expert = eplb_placement_row((eplb_placement_t *)(uintptr_t)placement, l)[first + s];
      for (int t = 0; t < num_tensors && expert >= 0; t++)
        for (size_t i = 0; i < bytes[l][t]; i++) {
          char *at = address_of(r, l, t, s) + i, expected = byte_of(l, expert, t, i);
          wrong += *at != expected;
          *at = write ? expected : *at;
        }
    }
  return wrong;
}

static void open_rank(int number, eplb_mode_t mode, int verify, size_t staging_limit, const eplb_placement_t *after) {
  rank_t *r = &job[number];
  *r = (rank_t){.comm = {.mpi = MPI_COMM_NULL, .rank = number, .size = num_ranks}};
  register_tensors(r, topology->slot_begin[number + 1] - topology->slot_begin[number]);
  r->context = (eplb_migrate_context_t){.comm = &r->comm,
                                        .rank = number,
                                        .num_ranks = num_ranks,
                                        .topology = topology,
                                        .num_layers = LAYERS,
                                        .num_experts = num_experts,
                                        .layer = r->layer,
                                        .pool = r->pool,
                                        .memory = eplb_memory_host(),
                                        .mode = mode,
                                        .chunk_bytes = 33,
                                        .staging_limit = staging_limit,
                                        .transport = fake_transports,
                                        .verify = verify};
  compare(r, before, 1);
  CHECK(!eplb_placement_copy(after, &r->after));
  CHECK(!eplb_migration_plan_derive(&r->context, before, r->after, &r->plan));
  CHECK(!eplb_migration_init(&r->migration, &r->context, &r->plan, 1));
  CHECK(!eplb_watch_begin(&r->migration.watch));
}

static void open_job(uint64_t number, int in_place, int verify) {
  seed = number * 1000003;
  fake_network = (fake_network_t){.seed = number, .lost = -1, .damaged = -1, .held = -1};
  draw_topology();
  draw_tensors();
  draw_placement(&before);
  eplb_placement_t *after;
  draw_placement(&after);
  size_t limit = draw(2) ? (MOST_TENSORS * (MOST_BYTES + 16)) * (size_t)(1 + draw(2)) : 0;
  for (int r = 0; r < num_ranks; r++)
    open_rank(r, in_place ? EPLB_MODE_IN_PLACE : EPLB_MODE_SHADOW, verify, limit, after);
  eplb_placement_destroy(&after);
}

static void close_job(void) {
  for (int i = 0; i < num_ranks; i++) {
    rank_t *r = &job[i];
    eplb_migration_free(&r->migration);
    eplb_migration_plan_free(&r->plan);
    eplb_placement_destroy(&r->after);
    free(r->context.staging);
    eplb_pools_free(r->pool, r->num_pools);
    free(r->spare);
    free(r->spares);
    for (int l = 0; l < LAYERS; l++) {
      eplb_tensors_free(&r->layer[l]);
      free(r->table[l]);
      for (int t = 0; t < num_tensors; t++)
        free(r->memory[l][t]);
    }
  }
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&topology);
  fake_network_clear();
}

/* ---- moving ---- */

static int all_finished(void) {
  int finished = 1;
  for (int r = 0; r < num_ranks; r++)
    finished &= eplb_migration_finished(&job[r].migration);
  return finished;
}

/* Whether the round finished on all ranks within BOUND calls on each. */
static int progress_all(void) {
  for (int i = 0; i < BOUND && !all_finished(); i++)
    for (int r = 0; r < num_ranks; r++)
      eplb_migration_progress(&job[r].migration);
  return all_finished();
}

static int start_all(int round) {
  for (int r = 0; r < num_ranks; r++)
    eplb_migration_start(&job[r].migration, round);
  return progress_all();
}

static int start_all_again(void) {
  unsigned char again[LAYERS];
  for (int l = 0; l < LAYERS; l++)
    again[l] = (unsigned char)draw(2);
  for (int r = 0; r < num_ranks; r++)
    eplb_migration_resend(&job[r].migration, again);
  return progress_all();
}

static void commit_all(int round) {
  const eplb_round_t *moved = &job[0].plan.round[round];
  uint64_t balance = 0;
  for (int r = 0; r < num_ranks; r++)
    CHECK(!eplb_watch_check(&job[r].migration.watch, moved->unit_begin, moved->unit_end, &balance));
  CHECK(balance == 0);
  for (int p = moved->unit_begin; p < moved->unit_end; p++)
    for (int r = 0; r < num_ranks; r++) {
      CHECK(!eplb_migration_commit(&job[r].migration, p));
      CHECK(!eplb_watch_after_commit(&job[r].migration.watch, p));
    }
}

/* The lowest status of all ranks. */
static eplb_status_t worst_status(void) {
  eplb_status_t worst = EPLB_SUCCESS;
  for (int r = 0; r < num_ranks; r++) {
    eplb_status_t here = eplb_migration_status(&job[r].migration);
    worst = here < worst ? here : worst;
  }
  return worst;
}

static void move_all(void) {
  for (int round = 0; round < job[0].plan.num_rounds; round++) {
    CHECK(start_all(round));
    if (draw(4) == 0)
      CHECK(start_all_again());
    CHECK(!worst_status());
    commit_all(round);
  }
  for (int r = 0; r < num_ranks; r++) {
    CHECK(!memcmp(job[r].after->physical_to_logical, job[0].after->physical_to_logical,
                  (size_t)LAYERS * (size_t)before->num_slots * sizeof(int32_t)));
    CHECK(compare(&job[r], job[r].after, 0) == 0);
    CHECK(job[r].migration.arrived == job[r].migration.all);
  }
}

/* ---- cases ---- */

static void late_and_reordered_chunks_arrive(void) {
  for (uint64_t n = 1; n <= 1000; n++) {
    open_job(n, n % 3 == 0, n % 2 == 0);
    fake_network.most_late = draw(2) ? draw(40) : 0;
    fake_network.shuffles = draw(2);
    fake_network.duplicates = draw(2);
    move_all();
    close_job();
  }
  mpi_tap_case("late, reordered and repeated chunks arrive right");
}

/* How many chunks the first round of job `number` sends; opens and closes it. */
static int64_t count_chunks(uint64_t number, int verify) {
  open_job(number, 0, verify);
  if (job[0].plan.num_rounds)
    start_all(0);
  int64_t count = fake_network.num_sent;
  close_job();
  return count;
}

static void lost_chunks_are_missed(void) {
  int tried = 0;
  for (uint64_t n = 1; n <= 20; n++) {
    int64_t count = count_chunks(n, 1);
    if (!count)
      continue;
    open_job(n, 0, 1);
    fake_network.lost = draw((int)count);
    fake_network.shuffles = 1;
    CHECK(!start_all(0));
    CHECK(!worst_status());
    for (int r = 0; r < num_ranks; r++)
      CHECK(compare(&job[r], before, 0) == 0);
    close_job();
    tried++;
  }
  CHECK(tried > 10);
  mpi_tap_case("a round that has lost a chunk never finishes, and no slot changes");
}

static void damaged_chunks_are_corrupt(void) {
  int tried = 0;
  for (uint64_t n = 1; n <= 60; n++) {
    int64_t count = count_chunks(n, 1);
    if (!count)
      continue;
    open_job(n, 0, 1);
    fake_network.damaged = draw((int)count);
    CHECK(start_all(0));
    CHECK(worst_status() == EPLB_ERR_CORRUPT);
    for (int r = 0; r < num_ranks; r++) {
      eplb_status_t own = eplb_migration_status(&job[r].migration);
      CHECK(eplb_migration_explain(&job[r].migration, EPLB_ERR_CORRUPT, none) == own);
      CHECK(!own || strstr(eplb_last_error(), "checksum"));
    }
    close_job();
    tried++;
  }
  CHECK(tried > 30);
  mpi_tap_case("a damaged chunk makes its expert corrupt");
}

/* A transport that breaks its contract is found out, not believed; the round ends all the same. */
static void overtaking_is_refused(void) {
  int refused = 0;
  for (uint64_t n = 1; n <= 40; n++) {
    if (!count_chunks(n, 0))
      continue;
    open_job(n, 0, 0);
    fake_network.held = 0;
    CHECK(start_all(0));
    eplb_status_t status = worst_status();
    CHECK(!status || status == EPLB_ERR_INTERNAL);
    for (int r = 0; r < num_ranks && status; r++)
      if (eplb_migration_explain(&job[r].migration, status, none)) {
        CHECK(strstr(eplb_last_error(), "asked: chunk "));
        refused++;
      }
    close_job();
  }
  CHECK(refused > 0);
  mpi_tap_case("chunks that are too far ahead are refused, and the round ends");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  late_and_reordered_chunks_arrive();
  lost_chunks_are_missed();
  damaged_chunks_are_corrupt();
  overtaking_is_refused();
  return mpi_tap_end();
}
