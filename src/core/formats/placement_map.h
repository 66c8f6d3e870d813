/* The array of JSON that a placement is. */
#ifndef EPLB_CORE_FORMATS_PLACEMENT_MAP_H
#define EPLB_CORE_FORMATS_PLACEMENT_MAP_H

#include <eplb/placement.h>
#include <jansson.h>

/* A placement from `map` [layers][slots] of expert numbers, -1 for an empty slot; there are as many experts as the
 * largest number says. The caller owns *placement. EPLB_ERR_FORMAT names the file, `key` (what the map is called
 * there), row and slot; EPLB_ERR_MEMORY. */
eplb_status_t eplb_placement_from_map(const char *name, const char *key, const json_t *map,
                                      eplb_placement_t **placement);

#endif
