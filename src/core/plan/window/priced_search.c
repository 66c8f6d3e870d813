/* Local search where each change has a price.
 *
 * Problem: lower the busiest device's time from the current placement, where a replica that moves costs by how far it
 * moves (a class of expert and device), and load away from a group's home node costs routing.
 * Method: again and again the swap or recount of the busiest device with the largest gain for its price, until the
 * target is reached, no change gains more than its price, or moves or work are spent. Counts come first: an expert
 * whose replica load is too large gets the slot of the replica that can best be spared. Without that, layers drift into
 * placements that single changes cannot improve (worst layer measured: .74). A change must gain more than chance, by
 * the test of ../common/count_noise.c: the busiest device's fall must exceed its standard error, and so must what it is
 * above each other device that the change touches.
 * Cost: O(slots of the busiest device x all slots) for each change. */
#include "core/plan/window/priced_search.h"
#include "core/plan/common/count_noise.h"
#include <math.h>
#include <stddef.h>

/* Slot a gets what slot b holds and the other way round, or with b < 0 slot a gets `expert`. */
typedef struct bargain {
  int a, b, expert;
  double value; /* gain for its price */
} bargain_t;

typedef struct adjust {
  eplb_window_state_t *layer;
  const eplb_prices_t *prices;
  const eplb_priced_search_limits_t *limits;
  int moves; /* so far */
} adjust_t;

/* Changes that cost less than this, or pay, count as so cheap. */
static const double CHEAPEST = .25;

static int class_of(const eplb_window_state_t *l, const eplb_prices_t *p, int expert, int device) {
  return p->class[(size_t)expert * (size_t)l->num_devices + (size_t)device];
}

static double price_of(const adjust_t *a, int expert, int device, double replica_load) {
  if (expert == EPLB_EMPTY)
    return 0;
  int class = class_of(a->layer, a->prices, expert, device);
  return a->prices->fixed[class] + a->prices->per_load[class] * replica_load;
}

static int is_move(const adjust_t *a, int expert, int device) {
  return expert == EPLB_EMPTY ? 0 : a->prices->is_move[class_of(a->layer, a->prices, expert, device)];
}

int eplb_count_moves(const eplb_window_state_t *l, const eplb_prices_t *p) {
  int moves = 0;
  for (int s = 0; s < l->num_slots; s++)
    if (l->expert[s] != EPLB_EMPTY)
      moves += p->is_move[class_of(l, p, l->expert[s], l->device[s])];
  return moves;
}

/* Of two that are numbers: fmax is a call, in the innermost loops. */
static inline double larger_time(double a, double b) {
  return a > b ? a : b;
}

/* The gain of a change that lowers the largest time of the devices that it touches from `now` to `worst`. Time below
 * the target is no gain. */
static double value_of(const adjust_t *a, double now, double worst, double price) {
  double gain = now - larger_time(worst, a->limits->target);
  return price < EPLB_PRICE_FORBIDDEN / 2 && gain > 1e-9 * now ? gain / larger_time(price, CHEAPEST) : 0;
}

static int within_moves(const adjust_t *a, int more) {
  return more <= 0 || a->moves + more <= a->limits->max_moves;
}

static int exceeds_chance(double gain, double variance) {
  return gain * gain > EPLB_NOISE_SINGLE_QUANTILE * EPLB_NOISE_SINGLE_QUANTILE * variance;
}

/* The variance of a replica of an expert that has `count` of them. */
static double replica_noise(const eplb_window_state_t *l, int expert, int count) {
  return expert == EPLB_EMPTY ? 0 : eplb_window_state_expert_noise(l, expert) / count / count;
}

/* Whether a swap lowers its first device's time by more than chance, and leaves the second below that time by more than
 * chance. */
static int swap_is_significant(const eplb_window_state_t *l, int i, int j, double relief, double below) {
  if (!(l->token > 0))
    return 1;
  int e = l->expert[i], f = l->expert[j], from = l->device[i], to = l->device[j];
  double moves =
      replica_noise(l, e, e == EPLB_EMPTY ? 1 : l->count[e]) + replica_noise(l, f, f == EPLB_EMPTY ? 1 : l->count[f]);
  double stay = eplb_window_state_device_noise(l, from) + eplb_window_state_device_noise(l, to);
  return exceeds_chance(relief, moves * l->inverse_speed[from] * l->inverse_speed[from]) && exceeds_chance(below, stay);
}

