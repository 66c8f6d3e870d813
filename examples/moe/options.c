/* Reads and checks the command line. */
#include "options.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const mode_name[NUM_MODES] = {"none", "block", "overlap", "shares"};

static const char usage[] =
    "usage: mpirun -n RANKS moe [--layers N] [--experts N] [--slots N] [--top-k N] [--width N] [--tokens N]\n"
    "         [--steps N] [--every N] [--seed N] [--rate R] [--balance none|block|overlap|shares|all] "
    "[--fixed-routing]\n"
    "         [--phase FILE[,FILE...]]... [--record FILE] [--json]\n";

static int refuse(int rank, const char *format, ...) {
  va_list arguments;
  if (rank == 0) {
    va_start(arguments, format);
    fputs("moe: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
  }
  return 0;
}

/* The number options, by name. */
static int *number_named(options_t *o, const char *name) {
  const struct {
    const char *name;
    int *value;
  } all[] = {{"--layers", &o->layers}, {"--experts", &o->experts}, {"--slots", &o->slots},
             {"--top-k", &o->top_k},   {"--width", &o->width},     {"--tokens", &o->tokens},
             {"--steps", &o->steps},   {"--every", &o->every},     {"--seed", &o->seed}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!strcmp(name, all[i].name))
      return all[i].value;
  return NULL;
}

static int read_number(int rank, const char *name, const char *text, int *value) {
  char *end;
  long number = strtol(text, &end, 10);
  if (*end || end == text || number < 0 || number > 1 << 24)
    return refuse(rank, "%s is %s; expected a whole number from 0 to 16777216", name, text);
  *value = (int)number;
  return 1;
}

static int read_balance(int rank, const char *text, options_t *o) {
  int found = !strcmp(text, "all");
  for (int m = 0; m < NUM_MODES; m++) {
    o->is_chosen[m] = !strcmp(text, "all") || !strcmp(text, mode_name[m]);
    found |= o->is_chosen[m];
  }
  return found ? 1 : refuse(rank, "--balance is %s; expected none, block, overlap, shares or all", text);
}

static int read_rate(int rank, const char *text, options_t *o) {
  char *end;
  o->rate = strtod(text, &end);
  return *end || !(o->rate > 0 && o->rate <= 1e300)
             ? refuse(rank, "--rate is %s; expected a number above 0, at most 1e300", text)
             : 1;
}

/* An option that has a value. */
static int read_value(int rank, const char *name, const char *text, options_t *o) {
  int *number = number_named(o, name);
  if (number)
    return read_number(rank, name, text, number);
  if (!strcmp(name, "--balance"))
    return read_balance(rank, text, o);
  if (!strcmp(name, "--rate"))
    return read_rate(rank, text, o);
  if (!strcmp(name, "--record")) {
    o->record = text;
    return 1;
  }
  if (!strcmp(name, "--phase")) {
    if (o->num_phases == MAX_PHASES)
      return refuse(rank, "more than %d phases", MAX_PHASES);
    o->phase[o->num_phases++] = text;
    return 1;
  }
  return refuse(rank, "no option %s\n%s", name, usage);
}

static int check(int rank, int ranks, const options_t *o) {
  int each = (o->experts + ranks - 1) / ranks;
  if (o->layers < 1 || o->experts < 1 || o->width < 1 || o->steps < 1 || o->every < 1)
    return refuse(rank, "layers, experts, width, steps and every must be 1 or more");
  if (o->top_k < 1 || o->top_k > o->experts)
    return refuse(rank, "--top-k is %d; expected 1 to %d, the number of experts", o->top_k, o->experts);
  if (ranks > o->experts)
    return refuse(rank, "%d ranks for %d experts; expected no more ranks than experts", ranks, o->experts);
  if (o->tokens < SEQUENCE || o->tokens % SEQUENCE)
    return refuse(rank, "--tokens is %d; expected a multiple of %d, the length of a sequence", o->tokens, SEQUENCE);
  if (o->slots && o->slots < each)
    return refuse(rank, "--slots is %d; expected %d or more: %d ranks must hold %d experts", o->slots, each, ranks,
                  o->experts);
  return 1;
}

int options_read(int argc, char **argv, int rank, int ranks, options_t *o) {
  *o = (options_t){.layers = 3,
                   .experts = 16,
                   .top_k = 2,
                   .width = 64,
                   .tokens = 512,
                   .steps = 80,
                   .every = 10,
                   .seed = 1,
                   .rate = 2e-3,
                   .is_chosen = {1, 1, 1, 1}};
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--json"))
      o->json = 1;
    else if (!strcmp(argv[i], "--fixed-routing"))
      o->fixed_routing = 1;
    else if (i + 1 == argc)
      return refuse(rank, "%s: no such option, or no value\n%s", argv[i], usage);
    else if (!read_value(rank, argv[i], argv[i + 1], o))
      return 0;
    else
      i++;
  }
  if (!o->num_phases) { /* prose, then code, that every Debian machine has */
    o->phase[0] = "/usr/share/common-licenses/GPL-3,/usr/share/common-licenses/Apache-2.0,"
                  "/usr/share/common-licenses/Artistic";
    o->phase[1] = "/usr/include/stdio.h,/usr/include/stdlib.h,/usr/include/math.h,/usr/include/string.h,"
                  "/usr/include/unistd.h,/usr/include/elf.h";
    o->num_phases = 2;
  }
  return check(rank, ranks, o);
}
