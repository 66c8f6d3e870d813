/* Structs that begin with their size, as the program compiled it: see "Structs" in include/eplb/eplb.h. */
#ifndef EPLB_CORE_UTIL_SIZED_H
#define EPLB_CORE_UTIL_SIZED_H

#include <eplb/status.h>
#include <stddef.h>

/* Whether the struct `given` is of a size that the library knows: above that of the member `size`, up to `size`.
 * EPLB_ERR_ARGUMENT otherwise, or if it is NULL: the sentence calls it `name` and names eplb_NAME_init. */
eplb_status_t eplb_sized_check(const char *name, size_t size, const void *given);

/* Copies `given`, which may be smaller, to *own of `size` bytes, which holds the defaults. Errors as
 * eplb_sized_check. */
eplb_status_t eplb_sized_take(const char *name, size_t size, const void *given, void *own);

/* Fills *out, which eplb_sized_check has accepted, from `own` as far as it goes; its size stays. */
void eplb_sized_give(const void *own, void *out);

#endif
