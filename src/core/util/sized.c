/* Copies between the library's structs and a program's, which may be of an older version and so smaller. */
#include "core/util/sized.h"
#include "core/util/count.h"
#include <string.h>

static size_t size_of_struct(const void *structure) {
  size_t size;
  memcpy(&size, structure, sizeof size);
  return size;
}

eplb_status_t eplb_sized_check(const char *name, size_t size, const void *given) {
  if (!given)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL; expected a struct that eplb_%s_init has prepared", name, name);
  size_t own = size_of_struct(given);
  if (own <= sizeof own || own > size)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "%s has the size %zu; expected %zu, or less from an older program: call "
                     "eplb_%s_init",
                     name, own, size, name);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_sized_take(const char *name, size_t size, const void *given, void *own) {
  eplb_status_t status = eplb_sized_check(name, size, given);
  if (status)
    return status;
  memcpy(own, given, size_of_struct(given));
  memcpy(own, &size, sizeof size);
  return EPLB_SUCCESS;
}

void eplb_sized_give(const void *own, void *out) {
  size_t size = size_of_struct(out), head = sizeof size;
  memcpy((char *)out + head, (const char *)own + head, size - head);
}
