/* Loads of physical experts, [layers][slots], with the placement that they were measured under. */
#ifndef EPLB_CORE_FORMATS_LOADS_PHYSICAL_H
#define EPLB_CORE_FORMATS_LOADS_PHYSICAL_H

#include "core/formats/loads_rows.h"
#include <eplb/placement.h>
#include <jansson.h>

typedef struct eplb_physical {
  const char *name;      /* of the file and the record, in sentences */
  const char *where;     /* the loads are in it */
  const char *map_where; /* the placement is in it */
  const eplb_placement_t *placement;
  int window;
  int64_t line; /* or 0 */
} eplb_physical_t;

/* Adds a window's rows: the loads of an expert's replicas added up. What is in an empty slot must be 0. Errors are
 * those of eplb_loads_read. */
eplb_status_t eplb_physical_add(eplb_rows_t *rows, const eplb_physical_t *physical, const json_t *load);

#endif
