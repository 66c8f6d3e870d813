/* What a machine's accelerators are, and whether they are found so. */
#ifndef TESTS_MACHINE_TABLE_H
#define TESTS_MACHINE_TABLE_H

/* What is right, written down from the files and what is known of these machines, not from what we print. */
typedef struct machine_expected {
  const char *file, *numa; /* NUMA node of each accelerator in PCI order */
  const char *name;        /* part of every accelerator's name */
  const char *backends;    /* kinds of backends that show each */
  int peers, islands;      /* of each accelerator; of the host */
  double least, most;      /* MB/s between peers */
} machine_expected_t;

/* Asserts that the XML file `path` gives what is expected. */
void machine_check(const machine_expected_t *expected, const char *path);

#endif
