#include "core/formats/show.h"
#include <string.h>

const char *eplb_show(const char *text, size_t length, char *shown, size_t size) {
  size_t most = size - 4, n = length < most ? length : most;
  for (size_t i = 0; i < n; i++)
    shown[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
  strcpy(shown + n, length > most ? "..." : "");
  return shown;
}
