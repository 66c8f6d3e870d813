#include "mpi/detect/enclosing_domains.h"
#include "core/util/alloc.h"
#include "mpi/detect/racks.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A domain by a text that no other of its level has. */
typedef struct label {
  char text[EPLB_DOMAIN_PATH_MAX];
  int rank;
} label_t;

static int by_text(const void *a, const void *b) {
  return strcmp(((const label_t *)a)->text, ((const label_t *)b)->text);
}

/* Numbers ranks by label, and returns how many there are. */
static int number(label_t *label, int count, int *domain) {
  int domains = 0;
  qsort(label, (size_t)count, sizeof *label, by_text);
  for (int i = 0; i < count; i++) {
    domains += i == 0 || by_text(&label[i - 1], &label[i]);
    domain[label[i].rank] = domains - 1;
  }
  return domains;
}

/* ---- outer domains ---- */

static int count_parts(const char *path) {
  int parts = path[0] != 0;
  for (; *path; path++)
    parts += *path == '/';
  return parts;
}

/* The path up to and with part number `level`. */
static size_t prefix_length(const char *path, int level) {
  const char *at = path;
  for (; level > 0; level--)
    at += strcspn(at, "/") + 1;
  return (size_t)(at - path) + strcspn(at, "/");
}

/* The name of a part: what stands before "=", or "domain". */
static void part_name(const char *path, int level, char *name) {
  const char *part = path + (level ? prefix_length(path, level - 1) + 1 : 0);
  size_t length = strcspn(part, "/");
  const char *equals = memchr(part, '=', length);
  snprintf(name, EPLB_LEVEL_NAME_MAX, "%.*s", equals ? (int)(equals - part) : 6, equals ? part : "domain");
}

static int same_levels(const char *a, const char *b) {
  int parts = count_parts(a);
  if (count_parts(b) != parts)
    return 0;
  for (int l = 0; l < parts; l++) {
    char x[EPLB_LEVEL_NAME_MAX], y[EPLB_LEVEL_NAME_MAX];
    part_name(a, l, x);
    part_name(b, l, y);
    if (strcmp(x, y))
      return 0;
  }
  return 1;
}

static void forget_domains(eplb_rank_info_t *rank, int num_ranks) {
  for (int r = 0; r < num_ranks; r++) {
    rank[r].domain[0] = 0;
    rank[r].domain_rule = EPLB_DOMAIN_UNKNOWN;
  }
}

/* Which rule counts, so that all ranks are told by the same one. What Slurm says is taken only where it says so of
 * all. */
static eplb_status_t choose_rule(eplb_rank_info_t *rank, int num_ranks, const char *racks) {
  int by[EPLB_DOMAIN_BY_SLURM + 1] = {0};
  for (int r = 0; r < num_ranks; r++)
    by[rank[r].domain_rule]++;
  if (!by[EPLB_DOMAIN_BY_EPLB] && racks)
    return eplb_read_racks(racks, rank, num_ranks);
  if (!by[EPLB_DOMAIN_BY_EPLB] && by[EPLB_DOMAIN_BY_SLURM] < num_ranks)
    forget_domains(rank, num_ranks);
  for (int r = 1; r < num_ranks; r++)
    if (rank[r].domain_rule == EPLB_DOMAIN_BY_SLURM && rank[0].domain_rule == EPLB_DOMAIN_BY_SLURM &&
        !same_levels(rank[0].domain, rank[r].domain)) {
      forget_domains(rank, num_ranks);
      break;
    }
  for (int r = 0; r < num_ranks; r++)
    if (by[EPLB_DOMAIN_BY_EPLB] && rank[r].domain_rule != EPLB_DOMAIN_BY_EPLB)
      return eplb_fail(EPLB_ERR_MISMATCH,
                       "EPLB_DOMAIN is set on other ranks but not on rank %d; expected it on all or none", r);
  return EPLB_SUCCESS;
}

static eplb_status_t check_levels(const eplb_rank_info_t *rank, int num_ranks) {
  for (int r = 1; r < num_ranks; r++)
    if (!same_levels(rank[0].domain, rank[r].domain))
      return eplb_fail(EPLB_ERR_MISMATCH,
                       "rank %d is in \"%s\" and rank 0 in \"%s\"; expected the same levels on all ranks", r,
                       rank[r].domain, rank[0].domain);
  return EPLB_SUCCESS;
}

/* ---- nodes and islands ---- */

static void label_node(const eplb_rank_info_t *r, char *text, size_t size) {
  snprintf(text, size, "%016" PRIx64 "%016" PRIx64, r->machine, r->shared_memory);
}

static void label_island(const eplb_rank_info_t *r, char *text, size_t size) {
  int by_device = r->device_index >= 0;
  snprintf(text, size, "%d %d %d", r->node, by_device, by_device ? r->device.island : r->numa);
}

