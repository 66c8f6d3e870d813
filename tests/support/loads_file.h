/* Files of loads that are read, or refused. */
#ifndef TESTS_LOADS_FILE_H
#define TESTS_LOADS_FILE_H

#include "shapes.h"
#include <eplb/formats.h>

/* The loads of a file that must be good; the caller destroys them. */
eplb_loads_t *loads_file_read(const char *path);

/* The status of a file that must be refused: by one printable sentence that names it, with the caller's pointer as it
 * was. */
eplb_status_t loads_file_refused(const char *path);

/* Asserts that it is refused with `status`, and that the sentence contains `text`. */
void loads_file_refuse(const char *path, eplb_status_t status, const char *text);

/* Up to 5 layers of 9 experts, whose numbers have gaps. */
eplb_loads_t *random_recording(rng_t *rng, int most_windows);

/* Whether two recordings agree in every number. */
int same_loads(const eplb_loads_t *a, const eplb_loads_t *b);

#endif
