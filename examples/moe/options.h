/* What the user can choose. */
#ifndef MOE_OPTIONS_H
#define MOE_OPTIONS_H

enum { MAX_PHASES = 8 };

/* How the job is balanced; MODE_NONE: not at all. */
typedef enum mode {
  MODE_NONE,
  MODE_BLOCK,   /* rebalances between two steps, and waits */
  MODE_OVERLAP, /* each layer's experts move while the layers before it compute */
  MODE_SHARES,  /* the same, and each batch has its own shares of the replicas */
  NUM_MODES
} balance_mode_t;

typedef struct options {
  int layers, experts, slots; /* slots of a rank and layer in balanced modes; 0: two more than experts / ranks */
  int top_k, width, tokens;   /* tokens of a rank in a step; a multiple of SEQUENCE */
  int steps, every, seed;     /* rebalances after so many steps */
  int fixed_routing;          /* the router sees the input alone, so that all modes route alike */
  double rate;                /* of Adam */
  int is_chosen[NUM_MODES];
  int json;
  const char *record;            /* file for the router's counts, or NULL */
  const char *phase[MAX_PHASES]; /* files of each phase, separated by commas */
  int num_phases;
} options_t;

enum { SEQUENCE = 64 };

extern const char *const mode_name[NUM_MODES];

/* Sets *options from the command line; 1 if they can be used with so many ranks. Else says why, on rank 0. */
int options_read(int argc, char **argv, int rank, int ranks, options_t *options);

#endif
