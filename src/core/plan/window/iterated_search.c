/* Searches a layer's placement from scratch: several starts, local search, perturbation.
 *
 * Method: starts differ in how far replica loads are cut down (lpt.c: counts) and in how replicas are placed (lpt.c:
 * longest processing time first; largest_differencing.c). The best two are improved by swaps and recounts on the
 * busiest device (local_search.c), then halves of devices are matched anew (match_halves.c), then the best placement
 * is perturbed and improved again and again (iterated local search: Lourenco, Martin and Stuetzle, 2003) until the
 * lower bound is reached or the work is spent. Devices of two slots each have a search of their own over counts alone
 * (two_slots.c): for given counts the best pairing is known.
 * Why several starts: no single one is best at all shapes; measured, each of them wins on some. Why a count of
 * candidates and not a clock: plans must be the same on every machine. */
#include "core/plan/window/iterated_search.h"
#include "core/plan/window/local_search.h"
#include "core/plan/window/match_halves.h"
#include "core/util/random.h"
#include <math.h>
#include <string.h>

/* The search ends at this distance from the bound. */
static const double GOOD = 1.0005;

/* So far from it that other starts are tried. */
static const double TOLERABLE = 1.003;

/* So far from it that matching halves is too fine a tool. */
static const double FAR = 1.02;

/* The work of a start and of a round of matching, in evaluated slots. */
enum { START_WORK = 50, REMATCH_WORK = 25 };

typedef struct search {
  eplb_window_state_t *layer;
  eplb_iterated_search_scratch_t *scratch;
  double best, target;
} search_t;

/* Keeps what is no worse, too: so searches wander. Returns whether it did. */
static int keep_if_no_worse(search_t *s, double worst) {
  if (worst > s->best)
    return 0;
  s->best = worst;
  memcpy(s->scratch->best, s->layer->expert, (size_t)s->layer->num_slots * sizeof *s->layer->expert);
  return 1;
}

static void keep_if_better(search_t *s, double worst) {
  if (worst < s->best)
    keep_if_no_worse(s, worst);
}

static int tolerable(const search_t *s) {
  return s->best <= fmax(s->target, TOLERABLE * s->layer->bound);
}

static void go_back_to_best(const search_t *s) {
  memcpy(s->layer->expert, s->scratch->best, (size_t)s->layer->num_slots * sizeof *s->layer->expert);
  eplb_window_state_index(s->layer);
}

/* A way to start: which replica loads are cut down, and how replicas are placed. */
typedef struct start {
  double cut;
  int folded;
} start_t;

/* Places the replicas by the method `start` and improves the placement a little. Returns 0 if that is not possible. */
static int begin_at(const search_t *s, const start_t *start) {
  eplb_window_state_t *l = s->layer;
  if (!eplb_lpt_counts(l, start->cut, &s->scratch->lpt))
    return 0;
  if (!start->folded)
    eplb_lpt_slots(l, &s->scratch->lpt);
  else if (!eplb_largest_differencing_slots(l, &s->scratch->lpt, &s->scratch->differencing))
    return 0;
  eplb_local_search_pairs(l, s->scratch->lpt.heap, s->scratch->lpt.other_heap);
  return 1;
}

/* Sum of squares of what devices are off the mean. */
static double unevenness(const eplb_window_state_t *l) {
  double sum = 0;
  for (int d = 0; d < l->num_devices; d++)
    sum += (l->time[d] - 1) * (l->time[d] - 1);
  return sum;
}

/* With no more than a part of the work that is left. */
static void refine_within(search_t *s, double part) {
  eplb_window_state_t *l = s->layer;
  int64_t kept = (int64_t)((1 - part) * (double)l->work);
  l->work -= kept;
  keep_if_better(s, eplb_local_search(l, s->target));
  l->work += kept;
}

/* A start that has been tried. */
typedef struct candidate {
  double unevenness;
  int32_t *expert; /* [num_slots] */
} candidate_t;

