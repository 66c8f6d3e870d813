/* The assignment problem by shortest augmenting paths; see assignment.h for the source. Exact up to a size that takes
 * a millisecond, greedy beyond: relabelling needs a good answer, not the best. */
#include "core/plan/common/assignment.h"
#include <limits.h>

enum { EXACT_UP_TO = 128, NONE = -1 };

size_t eplb_assignment_scratch(int size) {
  return ((size_t)size + 1) * (4 * sizeof(int64_t) + 3 * sizeof(int32_t));
}

typedef struct assign {
  int size;
  const int32_t *worth;
  int64_t *row_price, *column_price, *slack; /* [size + 1] */
  int32_t *owner; /* [size + 1]: the row of each column; column `size` is the start of a path */
  int32_t *way;   /* [size + 1]: the column before, on the path */
  int32_t *seen;  /* [size + 1] */
} assign_t;

/* One step of the search: leaves the column for its row's nearest column that is not seen yet. */
static int step(assign_t *a, int column) {
  int row = a->owner[column], nearest = NONE;
  int64_t least = LLONG_MAX;
  a->seen[column] = 1;
  for (int c = 0; c < a->size; c++) {
    if (a->seen[c])
      continue;
    int64_t slack =
        -(int64_t)a->worth[(size_t)row * (size_t)a->size + (size_t)c] - a->row_price[row] - a->column_price[c];
    if (slack < a->slack[c]) {
      a->slack[c] = slack;
      a->way[c] = column;
    }
    if (a->slack[c] < least) {
      least = a->slack[c];
      nearest = c;
    }
  }
  for (int c = 0; c <= a->size; c++)
    if (a->seen[c]) {
      a->row_price[a->owner[c]] += least;
      a->column_price[c] -= least;
    } else {
      a->slack[c] -= least;
    }
  return nearest;
}

static void assign_row(assign_t *a, int row) {
  for (int c = 0; c <= a->size; c++) {
    a->slack[c] = LLONG_MAX / 2;
    a->seen[c] = 0;
  }
  int column = a->size;
  a->owner[column] = row;
  while (a->owner[column] != NONE)
    column = step(a, column);
  while (column != a->size) { /* back along the path */
    int before = a->way[column];
    a->owner[column] = a->owner[before];
    column = before;
  }
}

static void assign_greedily(int size, const int32_t *worth, int32_t *column, int32_t *taken) {
  for (int c = 0; c < size; c++)
    taken[c] = 0;
  for (int r = 0; r < size; r++) {
    int best = NONE;
    for (int c = 0; c < size; c++)
      if (!taken[c] && (best == NONE ||
                        worth[(size_t)r * (size_t)size + (size_t)c] > worth[(size_t)r * (size_t)size + (size_t)best]))
        best = c;
    taken[best] = 1;
    column[r] = best;
  }
}

void eplb_assignment(int size, const int32_t *worth, int32_t *column, void *scratch) {
  size_t stride = (size_t)size + 1;
  int64_t *wide = scratch;
  int32_t *narrow = (int32_t *)(wide + 4 * stride);
  assign_t a = {size, worth, wide, wide + stride, wide + 2 * stride, narrow, narrow + stride, narrow + 2 * stride};
  if (size > EXACT_UP_TO) {
    assign_greedily(size, worth, column, a.seen);
    return;
  }
  for (size_t i = 0; i < stride; i++) {
    a.row_price[i] = a.column_price[i] = 0;
    a.owner[i] = NONE;
  }
  for (int r = 0; r < size; r++)
    assign_row(&a, r);
  for (int c = 0; c < size; c++)
    column[a.owner[c]] = c;
}
