/* The benchmarks, and what they share. */
#ifndef EPLB_TOOLS_BENCH_BENCH_H
#define EPLB_TOOLS_BENCH_BENCH_H

/* As the commands in commands.h. */
int bench_plan(int argc, char **argv);
int bench_migrate(int argc, char **argv);
int bench_dispatch(int argc, char **argv);
int bench_session(int argc, char **argv);

/* A clock that only runs forward. */
double bench_seconds(void);

/* What this process took of a core: others on the machine do not count. */
double bench_core_seconds(void);

#endif
