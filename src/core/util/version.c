/* The version of the library. */
#include <eplb/version.h>

const char *eplb_version(void) {
  return EPLB_VERSION;
}