/* Keeps the layer's placement if it is among the two most even so far; two[0] is the most even. */
static void keep_most_even(const search_t *s, candidate_t *two) {
  double uneven = unevenness(s->layer);
  if (uneven >= two[1].unevenness)
    return;
  two[1].unevenness = uneven;
  memcpy(two[1].expert, s->layer->expert, (size_t)s->layer->num_slots * sizeof *two[1].expert);
  if (uneven < two[0].unevenness) {
    candidate_t better = two[1];
    two[1] = two[0];
    two[0] = better;
  }
}

static void try_starts(const search_t *s, candidate_t *two) {
  static const start_t starts[] = {{INFINITY, 0}, {.98, 1}, {.9, 1}, {.9, 0}, {.8, 0}, {.7, 0}, {.6, 0}};
  double heaviest = 0;
  for (int e = 0; e < s->layer->num_experts; e++)
    heaviest = fmax(heaviest, s->layer->weight[e]);
  for (size_t i = 0; i < sizeof starts / sizeof *starts && s->layer->work > 0; i++) {
    start_t start = {starts[i].cut * s->layer->bound, starts[i].folded};
    if ((start.cut < INFINITY && heaviest <= start.cut) || !begin_at(s, &start))
      continue;
    s->layer->work -= START_WORK * s->layer->num_slots;
    keep_most_even(s, two);
  }
}

static void refine_candidate(search_t *s, const candidate_t *candidate) {
  if (s->best <= s->target || !(candidate->unevenness < INFINITY))
    return;
  memcpy(s->layer->expert, candidate->expert, (size_t)s->layer->num_slots * sizeof *candidate->expert);
  eplb_window_state_index(s->layer);
  refine_within(s, .5);
}

double eplb_iterated_search_bound(eplb_window_state_t *l, eplb_lpt_scratch_t *scratch) {
  double fastest = INFINITY;
  l->largest_replica_load = 0;
  eplb_lpt_counts(l, INFINITY, scratch);
  for (int e = 0; e < l->num_experts; e++)
    l->largest_replica_load = fmax(l->largest_replica_load, l->weight[e] / l->count[e]);
  for (int d = 0; d < l->num_devices; d++)
    if (l->slot_begin[d + 1] > l->slot_begin[d])
      fastest = fmin(fastest, l->inverse_speed[d]);
  l->bound = fmax(1, l->largest_replica_load * fastest);
  return l->bound;
}

/* A swap of the busiest device, or a recount in its favour, that need not help: of some that chance picks, the one
 * that harms least. */
static void perturb(eplb_window_state_t *l, uint64_t *seed) {
  enum { PICKS = 16 };
  int busiest = eplb_window_state_busiest(l), slots = l->slot_begin[busiest + 1] - l->slot_begin[busiest];
  int from = -1, to = -1, recount = 0;
  double least = INFINITY;
  for (int pick = 0; pick < PICKS; pick++) {
    int a = l->slot_begin[busiest] + (int)(eplb_random(seed) % (uint64_t)slots);
    int b = (int)(eplb_random(seed) % (uint64_t)l->num_slots), e = l->expert[a], f = l->expert[b];
    int other = l->device[b], here_too = eplb_window_state_holds(l, busiest, f); /* then f can only be given up there */
    if (e == EPLB_EMPTY || other == busiest || eplb_window_state_holds(l, other, e) || (here_too && l->count[f] < 2))
      continue;
    double moved = l->replica_load[e] - l->replica_load[f];
    double worst =
        fmax(l->time[busiest] - moved * l->inverse_speed[busiest], l->time[other] + moved * l->inverse_speed[other]);
    if (worst < least) {
      least = worst;
      from = a;
      to = b;
      recount = here_too || (f != EPLB_EMPTY && l->count[f] > 1 && eplb_random(seed) % 2);
    }
  }
  if (from >= 0 && recount)
    eplb_window_state_set(l, to, l->expert[from]);
  else if (from >= 0)
    eplb_window_state_swap(l, from, to);
}

