#include "core/linked.h"
#include <stddef.h>

/* A single expert this much busier than one with replicas takes its place. */
static const float WORTH_IT = 1.3f;

/* So many exchanges at most. */
enum { EXCHANGES = 16 };

/* These are EPLB_EMPTY where there is none. */
static int busiest_single(const eplb_scenario_t *s) {
  int best = EPLB_EMPTY;
  for (int e = 0; e < s->num_experts; e++)
    if (s->count[e] == 1 && (best == EPLB_EMPTY || s->mean[e] > s->mean[best]))
      best = e;
  return best;
}

/* The expert that needs its replicas least, and can do with one fewer. */
static int least_linked(const eplb_scenario_t *s, int but) {
  int best = EPLB_EMPTY;
  for (int e = 0; e < s->num_experts; e++)
    if (s->count[e] > 1 && e != but && s->peak[e] <= EPLB_LINKED_TOO_LARGE * (float)(s->count[e] - 1) &&
        (best == EPLB_EMPTY || s->mean[e] / (float)s->count[e] < s->mean[best] / (float)s->count[best]))
      best = e;
  return best;
}

static int slot_of(const eplb_scenario_t *s, int expert, int from) {
  for (int slot = from; slot < s->num_slots; slot++)
    if (s->expert[slot] == expert)
      return slot;
  return -1;
}

/* A slot of `giver` for `taker`: where no move is due, else on the device that is cheapest. */
static int slot_for(const eplb_scenario_t *s, int giver, int taker) {
  int best = -1;
  float least = 0;
  for (int slot = slot_of(s, giver, 0); slot >= 0; slot = slot_of(s, giver, slot + 1)) {
    int d = s->device_of[slot];
    float cost = s->price[d] + 4 * eplb_scenario_fee(s, d, taker);
    if (!eplb_scenario_holds(s, d, taker) && (best < 0 || cost < least)) {
      best = slot;
      least = cost;
    }
  }
  return best;
}

/* Gives experts that are too large for their replicas more, at the cost of those that need them least. */
static void relieve(eplb_scenario_t *s) {
  for (int left = s->num_slots; left > 0; left--) {
    int taker = 0;
    for (int e = 1; e < s->num_experts; e++)
      if (s->peak[e] * (float)s->count[taker] > s->peak[taker] * (float)s->count[e])
        taker = e;
    if (s->peak[taker] <= EPLB_LINKED_TOO_LARGE * (float)s->count[taker])
      return;
    int giver = least_linked(s, taker), slot = giver == EPLB_EMPTY ? -1 : slot_for(s, giver, taker);
    if (slot < 0 || s->moves + eplb_scenario_moves(s, slot, taker) > s->max_moves)
      return;
    eplb_scenario_set(s, slot, taker);
  }
}

/* Lets single expert x be where e is, and e where x was: so the same devices stay linked. One move where x already is
 * with a replica of e, which then gives way to x on the other; else three. */
static int exchange(eplb_scenario_t *s, int x, int e) {
  int first = slot_of(s, e, 0), second = slot_of(s, e, first + 1), own = slot_of(s, x, 0);
  if (s->device_of[first] == s->device_of[second])
    return 0;
  int beside = s->device_of[own] == s->device_of[first]    ? second
               : s->device_of[own] == s->device_of[second] ? first
                                                           : -1;
  if (s->count[e] != 2 || s->moves + (beside >= 0 ? 1 : 3) > s->max_moves)
    return 0;
  if (beside >= 0) {
    eplb_scenario_set(s, beside, x);
    return 1;
  }
  eplb_scenario_swap(s, own, first);
  eplb_scenario_set(s, second, x);
  return 1;
}

void eplb_linked_exchange(eplb_scenario_t *s) {
  relieve(s);
  for (int i = 0; i < EXCHANGES; i++) {
    int x = busiest_single(s), e = least_linked(s, EPLB_EMPTY);
    if (x == EPLB_EMPTY || e == EPLB_EMPTY || s->mean[x] <= WORTH_IT * s->mean[e] || !exchange(s, x, e))
      break;
  }
}
