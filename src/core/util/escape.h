/* Text from outside (paths, names, fields of files, environment values) as it can be shown on a terminal. */
#ifndef EPLB_CORE_UTIL_ESCAPE_H
#define EPLB_CORE_UTIL_ESCAPE_H

#include <stddef.h>

/* Room for most names and fields: 40 characters, three dots and a zero. */
enum { EPLB_SHOWN = 44 };

/* Copies `length` bytes into `shown`: control characters become \n, \r, \t or \xNN, and so do bytes that are no UTF-8.
 * Text that does not fit into the `size` > 3 bytes of `shown` is cut and ends with dots. A text that has been escaped
 * stays as it is. Returns `shown`. */
const char *eplb_escape(const char *text, size_t length, char *shown, size_t size);

/* Whether eplb_escape would change any of the `length` bytes. */
int eplb_has_control(const char *text, size_t length);

#endif
