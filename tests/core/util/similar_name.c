#include "core/util/similar_name.h"
#include "tap.h"

static void slips_are_found(void) {
  static const char *const slips[] = {"PLANER", "PLANNERS", "PLNANER", "PLANNAR", "planner", "PLANNER", "LANER"};
  for (size_t i = 0; i < sizeof slips / sizeof *slips; i++)
    CU_ASSERT(eplb_is_similar_name(slips[i], "PLANNER"));
  CU_ASSERT(eplb_is_similar_name("MDOE", "MODE"));
  CU_ASSERT(eplb_is_similar_name("CHUNKBYTES", "CHUNK_BYTES"));
}

static void other_names_are_left_alone(void) {
  static const char *const others[] = {"ROOT", "DIR", "HOME", "VERSION", "PLUGIN", "PLAN", "", "LOADER"};
  static const char *const known[] = {"PLANNER", "MODE", "POLICY", "SPILL", "VERIFY", "DOMAIN", "RACKS", "DEVICE"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
      CU_ASSERT(!eplb_is_similar_name(others[i], known[k]));
}

static void long_names_are_like_no_other(void) {
  char text[200];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = 'A';
  text[199] = 0;
  CU_ASSERT(!eplb_is_similar_name(text, text));
  CU_ASSERT(eplb_is_similar_name(text + 199 - 63, text + 199 - 63));
}

int main(void) {
  static const tap_test_t tests[] = {{"slips are found", slips_are_found},
                                     {"other names are left alone", other_names_are_left_alone},
                                     {"long names are like no other", long_names_are_like_no_other},
                                     {NULL, NULL}};
  return tap_run("similar_name", tests);
}
