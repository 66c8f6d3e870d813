/* Builds the topology from the reports of all ranks: outer domains (racks), fabrics, nodes, islands. A level that adds
 * nothing, or does not nest, is left out. */
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
static int number_labels(label_t *label, int count, int *domain) {
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

/* Chooses the rule that gives the domains of all ranks. Slurm's is used only if it names the domains of all ranks. */
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

static eplb_status_t check_same_levels(const eplb_rank_info_t *rank, int num_ranks) {
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

static void label_fabric(const eplb_rank_info_t *r, char *text, size_t size) {
  snprintf(text, size, "%s", r->device.fabric);
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
  int host_level; /* "node" */
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
    number_labels(l->label, num_ranks, l->domain + (size_t)i * (size_t)num_ranks);
  }
}

/* A level by its name, and what labels a rank's domain in it. */
typedef struct kind {
  const char *name;
  void (*label)(const eplb_rank_info_t *, char *, size_t);
} kind_t;

/* Adds a level by label; returns how many domains it has. */
static int add_level(const eplb_rank_info_t *rank, int num_ranks, levels_t *l, kind_t kind) {
  for (int r = 0; r < num_ranks; r++) {
    l->label[r].rank = r;
    kind.label(&rank[r], l->label[r].text, sizeof l->label[r].text);
  }
  snprintf(l->name[l->num_levels], sizeof l->name[l->num_levels], "%s", kind.name);
  return number_labels(l->label, num_ranks, l->domain + (size_t)l->num_levels++ * (size_t)num_ranks);
}

static int *column(const levels_t *l, int level, int num_ranks) {
  return l->domain + (size_t)level * (size_t)num_ranks;
}

static void remove_level(levels_t *l, int level, int num_ranks) {
  int behind = --l->num_levels - level;
  memmove(column(l, level, num_ranks), column(l, level + 1, num_ranks),
          (size_t)behind * (size_t)num_ranks * sizeof *l->domain);
  memmove(l->name[level], l->name[level + 1], (size_t)behind * sizeof *l->name);
}

/* Whether each domain of a level lies in one of the level above; a level 0 lies in the whole. */
static int is_nested(const levels_t *l, int level, int num_ranks) {
  const int *inner = column(l, level, num_ranks), *outer = level ? column(l, level - 1, num_ranks) : NULL;
  for (int r = 0; r < num_ranks; r++)
    l->scratch[r] = -1;
  for (int r = 0; r < num_ranks && outer; r++) {
    int *first = &l->scratch[inner[r]];
    if (*first < 0)
      *first = outer[r];
    if (*first != outer[r])
      return 0;
  }
  return 1;
}

static int count_domains(const levels_t *l, int level, int num_ranks) {
  int domains = 0;
  for (int r = 0; r < num_ranks; r++)
    if (column(l, level, num_ranks)[r] >= domains)
      domains = column(l, level, num_ranks)[r] + 1;
  return domains;
}

static int all_tell_fabrics(const eplb_rank_info_t *rank, int num_ranks) {
  for (int r = 0; r < num_ranks; r++)
    if (!rank[r].device.fabric[0])
      return 0;
  return 1;
}

/* Keeps the level of fabrics, which is above that of nodes, where fabrics span nodes and fit between the levels around
 * them; it is then the planners' node. If it says the same as the level above, that one is. */
static void choose_fabric_level(levels_t *l, int fabrics, int num_ranks) {
  int level = l->host_level - 1;
  int fits = is_nested(l, level, num_ranks) && is_nested(l, level + 1, num_ranks) && fabrics < l->num_nodes;
  int is_above = fits && level > 0 && count_domains(l, level - 1, num_ranks) == fabrics;
  if (!fits || is_above) {
    remove_level(l, level, num_ranks);
    l->host_level--;
  }
  l->node_level = !fits ? l->host_level : is_above ? level - 1 : level;
}

static eplb_status_t fill_levels(eplb_rank_info_t *rank, int num_ranks, levels_t *l) {
  number_outer(rank, num_ranks, l);
  int has_fabrics = l->num_levels < EPLB_MAX_LEVELS - 2 && all_tell_fabrics(rank, num_ranks);
  int fabrics = has_fabrics ? add_level(rank, num_ranks, l, (kind_t){"nvlink", label_fabric}) : 0;
  l->node_level = l->host_level = l->num_levels;
  l->num_nodes = add_level(rank, num_ranks, l, (kind_t){"node", label_node});
  if (has_fabrics)
    choose_fabric_level(l, fabrics, num_ranks);
  for (int r = 0; r < num_ranks; r++)
    rank[r].node = column(l, l->host_level, num_ranks)[r];
  eplb_status_t status = check_nodes(rank, num_ranks, l->scratch, l->num_nodes);
  if (!status && add_level(rank, num_ranks, l, (kind_t){"island", label_island}) == l->num_nodes)
    l->num_levels--; /* each node is one island: nothing new */
  return status;
}

static eplb_status_t topology_of_levels(eplb_rank_info_t *rank, int num_ranks, int slots_per_device, levels_t *l,
                                        eplb_topology_t **topology) {
  const char *names[EPLB_MAX_LEVELS];
  for (int i = 0; i < l->num_levels; i++)
    names[i] = l->name[i];
  for (int r = 0; r < num_ranks; r++)
    l->scratch[r] = slots_per_device;
  eplb_status_t status = eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                             .num_devices = num_ranks,
                                                                             .num_levels = l->num_levels,
                                                                             .level_name = names,
                                                                             .node_level = l->node_level,
                                                                             .domain = l->domain,
                                                                             .slots = l->scratch},
                                              topology);
  for (int r = 0; r < num_ranks && !status; r++)
    rank[r].node = (*topology)->domain[(size_t)l->host_level * (size_t)num_ranks + (size_t)r];
  return status;
}

eplb_status_t eplb_build_topology(eplb_rank_info_t *rank, int num_ranks, int slots_per_device,
                                  const eplb_domain_options_t *options, eplb_topology_t **topology, int *host_level) {
  levels_t l = {.domain = EPLB_NEW(int, (size_t)num_ranks *EPLB_MAX_LEVELS),
                .scratch = EPLB_NEW(int, num_ranks),
                .label = EPLB_NEW(label_t, num_ranks)};
  eplb_status_t status = l.domain && l.scratch && l.label ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status)
    status = choose_rule(rank, num_ranks, options->racks);
  if (!status)
    status = check_same_levels(rank, num_ranks);
  if (!status)
    status = fill_levels(rank, num_ranks, &l);
  if (!status)
    status = topology_of_levels(rank, num_ranks, slots_per_device, &l, topology);
  if (!status && options->node_level && (status = eplb_topology_set_node_level(*topology, options->node_level)))
    eplb_topology_destroy(topology);
  *host_level = l.host_level;
  free(l.label);
  free(l.scratch);
  free(l.domain);
  return status;
}
