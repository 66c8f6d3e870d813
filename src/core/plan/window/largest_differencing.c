/* Balanced largest differencing (Michiels, Aarts, Korst and van Leeuwen, "Balanced multi-way number partitioning",
 * 2007).
 *
 * Method: replicas, sorted by load, are cut into rows of one replica for each device. Then the two rows of largest
 * spread are merged, the one descending with the other ascending, until one row is left: its bins are the devices.
 * O(slots log devices).
 * Why: where devices have few slots, differences that are left to the end cannot be evened out any more, and longest
 * processing time first leaves them to the end. */
#include "core/plan/window/largest_differencing.h"
#include "core/plan/deepseek/balanced_packing.h"
#include "core/util/heap.h"

/* Rows of as many bins as there are devices; a bin is a list of replicas. Rows are merged two by two until one is
 * left. */
typedef struct differencing {
  const eplb_window_state_t *layer;
  eplb_largest_differencing_scratch_t *s;
  int bins, rows;
} fold_t;

/* Sorts a row by sum, descending, and returns its spread. */
static double sort_row(const fold_t *f, int row) {
  eplb_largest_differencing_scratch_t *s = f->s;
  int base = row * f->bins;
  for (int i = 0; i < f->bins; i++)
    s->keys[i] = eplb_key_heavy((float)s->sum[base + i], (uint32_t)i);
  eplb_sort_keys(s->keys, s->spare, f->bins);
  /* in place, by following the cycles of the permutation; a place that is done points to itself */
  for (int i = 0; i < f->bins; i++) {
    double sum = s->sum[base + i];
    int32_t first = s->first[base + i], last = s->last[base + i];
    int at = i;
    for (int from; (from = (int)eplb_key_index(s->keys[at])) != i; at = from) {
      s->sum[base + at] = s->sum[base + from];
      s->first[base + at] = s->first[base + from];
      s->last[base + at] = s->last[base + from];
      s->keys[at] = (uint64_t)at;
    }
    s->sum[base + at] = sum;
    s->first[base + at] = first;
    s->last[base + at] = last;
    s->keys[at] = (uint64_t)at;
  }
  return s->sum[base] - s->sum[base + f->bins - 1];
}

/* Adds row b to row a, its lightest bin to the other's heaviest, and moves the last row into its place. */
static void merge_rows(fold_t *f, int a, int b, double *spread) {
  eplb_largest_differencing_scratch_t *s = f->s;
  for (int i = 0; i < f->bins; i++) {
    int to = a * f->bins + i, from = b * f->bins + f->bins - 1 - i;
    s->sum[to] += s->sum[from];
    s->next[s->last[to]] = s->first[from];
    s->last[to] = s->last[from];
  }
  spread[a] = sort_row(f, a);
  int tail = --f->rows;
  spread[b] = spread[tail];
  for (int i = 0; i < f->bins && b != tail; i++) {
    s->sum[b * f->bins + i] = s->sum[tail * f->bins + i];
    s->first[b * f->bins + i] = s->first[tail * f->bins + i];
    s->last[b * f->bins + i] = s->last[tail * f->bins + i];
  }
}

/* All replicas by replica load, descending, in rows. */
static void lay_rows(fold_t *f, const eplb_lpt_scratch_t *lpt, double *spread) {
  const eplb_window_state_t *l = f->layer;
  eplb_largest_differencing_scratch_t *s = f->s;
  int place = 0;
  for (int i = 0; i < l->num_experts; i++) {
    int e = (int)eplb_key_index(lpt->keys[i]);
    for (int k = 0; k < l->count[e]; k++, place++) {
      s->expert[place] = e;
      s->sum[place] = l->weight[e] / l->count[e];
      s->first[place] = s->last[place] = place;
      s->next[place] = -1;
    }
  }
  for (int r = 0; r < f->rows; r++)
    spread[r] = s->sum[r * f->bins] - s->sum[(r + 1) * f->bins - 1];
}

static int applies(const eplb_window_state_t *l) {
  int slots = l->slot_begin[1], filled = 0;
  for (int e = 0; e < l->num_experts; e++)
    filled += l->count[e];
  return slots > 1 && slots <= EPLB_DIFFERENCING_MAX_SLOTS && filled == l->num_slots && eplb_window_state_even(l);
}

int eplb_largest_differencing_slots(eplb_window_state_t *l, eplb_lpt_scratch_t *lpt,
                                    eplb_largest_differencing_scratch_t *scratch) {
  double spread[EPLB_DIFFERENCING_MAX_SLOTS];
  if (!applies(l))
    return 0;
  fold_t f = {l, scratch, l->num_devices, l->slot_begin[1]};
  eplb_lpt_sort(l, lpt);
  lay_rows(&f, lpt, spread);
  while (f.rows > 1) {
    int widest = 0, second = 1;
    if (spread[1] > spread[0]) {
      widest = 1;
      second = 0;
    }
    for (int r = 2; r < f.rows; r++) {
      if (spread[r] > spread[widest]) {
        second = widest;
        widest = r;
      } else if (spread[r] > spread[second]) {
        second = r;
      }
    }
    int low = widest < second ? widest : second, high = widest < second ? second : widest;
    merge_rows(&f, low, high, spread);
  }
  for (int d = 0; d < f.bins; d++)
    for (int k = 0, place = scratch->first[d]; place >= 0; place = scratch->next[place], k++)
      l->expert[l->slot_begin[d] + k] = scratch->expert[place];
  eplb_window_state_index(l);
  eplb_window_state_separate_colocated(l);
  return 1;
}
