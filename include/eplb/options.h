/* What an option is: one row for each says its name, type, range, default and place. The rows serve the structs'
 * defaults, environment variables, command lines, range checks, comparison between ranks, and help. */
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
  EPLB_OPTION_NAME,    /* an enum from 0 up, written by name */
  EPLB_OPTION_TEXT     /* a char[most] that ends with a zero; empty by default */
} eplb_option_type_t;

/* A bound that is not itself allowed; and a number that may be INFINITY, written inf. */
enum { EPLB_OPTION_ABOVE_LEAST = 1, EPLB_OPTION_BELOW_MOST = 2, EPLB_OPTION_MAY_BE_INFINITE = 4 };

typedef struct eplb_option {
  const char *structure; /* whose member it is: "plan", "payback", "trigger" or "session" */
  const char *name;      /* of the member; EPLB_NAME in the environment; --name with - for _ on command lines */
  const char *value;     /* what help calls its value: "MOVES" */
  const char *help;      /* what it means; the default is not repeated */
  eplb_option_type_t type;
  size_t offset;            /* of the member in its struct, in bytes */
  double least, most;       /* both allowed, unless `open` says otherwise; most may be INFINITY */
  int open;                 /* EPLB_OPTION_ABOVE_LEAST | ... */
  double preset;            /* the default */
  const char *const *names; /* [most + 1], of EPLB_OPTION_NAME; else NULL */
  unsigned planners;        /* bit 1 << p: the planner p uses it; all bits set where it is not for planners */
  int needs_current;        /* it matters only where there is a current placement */
} eplb_option_t;

/* The rows of this library's structs, one after the other; NULL past the last. Local; static storage. */
EPLB_PUBLIC const eplb_option_t *eplb_option_describe(int number);

/* Sets the member of *structure that `option` describes from a text, as users write it. Local. `label` says in the
 * sentence where the text comes from: "--max-moves", "environment variable EPLB_MAX_MOVES". EPLB_ERR_ARGUMENT: not such
 * a value, out of range, or *structure is smaller, by its size, than to have the member; it is then as it was. */
EPLB_PUBLIC eplb_status_t eplb_option_set(const eplb_option_t *option, void *structure, const char *label,
                                          const char *text);

enum { EPLB_OPTION_TEXT_MAX = 160 };

/* The member's value, as users write it, into text[EPLB_OPTION_TEXT_MAX]; "" where *structure is smaller, by its size,
 * than to have the member. Returns text. Local. */
EPLB_PUBLIC const char *eplb_option_show(const eplb_option_t *option, const void *structure, char *text);

#ifdef __cplusplus
}
#endif
#endif
