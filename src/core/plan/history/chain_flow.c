/* Divides loads over replicas as shares will, for all windows at once.
 *
 * Each two consecutive replicas of an expert exchange load until their devices are even, as far as neither gives more
 * than a limit; so in sweeps (Gauss-Seidel with over-relaxation). The limit keeps the plan from depending on all that
 * shares can do, which the next window needs. O(slots x windows) a sweep. */
#include "core/plan/history/chain.h"
#include <string.h>

/* Over-relaxation: a flow exceeds the even one by half, which converges faster on long chains. */
static const float OVERSHOOT = 1.5f;

/* Sweeps from even parts. */
enum { FIRST_SWEEPS = 16 };

/* ---- which replicas are of the same expert ---- */

static void find_next(eplb_chain_t *l, const eplb_history_state_t *s) {
  for (int e = 0; e < s->num_experts; e++)
    l->any[e] = -1;
  for (int slot = 0; slot < s->num_slots; slot++) {
    int e = s->expert[slot];
    l->next[slot] = slot;
    if (e == EPLB_EMPTY)
      continue;
    if (l->any[e] >= 0)
      eplb_chain_join(l, l->any[e], slot);
    l->any[e] = slot;
  }
}

void eplb_chain_join(eplb_chain_t *l, int slot, int other) {
  l->next[other] = l->next[slot];
  l->next[slot] = other;
}

int eplb_chain_leave(eplb_chain_t *l, int slot) {
  int before = slot;
  while (l->next[before] != slot)
    before = l->next[before];
  l->next[before] = l->next[slot];
  l->next[slot] = slot;
  return before;
}

/* ---- parts ---- */

void eplb_chain_withdraw(const eplb_chain_t *l, eplb_history_state_t *s, int slot) {
  int at = slot;
  do {
    for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
      s->shift[s->device_of[at]].at[i] -= l->served_load[at].at[i] - s->replica_load[s->expert[at]].at[i];
  } while ((at = l->next[at]) != slot);
}

void eplb_chain_divide(eplb_chain_t *l, const eplb_history_state_t *s, int slot) {
  int at = slot;
  do
    l->served_load[at] = s->replica_load[s->expert[at]];
  while ((at = l->next[at]) != slot);
}

/* Lets load flow between two replicas of an expert until their devices are even, within the limit of shares. */
static void flow(eplb_chain_t *l, eplb_history_state_t *s, int a, int b) {
  int p = s->device_of[a], q = s->device_of[b];
  float slow_p = s->inverse_speed[p], slow_q = s->inverse_speed[q];
  eplb_simd4_t reach = eplb_simd4_all(OVERSHOOT / (slow_p + slow_q));
  for (int i = 0; i < EPLB_SERIES_VECTORS && p != q; i++) {
    eplb_simd4_t least = s->replica_load[s->expert[a]].at[i] * l->least_served;
    eplb_simd4_t amount = (s->time[q].at[i] - s->time[p].at[i]) * reach;
    amount = eplb_simd4_max(amount, least - l->served_load[a].at[i]);
    amount = eplb_simd4_min(amount, l->served_load[b].at[i] - least);
    l->served_load[a].at[i] += amount;
    l->served_load[b].at[i] -= amount;
    s->time[p].at[i] += amount * slow_p;
    s->time[q].at[i] -= amount * slow_q;
  }
}

void eplb_chain_flow(eplb_chain_t *l, eplb_history_state_t *s, int sweeps) {
  for (int sweep = 0; sweep < sweeps; sweep++)
    for (int slot = 0; slot < s->num_slots; slot++) {
      int other = l->next[slot];
      if (other > slot || (other < slot && l->next[other] != slot))
        flow(l, s, slot, other);
    }
}

void eplb_chain_level(eplb_chain_t *l, eplb_history_state_t *s, int sweeps) {
  eplb_chain_flow(l, s, sweeps);
  memset(s->shift, 0, (size_t)s->num_devices * sizeof *s->shift);
  for (int slot = 0; slot < s->num_slots; slot++)
    for (int i = 0; i < EPLB_SERIES_VECTORS && l->next[slot] != slot; i++)
      s->shift[s->device_of[slot]].at[i] += l->served_load[slot].at[i] - s->replica_load[s->expert[slot]].at[i];
  for (int d = 0; d < s->num_devices; d++)
    eplb_history_state_time(s, d);
}

void eplb_chain_begin(eplb_chain_t *l, eplb_history_state_t *s) {
  find_next(l, s);
  for (int slot = 0; slot < s->num_slots; slot++)
    l->served_load[slot] = s->replica_load[s->expert[slot]];
  eplb_chain_level(l, s, FIRST_SWEEPS);
}
