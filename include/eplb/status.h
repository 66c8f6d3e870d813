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

/* Ordered: if ranks end a collective call with different codes, all of them return the lowest. */
typedef enum eplb_status {
  EPLB_SUCCESS = 0,
  EPLB_ERR_ARGUMENT = -1,    /* an argument or option that no call accepts */
  EPLB_ERR_LOADS = -2,       /* a load that is NaN, infinite, negative, or at least 2^63 */
  EPLB_ERR_SHAPE = -3,       /* sizes that do not match */
  EPLB_ERR_STATE = -4,       /* a call in the wrong order, e.g. a rebalance while one is open */
  EPLB_ERR_FORMAT = -5,      /* a file with wrong content */
  EPLB_ERR_IO = -6,          /* a file that cannot be read or written */
  EPLB_ERR_UNSUPPORTED = -7, /* not possible with this planner, machine or build */
  EPLB_ERR_MISMATCH = -8,    /* ranks that gave a collective call different arguments */
  EPLB_ERR_CORRUPT = -9,     /* weights that arrived with another checksum than they were sent with */
  EPLB_ERR_CHANGED = -10,    /* weights that the job wrote while they moved */
  EPLB_ERR_MEMORY = -11,     /* out of memory, on any rank */
  EPLB_ERR_MPI = -12,        /* MPI returned an error; the state of its buffers is unknown */
  EPLB_ERR_INTERNAL = -13    /* a bug of this library */
} eplb_status_t;

/* The longest sentence of eplb_last_error(), with its final zero. */
enum { EPLB_ERROR_MAX = 512 };

/* Returns a short name of a code, e.g. "wrong argument". Local. Never NULL; static storage. */
EPLB_PUBLIC const char *eplb_status_name(eplb_status_t status);

/* Returns one sentence about the last failed call of this thread: what was wrong, and what was expected; "" before any
 * failure. Valid until the thread's next failing call; a successful call does not change it. After a failed collective
 * call it is the same on every rank, and names the rank that failed first if that matters. Local. */
EPLB_PUBLIC const char *eplb_last_error(void);

/* Sets the sentence of eplb_last_error() and returns `status`. For callbacks, so that their failures are reported like
 * the library's own. Local. */
EPLB_PUBLIC eplb_status_t eplb_fail(eplb_status_t status, const char *format, ...) EPLB_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
