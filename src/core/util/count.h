/* "1 slot", "2 slots": a number and what it counts, for sentences and tables. Inline, so that each library uses its own. */
#ifndef EPLB_CORE_UTIL_COUNT_H
#define EPLB_CORE_UTIL_COUNT_H

#include <stdint.h>
#include <stdio.h>

enum { EPLB_COUNT_MAX = 64 };

/* "s", except for one. */
static inline const char *eplb_plural(int64_t count) {
  return count == 1 ? "" : "s";
}

static inline const char *eplb_count_text(char *text, int64_t count, const char *noun) {
  snprintf(text, EPLB_COUNT_MAX, "%lld %.40s%s", (long long)count, noun, eplb_plural(count));
  return text;
}

/* `count` and `noun`, which is a singular with a regular plural. The text is valid until the end of the block. */
#define eplb_count(count, noun) eplb_count_text((char[EPLB_COUNT_MAX]){0}, (int64_t)(count), noun)

#endif