/* The first rank of each node stands for it: others of the node must be where it is. */
static eplb_status_t check_nodes(const eplb_rank_info_t *rank, int num_ranks, int *first, int num_nodes) {
  for (int n = 0; n < num_nodes; n++)
    first[n] = -1;
  for (int r = 0; r < num_ranks; r++) {
    int *f = &first[rank[r].node];
    if (*f < 0)
      *f = r;
    if (strcmp(rank[*f].domain, rank[r].domain))
      return eplb_fail(EPLB_ERR_MISMATCH,
                       "ranks %d and %d are on one node, %s, but in \"%s\" and \"%s\"; expected the same", *f, r,
                       rank[r].host, rank[*f].domain, rank[r].domain);
  }
  return EPLB_SUCCESS;
}

/* ---- the whole ---- */

typedef struct levels {
  int num_levels, node_level, num_nodes;
  char name[EPLB_MAX_LEVELS][EPLB_LEVEL_NAME_MAX];
  int *domain;    /* [EPLB_MAX_LEVELS][num_ranks] */
  int *scratch;   /* [num_ranks]: slots, and first ranks of nodes */
  label_t *label; /* [num_ranks] */
} levels_t;

/* Names that stand twice, as Slurm's "switch", get numbers. */
static void name_outer(const char *path, levels_t *l) {
  int parts = count_parts(path);
  for (int i = 0; i < parts; i++) {
    char name[EPLB_LEVEL_NAME_MAX], other[EPLB_LEVEL_NAME_MAX];
    int alike = 0, before = 0;
    part_name(path, i, name);
    for (int k = 0; k < parts; k++) {
      part_name(path, k, other);
      alike += !strcmp(name, other);
      before += k < i && !strcmp(name, other);
    }
    if (alike > 1)
      snprintf(l->name[i], sizeof l->name[i], "%.13s%c", name, '1' + before);
    else
      snprintf(l->name[i], sizeof l->name[i], "%s", name);
  }
  l->num_levels = parts;
}

static void number_outer(const eplb_rank_info_t *rank, int num_ranks, levels_t *l) {
  name_outer(rank[0].domain, l);
  for (int i = 0; i < l->num_levels; i++) {
    for (int r = 0; r < num_ranks; r++) {
      l->label[r].rank = r;
      snprintf(l->label[r].text, sizeof l->label[r].text, "%.*s", (int)prefix_length(rank[r].domain, i),
               rank[r].domain);
    }
    number(l->label, num_ranks, l->domain + (size_t)i * (size_t)num_ranks);
  }
}

/* Adds a level by label; returns how many domains it has. */
static int add_level(const eplb_rank_info_t *rank, int num_ranks, levels_t *l, const char *name,
                     void (*label)(const eplb_rank_info_t *, char *, size_t)) {
  for (int r = 0; r < num_ranks; r++) {
    l->label[r].rank = r;
    label(&rank[r], l->label[r].text, sizeof l->label[r].text);
  }
  snprintf(l->name[l->num_levels], sizeof l->name[l->num_levels], "%s", name);
  return number(l->label, num_ranks, l->domain + (size_t)l->num_levels++ * (size_t)num_ranks);
}

static eplb_status_t fill(eplb_rank_info_t *rank, int num_ranks, levels_t *l) {
  number_outer(rank, num_ranks, l);
  l->node_level = l->num_levels;
  l->num_nodes = add_level(rank, num_ranks, l, "node", label_node);
  for (int r = 0; r < num_ranks; r++)
    rank[r].node = l->domain[(size_t)l->node_level * (size_t)num_ranks + (size_t)r];
  eplb_status_t status = check_nodes(rank, num_ranks, l->scratch, l->num_nodes);
  if (!status && add_level(rank, num_ranks, l, "island", label_island) == l->num_nodes)
    l->num_levels--; /* each node is one island: nothing new */
  return status;
}

static eplb_status_t create(eplb_rank_info_t *rank, int num_ranks, int slots_per_device, levels_t *l,
                            eplb_topology_t **topology) {
  const char *names[EPLB_MAX_LEVELS];
  for (int i = 0; i < l->num_levels; i++)
    names[i] = l->name[i];
  for (int r = 0; r < num_ranks; r++)
    l->scratch[r] = slots_per_device;
  eplb_status_t status =
      eplb_topology_create(num_ranks, l->num_levels, names, l->node_level, l->domain, l->scratch, NULL, 0, topology);
  for (int r = 0; r < num_ranks && !status; r++)
    rank[r].node = eplb_topology_node(*topology, r);
  return status;
}

eplb_status_t eplb_build_topology(eplb_rank_info_t *rank, int num_ranks, int slots_per_device, const char *racks,
                                  eplb_topology_t **topology) {
  levels_t l = {.domain = EPLB_NEW(int, (size_t)num_ranks *EPLB_MAX_LEVELS),
                .scratch = EPLB_NEW(int, num_ranks),
                .label = EPLB_NEW(label_t, num_ranks)};
  eplb_status_t status = l.domain && l.scratch && l.label ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status)
    status = choose_rule(rank, num_ranks, racks);
  if (!status)
    status = check_levels(rank, num_ranks);
  if (!status)
    status = fill(rank, num_ranks, &l);
  if (!status)
    status = create(rank, num_ranks, slots_per_device, &l, topology);
  free(l.label);
  free(l.scratch);
  free(l.domain);
  return status;
}
