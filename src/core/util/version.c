/* The version of the library. */
#include <eplb/eplb.h>

const char *eplb_version(void) {
  return EPLB_VERSION;
}
