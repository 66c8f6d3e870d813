/* Status codes and the sentence that explains the last one. */
#ifndef EPLB_STATUS_H
#define EPLB_STATUS_H

#if defined(__GNUC__)
#define EPLB_PUBLIC              __attribute__((visibility("default")))
#define EPLB_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define EPLB_PUBLIC
#define EPLB_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Ordered: where ranks end a collective call with different codes, all of them return the lowest. */
typedef enum eplb_status {
  EPLB_SUCCESS = 0,
  EPLB_ERR_ARGUMENT = -1,    /* an argument or option that no call accepts */
  EPLB_ERR_LOADS = -2,       /* a load that is NaN, infinite, negative or 2^63 and more */
  EPLB_ERR_SHAPE = -3,       /* sizes that do not go together */
  EPLB_ERR_STATE = -4,       /* a call out of its order, e.g. a rebalance while one is open */
  EPLB_ERR_FORMAT = -5,      /* a file whose content is not what it should be */
  EPLB_ERR_IO = -6,          /* a file that cannot be read or written */
  EPLB_ERR_UNSUPPORTED = -7, /* possible in principle, not with this planner, machine or build */
  EPLB_ERR_MISMATCH = -8,    /* ranks that gave a collective call different arguments */
  EPLB_ERR_CORRUPT = -9,     /* weights that arrived with another checksum than they left with */
  EPLB_ERR_CHANGED = -10,    /* weights that the job wrote while they moved */
  EPLB_ERR_MEMORY = -11,     /* out of memory, on any rank */
  EPLB_ERR_MPI = -12,        /* MPI returned an error; what it left behind is not known */
  EPLB_ERR_INTERNAL = -13    /* a bug of this library */
} eplb_status_t;

/* The longest sentence of eplb_last_error(), with its final zero. */
enum { EPLB_ERROR_MAX = 512 };

/* A short name of a code, e.g. "wrong argument". Local. Never NULL; static storage. */
EPLB_PUBLIC const char *eplb_status_name(eplb_status_t status);

/* One sentence: what was wrong with the last failed call of this thread, and what was expected. Local.
 * "" before any failure. Valid until the thread's next failing call; a successful call leaves it as it is. After a
 * failed collective call it reads the same on every rank, and names the rank that failed first where that matters. */
EPLB_PUBLIC const char *eplb_last_error(void);

/* Sets the sentence of eplb_last_error() and returns `status`. Local. For callbacks that the library calls, so that
 * their failures are explained like the library's own. */
EPLB_PUBLIC eplb_status_t eplb_fail(eplb_status_t status, const char *format, ...) EPLB_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
