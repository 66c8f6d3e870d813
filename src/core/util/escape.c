/* Makes text from outside printable, so that a file name or field cannot control the terminal. */
#include "core/util/escape.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The bytes of the printable UTF-8 character at `text`: 1 to 4, or 0 where there is none. */
static size_t printable(const unsigned char *text, size_t length) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t size = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
  if (size == 0 || size > length)
    return 0;
  uint32_t code = size == 1 ? text[0] : text[0] & (0x7fU >> size);
  for (size_t i = 1; i < size; i++) {
    if (text[i] >> 6 != 2)
      return 0;
    code = code << 6 | (text[i] & 63U);
  }
  int is_control = code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
  int turns_text = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  int is_none = code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
  return is_control || turns_text || is_none ? 0 : size;
}

/* The escape sequence of a byte; returns its length. */
static size_t escape_byte(unsigned char byte, char sequence[5]) {
  const char *letter = byte == '\n' ? "n" : byte == '\r' ? "r" : byte == '\t' ? "t" : NULL;
  return (size_t)(letter ? snprintf(sequence, 5, "\\%s", letter) : snprintf(sequence, 5, "\\x%02x", byte));
}

const char *eplb_escape(const char *text, size_t length, char *shown, size_t size) {
  const unsigned char *byte = (const unsigned char *)text;
  size_t used = 0, cut = 0; /* cut: where dots would still fit */
  for (size_t i = 0; i < length;) {
    char sequence[5];
    size_t taken = printable(byte + i, length - i), made = taken ? taken : escape_byte(byte[i], sequence);
    if (used + made >= size) {
      strcpy(shown + cut, "...");
      return shown;
    }
    memcpy(shown + used, taken ? text + i : sequence, made);
    used += made;
    i += taken ? taken : 1;
    cut = used + 4 <= size ? used : cut;
  }
  shown[used] = '\0';
  return shown;
}

int eplb_has_control(const char *text, size_t length) {
  for (size_t i = 0, taken; i < length; i += taken)
    if ((taken = printable((const unsigned char *)text + i, length - i)) == 0)
      return 1;
  return 0;
}
