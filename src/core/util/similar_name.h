/* Whether a name is another one, misspelt. Inline, so that each library uses its own. */
#ifndef EPLB_CORE_UTIL_SIMILAR_NAME_H
#define EPLB_CORE_UTIL_SIMILAR_NAME_H

#include <ctype.h>
#include <string.h>

enum { EPLB_LONGEST_NAME = 63, EPLB_SHORT_NAME = 5 };

static inline int eplb_lower(const char *text, size_t at) {
  return tolower((unsigned char)text[at]);
}

static inline int eplb_least(int a, int b) {
  return a < b ? a : b;
}

/* The optimal string alignment distance: Levenshtein's, with swaps of neighbours. Three rows of its table are kept. */
static inline int eplb_name_distance(const char *a, size_t length_a, const char *b, size_t length_b) {
  int row[3][EPLB_LONGEST_NAME + 1]; /* row[i % 3][j]: of the first i letters of a and the first j of b */
  for (size_t j = 0; j <= length_b; j++)
    row[0][j] = (int)j;
  for (size_t i = 1; i <= length_a; i++) {
    const int *up = row[(i - 1) % 3], *second = row[(i + 1) % 3];
    int *here = row[i % 3];
    here[0] = (int)i;
    for (size_t j = 1; j <= length_b; j++) {
      int differs = eplb_lower(a, i - 1) != eplb_lower(b, j - 1);
      here[j] = eplb_least(eplb_least(up[j], here[j - 1]) + 1, up[j - 1] + differs);
      if (i > 1 && j > 1 && eplb_lower(a, i - 1) == eplb_lower(b, j - 2) &&
          eplb_lower(a, i - 2) == eplb_lower(b, j - 1))
        here[j] = eplb_least(here[j], second[j - 2] + 1);
    }
  }
  return row[length_a % 3][length_b];
}

/* Whether `given` turns into `known` by one letter more, less, other or swapped with its neighbour; by two of them
 * where `known` has more than five letters. Case does not count. O(length of both); names longer than 63 letters are
 * like no other. */
static inline int eplb_is_similar_name(const char *given, const char *known) {
  size_t length_given = strlen(given), length_known = strlen(known);
  if (length_given > EPLB_LONGEST_NAME || length_known > EPLB_LONGEST_NAME)
    return 0;
  return eplb_name_distance(given, length_given, known, length_known) <= (length_known > EPLB_SHORT_NAME ? 2 : 1);
}

#endif
