/* A network of the test's own, in one process: chunks in a queue, which may be late, out of order, sent twice,
 * damaged, or lost. Two transports use it: one must be asked for messages, the other brings them unasked. */
#ifndef TESTS_FAKE_TRANSPORT_H
#define TESTS_FAKE_TRANSPORT_H

#include "mpi/migrate/transport.h"

typedef struct fake_network {
  uint64_t seed;
  int most_late;         /* calls of progress that a chunk waits at most */
  int shuffles;          /* 1: chunks arrive in any order */
  int duplicates;        /* 1: some chunks arrive twice */
  int64_t lost, damaged; /* the number of the chunk, as they are sent, or -1 */
  int64_t held;          /* the number of a chunk that others pass by more than a transport may; or -1 */
  int64_t num_sent;      /* chunks so far */
} fake_network_t;

extern fake_network_t fake_network;

/* {asked, unasked, NULL}: ranks whose sum is a multiple of 3 use the first. */
extern const eplb_transport_t *const fake_transports[];

/* Drops all chunks. */
void fake_network_clear(void);

#endif
