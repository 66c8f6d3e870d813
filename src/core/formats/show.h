/* Pieces of files in sentences. */
#ifndef EPLB_CORE_FORMATS_SHOW_H
#define EPLB_CORE_FORMATS_SHOW_H

#include <stddef.h>

/* Room for most of them: 40 characters, three dots and a zero. */
enum { EPLB_SHOWN = 44 };

/* `length` bytes as they can be shown: nothing unprintable, and what does not fit into the `size` > 3 bytes of `shown`
 * gives way to dots. Returns `shown`. */
const char *eplb_show(const char *text, size_t length, char *shown, size_t size);

#endif
