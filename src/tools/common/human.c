/* Formats and parses numbers for people, and shows progress on a terminal. */
#include "tools/common/human.h"
#include "core/util/escape.h"
#include "tools/common/commands.h"
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *human_bytes(int64_t bytes, char *text) {
  static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = (double)bytes;
  int u = 0;
  for (; value >= 1000 && u < 5; u++)
    value /= 1024;
  snprintf(text, HUMAN_MAX, u == 0 ? "%.0f %s" : value < 10 ? "%.2f %s" : "%.1f %s", value, unit[u]);
  return text;
}

const char *human_text(const char *text, char *shown) {
  return eplb_escape(text, strlen(text), shown, HUMAN_TEXT_MAX);
}

int64_t tool_bytes(const struct argp_state *state, const char *option, const char *text, int64_t least, int64_t most) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  int wrong = end == text || errno || value < 0 || end[shift != 0] || value > INT64_MAX >> shift;
  int64_t bytes = wrong ? -1 : (int64_t)value << shift;
  if (wrong || bytes < least || bytes > most)
    tool_usage_error(state, "--%s is \"%s\"; expected a number of bytes from %lld to %lld, such as 65536, 64K or 4M",
                     option, text, (long long)least, (long long)most);
  return bytes;
}

void tool_progress(const char *what, int64_t done, int64_t total) {
  enum { WIDTH = 40 };
  if (!isatty(STDERR_FILENO) || total < 1)
    return;
  if (done >= total) {
    fprintf(stderr, "\r\033[K");
    return;
  }
  int filled = (int)(done * WIDTH / total);
  fprintf(stderr, "\r%-24s [%.*s%*s] %3d %%", what, filled, "########################################", WIDTH - filled,
          "", (int)(done * 100 / total));
}
