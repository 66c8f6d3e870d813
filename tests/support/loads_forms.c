#include "loads_forms.h"
#include "tap.h"
#include <stdlib.h>
#include <string.h>

static const double *row_of(const eplb_loads_t *l, int window, int layer) {
  return eplb_loads_window(l, window) + (size_t)layer * (size_t)l->num_experts;
}

static void put_row(FILE *file, int count, const double *load) {
  for (int i = 0; i < count; i++)
    fprintf(file, "%c%.17g", i ? ',' : '[', load[i]);
  fputc(']', file);
}

static void put_window(FILE *file, const eplb_loads_t *l, int window) {
  for (int i = 0; i < l->num_layers; i++) {
    fputc(i ? ',' : '[', file);
    put_row(file, l->num_experts, row_of(l, window, i));
  }
  fputc(']', file);
}

static void put_windows(FILE *file, const eplb_loads_t *l) {
  for (int w = 0; w < l->num_windows; w++) {
    fputs(w ? ",\n" : "[", file);
    put_window(file, l, w);
  }
  fputc(']', file);
}

void form_count(FILE *file, const eplb_loads_t *loads) {
  fputs("{\"rank\": 0, \"logical_count\": ", file);
  put_windows(file, loads);
  fputs("}\n", file);
}

void form_array(FILE *file, const eplb_loads_t *loads) {
  fputs("\n \t\r\n", file);
  put_windows(file, loads);
}

void form_history(FILE *file, const eplb_loads_t *loads) {
  fputs("{\"load_history\": [", file);
  for (int w = 0; w < loads->num_windows; w++) {
    fprintf(file, "%s{\"step\": %d, \"logical_expert_load\": ", w ? "," : "", 100 * w);
    put_window(file, loads, w);
    fputc('}', file);
  }
  fputs("]}", file);
}

/* Deals a layer's tokens out to the replicas of each expert. */
static void put_physical(FILE *file, const double *load, int slots, const int32_t *map) {
  double *physical = calloc((size_t)slots, sizeof *physical);
  CU_ASSERT_PTR_NOT_NULL_FATAL(physical);
  for (int s = 0; s < slots; s++) {
    int before = 0, after = 0; /* replicas of the same expert */
    for (int k = 0; k < slots; k++)
      *(k < s ? &before : &after) += map[k] == map[s];
    int64_t all = map[s] < 0 ? 0 : (int64_t)load[map[s]], replicas = before + after;
    physical[s] = (double)(all / replicas + (before < all % replicas));
  }
  put_row(file, slots, physical);
  free(physical);
}

static void put_record(FILE *file, const eplb_loads_t *l, int window, const eplb_placement_t *p) {
  fprintf(file,
          "{\"record_type\":\"eplb_load_stats\",\"version\":1,\"step\":%d,\"num_ranks\":2,\"expert_load\":", window);
  for (int i = 0; i < l->num_layers; i++) {
    fputc(i ? ',' : '[', file);
    put_physical(file, row_of(l, window, i), p->num_slots, p->physical_to_logical + i * p->num_slots);
  }
  fputs("],\"p2l_map\":", file);
  for (int i = 0; i < l->num_layers; i++)
    for (int s = 0; s < p->num_slots; s++)
      fprintf(file, "%s%d", s ? "," : i ? "],[" : "[[", p->physical_to_logical[i * p->num_slots + s]);
  fputs("]]}\n", file);
}

void form_records(FILE *file, const eplb_loads_t *loads, rng_t *rng) {
  static const char other[] = "{\"record_type\":\"eplb_load_meta\",\"version\":1}\n";
  fputs(other, file);
  for (int w = 0; w < loads->num_windows; w++) {
    int slots = loads->num_experts + rng_between(rng, 0, 5);
    eplb_placement_t *p = random_placement(rng, loads->num_layers, loads->num_experts, slots, 20);
    put_record(file, loads, w, p);
    fputs(rng_between(rng, 0, 1) ? other : "\n", file);
    eplb_placement_destroy(&p);
  }
}