static void offer_swap(const adjust_t *a, int i, int j, bargain_t *best) {
  const eplb_window_state_t *l = a->layer;
  int e = l->expert[i], f = l->expert[j], from = l->device[i], to = l->device[j];
  double own = l->replica_load[e], other = l->replica_load[f], now = l->time[from];
  double down = now - (own - other) * l->inverse_speed[from], up = l->time[to] + (own - other) * l->inverse_speed[to];
  if (own <= other || up >= now || now - larger_time(down, up) <= best->value * CHEAPEST)
    return;
  double price =
      price_of(a, e, to, own) - price_of(a, e, from, own) + price_of(a, f, from, other) - price_of(a, f, to, other);
  double value = value_of(a, now, larger_time(down, up), price);
  if (value <= best->value || eplb_window_state_holds(l, to, e) || eplb_window_state_holds(l, from, f) ||
      !within_moves(a, is_move(a, e, to) - is_move(a, e, from) + is_move(a, f, from) - is_move(a, f, to)))
    return;
  if (swap_is_significant(l, i, j, now - down, now - up))
    *best = (bargain_t){i, j, 0, value};
}

/* The same for a recount. here: the new time of the busiest device; there and others: devices whose time rises. */
static int recount_is_significant(const eplb_window_state_t *l, int busiest, int slot, int e, double here,
                                  double worst_else) {
  if (!(l->token > 0))
    return 1;
  int f = l->expert[slot], own = l->device[slot] == busiest;
  double now = l->time[busiest], slow = l->inverse_speed[busiest], stay = eplb_window_state_device_noise(l, busiest);
  double gives = 1.0 / l->count[e] - 1.0 / (l->count[e] + 1);
  double moves = own ? replica_noise(l, e, l->count[e] + 1) + replica_noise(l, f, f == EPLB_EMPTY ? 1 : l->count[f])
                     : eplb_window_state_expert_noise(l, e) * gives * gives;
  return exceeds_chance(now - here, moves * slow * slow) && exceeds_chance(now - worst_else, 2 * stay);
}

/* The largest time among the devices of an expert that loses the replica in `slot`, without `busiest`; *own becomes the
 * new time of the slot's own device. */
static double time_without(const eplb_window_state_t *l, int slot, int busiest, double *own) {
  int f = l->expert[slot];
  double more = l->weight[f] / (l->count[f] - 1) - l->replica_load[f], worst = 0;
  for (int s = l->first[f]; s >= 0; s = l->next[s]) {
    int d = l->device[s];
    if (s != slot && d == busiest)
      *own = more * l->inverse_speed[d];
    else if (s != slot)
      worst = larger_time(worst, l->time[d] + more * l->inverse_speed[d]);
  }
  return worst;
}

/* A slot that gives up its expert, if it has one. */
typedef struct recount {
  int busiest, slot;
  double others; /* the largest time that this gives another device of that expert */
  double own;    /* what the busiest device gets by it */
} recount_t;

/* The slot goes to expert e, which relieves the busiest device: because that holds e, or because the slot is its
 * own. */
static void try_recount(const adjust_t *a, const recount_t *r, int e, bargain_t *best) {
  const eplb_window_state_t *l = a->layer;
  int busiest = r->busiest, slot = r->slot;
  int f = l->expert[slot], d = l->device[slot];
  double replica_load = l->weight[e] / (l->count[e] + 1), now = l->time[busiest];
  double there = l->time[d] + (replica_load - l->replica_load[f]) * l->inverse_speed[d];
  double here = d == busiest ? there : now + r->own - (l->replica_load[e] - replica_load) * l->inverse_speed[busiest];
  double worst = larger_time(larger_time(here, there), r->others);
  if (e == f || now - worst <= best->value * CHEAPEST || eplb_window_state_holds(l, d, e))
    return;
  double value = value_of(a, now, worst, price_of(a, e, d, replica_load) - price_of(a, f, d, l->replica_load[f]));
  if (value > best->value && within_moves(a, is_move(a, e, d) - is_move(a, f, d)) &&
      recount_is_significant(l, busiest, slot, e, here, larger_time(d == busiest ? 0 : there, r->others)))
    *best = (bargain_t){slot, -1, e, value};
}

static void offer_recounts(const adjust_t *a, int busiest, int slot, bargain_t *best) {
  const eplb_window_state_t *l = a->layer;
  int f = l->expert[slot];
  recount_t r = {.busiest = busiest, .slot = slot};
  if (f != EPLB_EMPTY && (l->count[f] < 2 || l->weight[f] > a->limits->largest_replica_load * (l->count[f] - 1)))
    return;
  if (f != EPLB_EMPTY)
    r.others = time_without(l, slot, busiest, &r.own);
  if (r.others >= l->time[busiest])
    return;
  if (l->device[slot] == busiest) {
    for (int e = 0; e < l->num_experts; e++)
      try_recount(a, &r, e, best);
    return;
  }
  for (int i = l->slot_begin[busiest]; i < l->slot_begin[busiest + 1]; i++)
    if (l->expert[i] != EPLB_EMPTY)
      try_recount(a, &r, l->expert[i], best);
}

