/* Writes a recording as CSV: a line for each window and layer, a column for each expert. 17 digits give the same
 * doubles back. */
#include "core/util/output.h"
#include <eplb/formats.h>
#include <locale.h>

static void write_rows(FILE *file, const eplb_loads_t *loads) {
  const double *load = loads->load;
  for (int w = 0; w < loads->num_windows; w++)
    for (int l = 0; l < loads->num_layers; l++) {
      fprintf(file, "%d,%d", w, loads->layer_id[l]);
      for (int e = 0; e < loads->num_experts; e++)
        fprintf(file, ",%.17g", *load++);
      fputc('\n', file);
    }
}

/* A number has a point, whatever the language of the thread that writes. */
static eplb_status_t write_rows_in_c(FILE *file, const eplb_loads_t *loads) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!c)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for a locale");
  locale_t own = uselocale(c);
  write_rows(file, loads);
  uselocale(own);
  freelocale(c);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_loads_write(const char *path, const eplb_loads_t *loads) {
  eplb_output_t output;
  eplb_status_t status = eplb_output_open(path, &output);
  if (status)
    return status;
  fputs("window,layer", output.file);
  for (int e = 0; e < loads->num_experts; e++)
    fprintf(output.file, ",e%d", e);
  fputc('\n', output.file);
  return eplb_output_close(&output, write_rows_in_c(output.file, loads));
}