/* The bits of a half, for whole numbers below 2048. */
static uint64_t half_of(double number) {
  uint64_t whole = (uint64_t)number, exponent = 25;
  while (whole && whole < 1024) {
    whole <<= 1;
    exponent--;
  }
  return whole ? exponent << 10 | (whole & 1023) : 0;
}

void form_number(FILE *file, char kind, int size, int big_endian, double number) {
  uint64_t bits = number < 0 ? (uint64_t)(int64_t)number : (uint64_t)number;
  if (kind == 'f' && size == 8)
    memcpy(&bits, &number, sizeof number);
  if (kind == 'f' && size == 4) {
    float single = (float)number;
    uint32_t low;
    memcpy(&low, &single, sizeof low);
    bits = low;
  }
  if (kind == 'f' && size == 2)
    bits = half_of(number);
  for (int i = 0; i < size; i++)
    fputc((int)(bits >> 8 * (big_endian ? size - 1 - i : i) & 255), file);
}

static void put_npy_header(FILE *file, const eplb_loads_t *l, int version, const char *type, int fortran_order) {
  char text[160], windows[16] = "";
  if (l->num_windows > 1 || version == 3)
    snprintf(windows, sizeof windows, "%d, ", l->num_windows);
  snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s%d, %d), }", type,
           fortran_order ? "True" : "False", windows, l->num_layers, l->num_experts);
  fprintf(file, "\223NUMPY%c%c", version, 0);
  form_number(file, 'u', version == 1 ? 2 : 4, 0, version == 1 ? 118 : 116);
  fprintf(file, "%-*s\n", version == 1 ? 117 : 115, text);
}

void form_npy(FILE *file, const eplb_loads_t *l, int version, char kind, int size, int big_endian, int fortran_order) {
  char type[8];
  snprintf(type, sizeof type, "%c%c%d", size == 1 ? '|' : big_endian ? '>' : '<', kind, size);
  put_npy_header(file, l, version, type, fortran_order);
  size_t windows = (size_t)l->num_windows, layers = (size_t)l->num_layers, experts = (size_t)l->num_experts;
  for (size_t i = 0; i < windows * layers * experts; i++) {
    size_t w = i % windows, r = i / windows % layers, e = i / windows / layers;
    form_number(file, kind, size, big_endian, l->load[fortran_order ? (w * layers + r) * experts + e : i]);
  }
}

void form_rank(FILE *file, const eplb_loads_t *l, int rank, int num_ranks, rng_t *rng) {
  enum { MOST = 64 };
  int rows = l->num_windows * l->num_layers, order[MOST], bytes = 8 * l->num_experts;
  CU_ASSERT_FATAL(rows <= MOST);
  for (int i = 0; i < rows; i++)
    order[i] = i;
  rng_shuffle(rng, rows, order);
  char *header = NULL;
  size_t length = 0;
  FILE *text = open_memstream(&header, &length);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  fputs("{\"__metadata__\":{\"format\":\"pt\"}", text);
  for (int i = 0; i < rows; i++)
    fprintf(text, ",\"%d_%d\":{\"dtype\":\"I64\",\"shape\":[%d],\"data_offsets\":[%d,%d]}",
            100 + order[i] / l->num_layers, l->layer_id[order[i] % l->num_layers], l->num_experts, i * bytes,
            (i + 1) * bytes);
  fputs("}   ", text);
  fclose(text);
  form_number(file, 'u', 8, 0, (double)length);
  fwrite(header, 1, length, file);
  free(header);
  for (int i = 0; i < rows * l->num_experts; i++) {
    int64_t all = (int64_t)l->load[order[i / l->num_experts] * l->num_experts + i % l->num_experts];
    form_number(file, 'i', 8, 0, (double)(all / num_ranks + (rank < all % num_ranks)));
  }
}
