#include "detect/trial.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 20 };

static void run_child(void (*attempt)(void *arg), void *arg) {
  static const int fatal[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
    signal(fatal[i], SIG_DFL); /* not the job's handlers, which print */
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) {
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
  }
  alarm(SECONDS);
  attempt(arg);
  _exit(0);
}

eplb_status_t eplb_try(void (*attempt)(void *arg), void *arg) {
  int how;
  pid_t child = fork();
  if (child < 0)
    return eplb_fail(EPLB_ERR_MEMORY, "cannot start a process: %s", strerror(errno));
  if (child == 0)
    run_child(attempt, arg);
  while (waitpid(child, &how, 0) < 0)
    if (errno != EINTR)
      return EPLB_SUCCESS; /* someone else has waited for all children: nothing is known */
  return WIFEXITED(how) && WEXITSTATUS(how) == 0 ? EPLB_SUCCESS : EPLB_ERR_FORMAT;
}
