/* What a placement costs group-limited routing. */
#include "core/plan/common/remote_nodes.h"
#include "core/model/placement.h"
#include "core/plan/common/expert_groups.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/random.h"

/* Up to this many sets of groups are all evaluated; of more, this many are drawn at random. */
enum { MAX_SETS = 20000, MAX_GROUPS = 4096 };

typedef struct remote {
  int num_nodes, num_groups, token_groups, token_experts;
  double *on_node; /* [num_groups][num_nodes]: the part of a group's load on a node */
  double *load;    /* [num_groups] */
  double *own;     /* [num_nodes]: the part of all tokens that come from it */
  double *visited; /* [num_nodes]: scratch */
  int *set;        /* [token_groups]: groups, ascending */
} remote_t;

static void add_up(remote_t *r, const eplb_topology_t *t, const eplb_placement_t *p, int layer, const double *load) {
  const int32_t *row = eplb_placement_row(p, layer), *count = eplb_placement_counts(p, layer);
  for (int d = 0; d < t->num_devices; d++) {
    int node = eplb_topology_node(t, d);
    r->own[node] += 1.0 / t->num_devices;
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      if (row[s] != EPLB_EMPTY)
        r->on_node[eplb_group_of(row[s], p->num_experts, r->num_groups) * r->num_nodes + node] +=
            load[row[s]] / count[row[s]];
  }
  for (int g = 0; g < r->num_groups; g++)
    for (int n = 0; n < r->num_nodes; n++)
      r->load[g] += r->on_node[g * r->num_nodes + n];
}

static double power(double base, int exponent) {
  double result = 1;
  for (int i = 0; i < exponent; i++)
    result *= base;
  return result;
}

/* The expected number of other nodes that a token visits if it has picked r->set; 0 if the set has no load. */
static double visits(remote_t *r) {
  double all = 0, sum = 0;
  for (int n = 0; n < r->num_nodes; n++)
    r->visited[n] = 0;
  for (int i = 0; i < r->token_groups; i++) {
    all += r->load[r->set[i]];
    for (int n = 0; n < r->num_nodes; n++)
      r->visited[n] += r->on_node[r->set[i] * r->num_nodes + n];
  }
  for (int n = 0; n < r->num_nodes && all > 0; n++)
    sum += (1 - power(1 - r->visited[n] / all, r->token_experts)) * (1 - r->own[n]);
  return sum;
}

/* The next set of as many groups in the order of words; 0 after the last. */
static int next_set(remote_t *r) {
  int last = r->token_groups - 1, i = last;
  while (i >= 0 && r->set[i] == r->num_groups - 1 - (last - i))
    i--;
  if (i < 0)
    return 0;
  r->set[i]++;
  for (int k = i + 1; k <= last; k++)
    r->set[k] = r->set[k - 1] + 1;
  return 1;
}

/* A set that chance draws: each as likely as any other. */
static void draw_set(remote_t *r, uint64_t *seed) {
  int taken = 0;
  for (int g = 0; g < r->num_groups && taken < r->token_groups; g++)
    if (eplb_random_uniform(seed) * (r->num_groups - g) < r->token_groups - taken)
      r->set[taken++] = g;
}

/* Whether there are no more than MAX_SETS sets. */
static int few_sets(const remote_t *r) {
  double sets = 1;
  for (int i = 0; i < r->token_groups; i++)
    sets *= (double)(r->num_groups - i) / (i + 1);
  return sets <= MAX_SETS;
}

static double expect_visits(remote_t *r) {
  double weight = 0, sum = 0, mean = 0;
  uint64_t seed = 1;
  int all = few_sets(r), drawn = 0, more = 1;
  for (int g = 0; g < r->num_groups; g++)
    mean += r->load[g] / r->num_groups;
  for (int i = 0; i < r->token_groups; i++)
    r->set[i] = i;
  while (more) {
    double chance = 1;
    if (!all)
      draw_set(r, &seed);
    for (int i = 0; i < r->token_groups; i++)
      chance *= r->load[r->set[i]] / (mean > 0 ? mean : 1);
    weight += chance;
    sum += chance * visits(r);
    more = all ? next_set(r) : ++drawn < MAX_SETS;
  }
  return weight > 0 ? sum / weight : 0;
}

/* The fraction of each node's load that belongs to groups with more load on another node. */
static void find_off_home(const remote_t *r, double *off_home) {
  for (int n = 0; n < r->num_nodes; n++) {
    double all = 0, away = 0;
    for (int g = 0; g < r->num_groups; g++) {
      int home = 0;
      for (int k = 1; k < r->num_nodes; k++)
        if (r->on_node[g * r->num_nodes + k] > r->on_node[g * r->num_nodes + home])
          home = k;
      all += r->on_node[g * r->num_nodes + n];
      away += home == n ? 0 : r->on_node[g * r->num_nodes + n];
    }
    off_home[n] = all > 0 ? away / all : 0;
  }
}

static eplb_status_t check_routing(const eplb_group_routing_t *r, int num_experts) {
  if (r->num_groups < 1 || r->num_groups > MAX_GROUPS || r->num_groups > num_experts)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%d expert groups; expected 1 to %d, and no more than experts", r->num_groups,
                     MAX_GROUPS);
  if (r->token_groups < 1 || r->token_groups > r->num_groups || r->token_experts < 1 || r->token_experts > num_experts)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a token of %s and %s; expected 1 to %d and 1 to %d",
                     eplb_count(r->token_groups, "group"), eplb_count(r->token_experts, "expert"), r->num_groups,
                     num_experts);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_remote_nodes(const eplb_group_routing_t *routing, const eplb_topology_t *topology,
                                const eplb_placement_t *placement, int layer, const double *load,
                                eplb_visits_t *visits) {
  eplb_status_t status = check_routing(routing, placement->num_experts);
  if (status)
    return status;
  remote_t r = {.num_nodes = eplb_topology_num_nodes(topology),
                .num_groups = routing->num_groups,
                .token_groups = routing->token_groups,
                .token_experts = routing->token_experts};
  size_t groups = (size_t)r.num_groups, count = (size_t)r.num_nodes;
  r.on_node = EPLB_NEW(double, groups *count + groups + 2 * count);
  r.set = EPLB_NEW(int, r.token_groups);
  status = r.on_node && r.set ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  if (!status) {
    r.load = r.on_node + groups * count;
    r.own = r.load + groups;
    r.visited = r.own + count;
    add_up(&r, topology, placement, layer, load);
    visits->nodes = expect_visits(&r);
    if (visits->off_home)
      find_off_home(&r, visits->off_home);
  }
  free(r.on_node);
  free(r.set);
  return status;
}
