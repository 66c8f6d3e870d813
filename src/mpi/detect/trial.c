/* Runs a call in a child process, so that its crash or its endless loop becomes an error sentence here. */
#include "mpi/detect/trial.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 20 };

/* The child's result; short enough that one write to a pipe is not split. */
typedef struct outcome {
  eplb_status_t status;
  char sentence[EPLB_ERROR_MAX];
} outcome_t;

static void run_child(eplb_status_t (*attempt)(void *arg), void *arg, int pipe_end) {
  static const int fatal[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
    signal(fatal[i], SIG_DFL); /* not the job's handlers, which print */
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
  }
  alarm(SECONDS);
  outcome_t outcome;
  memset(&outcome, 0, sizeof outcome);
  outcome.status = attempt(arg);
  snprintf(outcome.sentence, sizeof outcome.sentence, "%s", eplb_last_error());
  _exit(write(pipe_end, &outcome, sizeof outcome) != (ssize_t)sizeof outcome);
}

static int get_outcome(int pipe_end, outcome_t *outcome) {
  ssize_t got;
  do
    got = read(pipe_end, outcome, sizeof *outcome);
  while (got < 0 && errno == EINTR);
  return got == (ssize_t)sizeof *outcome;
}

eplb_status_t eplb_try(eplb_status_t (*attempt)(void *arg), void *arg) {
  int ends[2];
  outcome_t outcome;
  if (pipe2(ends, O_CLOEXEC))
    return eplb_fail(EPLB_ERR_MEMORY, "cannot make a pipe: %s", strerror(errno));
  pid_t child = fork();
  if (child == 0)
    run_child(attempt, arg, ends[1]);
  int error = errno;
  close(ends[1]);
  int is_known = child > 0 && get_outcome(ends[0], &outcome);
  close(ends[0]);
  if (child < 0)
    return eplb_fail(EPLB_ERR_MEMORY, "cannot start a process: %s", strerror(error));
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
    ;
  if (!is_known)
    return eplb_fail(EPLB_ERR_INTERNAL, "a trial process crashed or took more than %d s", SECONDS);
  return outcome.status ? eplb_fail(outcome.status, "%s", outcome.sentence) : EPLB_SUCCESS;
}