static bargain_t find_bargain(const adjust_t *a, int busiest) {
  const eplb_window_state_t *l = a->layer;
  bargain_t best = {-1, -1, 0, a->limits->least_value};
  for (int i = l->slot_begin[busiest]; i < l->slot_begin[busiest + 1]; i++)
    for (int j = 0; j < l->num_slots; j++)
      if (l->device[j] != busiest)
        offer_swap(a, i, j, &best);
  for (int s = 0; s < l->num_slots; s++)
    offer_recounts(a, busiest, s, &best);
  return best;
}

double eplb_priced_search(eplb_window_state_t *l, const eplb_prices_t *prices,
                          const eplb_priced_search_limits_t *limits) {
  adjust_t a = {l, prices, limits, 0};
  for (;;) {
    int busiest = eplb_window_state_busiest(l);
    if (l->time[busiest] <= limits->target || l->work <= 0)
      return l->time[busiest];
    a.moves = eplb_count_moves(l, prices);
    bargain_t best = find_bargain(&a, busiest);
    l->work -= (int64_t)(l->slot_begin[busiest + 1] - l->slot_begin[busiest] + 1) * l->num_slots;
    if (best.a < 0)
      return l->time[busiest];
    if (best.b >= 0)
      eplb_window_state_swap(l, best.a, best.b);
    else
      eplb_window_state_set(l, best.a, best.expert);
  }
}

/* ---- counts first ---- */

static int largest_replica_load(const eplb_window_state_t *l) {
  int largest = 0;
  for (int e = 1; e < l->num_experts; e++)
    if (l->replica_load[e] > l->replica_load[largest])
      largest = e;
  return largest;
}

/* The expert that can best spare a replica: its replica loads are the smallest in the end. */
static int best_giver(const eplb_window_state_t *l, int taker) {
  int giver = EPLB_EMPTY;
  double least = INFINITY;
  for (int f = 0; f < l->num_experts; f++)
    if (l->count[f] > 1 && f != taker && l->weight[f] / (l->count[f] - 1) < least) {
      least = l->weight[f] / (l->count[f] - 1);
      giver = f;
    }
  return giver;
}

/* The giver's slot that suits the taker: where the time is lowest, and of nearly equal ones the price. */
static int best_slot(const adjust_t *a, int giver, int taker) {
  const eplb_window_state_t *l = a->layer;
  const double price_of_time = .02; /* gain in mean device times for which one move is made */
  double least = EPLB_PRICE_FORBIDDEN * price_of_time / 2, replica_load = l->weight[taker] / (l->count[taker] + 1);
  int slot = -1;
  for (int s = l->first[giver]; s >= 0; s = l->next[s]) {
    int d = l->device[s];
    double price = price_of(a, taker, d, replica_load) - price_of(a, giver, d, l->replica_load[giver]);
    double cost = l->time[d] + (replica_load - l->replica_load[giver]) * l->inverse_speed[d] + price_of_time * price;
    if (cost < least && !eplb_window_state_holds(l, d, taker) &&
        within_moves(a, is_move(a, taker, d) - is_move(a, giver, d))) {
      least = cost;
      slot = s;
    }
  }
  return slot;
}

void eplb_priced_search_counts(eplb_window_state_t *l, const eplb_prices_t *prices,
                               const eplb_priced_search_limits_t *limits) {
  adjust_t a = {l, prices, limits, 0};
  for (int left = l->num_slots; left > 0; left--) {
    int taker = largest_replica_load(l);
    if (l->replica_load[taker] <= limits->largest_replica_load)
      return;
    int giver = best_giver(l, taker);
    if (giver == EPLB_EMPTY || l->weight[giver] / (l->count[giver] - 1) >= l->replica_load[taker])
      return;
    double differ = l->replica_load[taker] - l->weight[giver] / (l->count[giver] - 1);
    if (!exceeds_chance(differ,
                        replica_noise(l, taker, l->count[taker]) + replica_noise(l, giver, l->count[giver] - 1)))
      return;
    a.moves = eplb_count_moves(l, prices);
    int slot = best_slot(&a, giver, taker);
    if (slot < 0)
      return;
    eplb_window_state_set(l, slot, taker);
  }
}
