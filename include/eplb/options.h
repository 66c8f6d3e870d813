/* Descriptions of options: one row for each option has its name, type, range, default and offset. The rows supply the
 * structs' defaults, environment variables, command lines, range checks, the comparison between ranks, and help. */
#ifndef EPLB_OPTIONS_H
#define EPLB_OPTIONS_H

#include <eplb/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_option_type {
  EPLB_OPTION_INTEGER, /* an int */
  EPLB_OPTION_REAL,    /* a double */
  EPLB_OPTION_BYTES,   /* a size_t; texts may end with K, M or G (KiB, MiB, GiB) */
  EPLB_OPTION_NAME,    /* an enum with values from 0, written as a name */
  EPLB_OPTION_TEXT     /* a zero-terminated char[most]; empty by default */
} eplb_option_type_t;

/* For eplb_option_t.open: a bound is not itself allowed; the number may be INFINITY, written inf. */
enum { EPLB_OPTION_ABOVE_LEAST = 1, EPLB_OPTION_BELOW_MOST = 2, EPLB_OPTION_MAY_BE_INFINITE = 4 };

typedef struct eplb_option {
  const char *structure; /* the struct that has the member: "plan", "payback", "trigger" or "session" */
  const char *name;      /* of the member; EPLB_NAME in the environment; --name with - for _ on command lines */
  const char *value;     /* the placeholder of its value in help: "MOVES" */
  const char *help;      /* help text, without the default */
  eplb_option_type_t type;
  size_t offset;            /* of the member in its struct, in bytes */
  double least, most;       /* both allowed, unless `open` says otherwise; most may be INFINITY */
  int open;                 /* EPLB_OPTION_ABOVE_LEAST | ... */
  double preset;            /* the default */
  const char *const *names; /* [most + 1], of EPLB_OPTION_NAME; else NULL */
  unsigned planners;        /* bit 1 << p: planner p uses the option; all bits are set if it is not a planner's
                               option */
  int needs_current;        /* 1: used only with a current placement */
} eplb_option_t;

/* Returns row `number` of this library's structs, from 0; NULL past the last. Local; static storage. */
EPLB_PUBLIC const eplb_option_t *eplb_option_describe(int number);

/* Sets the member of *structure that `option` describes from a text, as users write it. `label` names the source of the
 * text in error sentences: "--max-moves", "environment variable EPLB_MAX_MOVES". Local. EPLB_ERR_ARGUMENT: the text is
 * no such value or out of range, or structure->size is too small to contain the member; *structure is unchanged. */
EPLB_PUBLIC eplb_status_t eplb_option_set(const eplb_option_t *option, void *structure, const char *label,
                                          const char *text);

enum { EPLB_OPTION_TEXT_MAX = 160 };

/* Writes the member's value, as users write it, into text[EPLB_OPTION_TEXT_MAX]; "" if structure->size is too small to
 * contain the member. Returns text. Local. */
EPLB_PUBLIC const char *eplb_option_show(const eplb_option_t *option, const void *structure, char *text);

#ifdef __cplusplus
}
#endif
#endif