static void perturb_and_search(search_t *s, uint64_t seed) {
  eplb_window_state_t *l = s->layer;
  go_back_to_best(s);
  while (l->work > 0 && s->best > s->target) {
    perturb(l, &seed);
    double worst = eplb_local_search(l, s->target);
    l->work -= l->num_slots; /* so that kicks that find nothing end, too */
    if (!keep_if_no_worse(s, worst))
      go_back_to_best(s);
  }
}

/* Two slots a device: all work goes into counts. */
static void search_pairs(search_t *s) {
  eplb_window_state_t *l = s->layer;
  enum { MOST_ITEMS = 80000000 }; /* evaluated slots in total, so that very many devices do not take too long */
  int64_t tries = 16 * l->work / l->num_slots, most = MOST_ITEMS / l->num_slots;
  tries = tries < most ? tries : most;
  l->work /= 8; /* what is left for swaps */
  eplb_lpt_counts(l, INFINITY, &s->scratch->lpt);
  eplb_two_slots_search(l, s->target, (int)tries, &s->scratch->lpt, &s->scratch->two_slots);
  eplb_lpt_slots(l, &s->scratch->lpt);
  keep_if_better(s, l->time[eplb_window_state_busiest(l)]);
}

/* Rounds of matching, each evened out, from the best so far: within an eighth of the work that is left. */
static void rematch(search_t *s) {
  eplb_window_state_t *l = s->layer;
  const eplb_match_halves_scratch_t scratch = {s->scratch->differencing.keys, s->scratch->differencing.spare,
                                               s->scratch->differencing.expert};
  int64_t end = l->work - l->work / 8;
  uint64_t seed = 1;
  if (s->best > FAR * s->layer->bound || !eplb_match_halves_applies(l))
    return;
  go_back_to_best(s);
  while (l->work > end && s->best > s->target) {
    eplb_match_halves(l, &seed, &scratch);
    l->work -= REMATCH_WORK * l->num_slots;
    if (!keep_if_no_worse(s, eplb_local_search(l, s->target)))
      go_back_to_best(s);
  }
}

static void search_starts(search_t *s) {
  candidate_t two[2] = {{INFINITY, s->scratch->candidate[0]}, {INFINITY, s->scratch->candidate[1]}};
  if (begin_at(s, &(start_t){INFINITY, 1})) {
    keep_most_even(s, two);
    refine_within(s, .125);
  } else if (begin_at(s, &(start_t){INFINITY, 0})) {
    refine_within(s, .125);
  }
  rematch(s);
  if (tolerable(s))
    return;
  try_starts(s, two);
  refine_candidate(s, &two[0]);
  refine_candidate(s, &two[1]);
  rematch(s);
}

double eplb_iterated_search(eplb_window_state_t *l, eplb_iterated_search_scratch_t *scratch) {
  search_t s = {l, scratch, INFINITY, 0};
  s.target = fmax(l->good_enough, GOOD * eplb_iterated_search_bound(l, &scratch->lpt));
  if (eplb_two_slots_apply(l))
    search_pairs(&s);
  else
    search_starts(&s);
  if (!eplb_match_halves_applies(l) || !tolerable(&s))
    perturb_and_search(&s, 1);
  go_back_to_best(&s);
  return s.best;
}

double eplb_iterated_search_on(eplb_window_state_t *l, eplb_iterated_search_scratch_t *scratch) {
  search_t s = {l, scratch, INFINITY, 0};
  s.target = fmax(l->good_enough, GOOD * eplb_iterated_search_bound(l, &scratch->lpt));
  eplb_window_state_index(l);
  keep_if_better(&s, l->time[eplb_window_state_busiest(l)]);
  eplb_window_state_separate_colocated(l);
  keep_if_better(&s, eplb_local_search(l, s.target));
  go_back_to_best(&s);
  return s.best;
}
