/* Plans a layer from the current placement, for one window of loads.
 *
 * Problem: lower the busiest device's time with few moved replicas. Planning from scratch moves nearly every replica
 * (278 of 288 slots with DeepSeek's planner). Method: each replica has a price by the distance from the nearest device
 * that had its expert, and each change must gain enough for its price (priced_search.c). If that does not reach the
 * target balance, a plan from scratch is made, its devices are relabelled so that most experts stay (relabel.c), and it
 * is taken only if it is clearly better, within the limit of moves, and pays. A layer whose busiest device is not
 * busier than the mean by more than chance is left as it is (../common/count_noise.c). With the hierarchical policy the
 * node that holds most of a group is its home; replicas may leave it only as far as options->spill allows. Cost:
 * O(busiest device's slots x all slots) for each change. */
#include "core/plan/window/incremental.h"
#include "core/plan/common/count_noise.h"
#include "core/util/alloc.h"
#include <math.h>
#include <string.h>

/* What load away from home costs routing, in moves within a node for a mean device's load. */
static const double SPILL_PRICE = 16;

/* No expert may have replica loads so much larger than need be: where they have, devices soon cannot be relieved by
 * single changes. */
static const double LARGEST_SHARE = 1.1;

/* Planning from scratch is tried if the result is this much worse than the target, and must be this much better. */
static const double STUCK = 1.005, WORTH_IT = .995;

/* Dealing groups to other nodes moves much: so much must the busiest node gain. */
static const double GROUPS_WORTH_IT = .95;

/* ---- prices ---- */

/* The price of a replica by what it shares with the nearest device that had its expert: class 0 is the same device,
 * then level by level outwards; the last class shares nothing. A move into another node costs node_cost, and each level
 * further out adds node_cost. */
static double price_of_move(const eplb_topology_t *t, int distance, double node_cost) {
  int shared = t->num_levels - distance; /* the innermost level that both are in the same domain of; -1: none */
  int crossed = t->node_level > shared ? t->node_level - shared : 0;
  return distance == 0 ? 0 : 1 + (node_cost - 1) * crossed;
}

static double node_cost(const eplb_plan_options_t *o) {
  return o->payback
             ? fmax(1, o->payback->bytes_per_second[EPLB_LINK_NODE] / o->payback->bytes_per_second[EPLB_LINK_NETWORK])
             : o->node_cost;
}

static void set_prices(eplb_incremental_t *r, double per_move) {
  const eplb_topology_t *t = r->fresh.part.topology;
  const eplb_plan_options_t *o = r->fresh.options;
  for (int distance = 0; distance <= t->num_levels + 1; distance++) {
    double move = per_move * price_of_move(t, distance, node_cost(o));
    r->prices.fixed[2 * distance] = move;
    r->prices.per_load[2 * distance] = 0;
    r->prices.fixed[2 * distance + 1] = move + (o->spill > 0 ? 0 : EPLB_PRICE_FORBIDDEN);
    r->prices.per_load[2 * distance + 1] = o->spill > 0 ? SPILL_PRICE : 0;
    r->prices.is_move[2 * distance] = r->prices.is_move[2 * distance + 1] = distance > 0;
  }
}

/* Classes: twice the distance from where the expert was, and 1 more off its home node. With before NULL nothing was
 * anywhere. */
static void set_classes(eplb_incremental_t *r, const int32_t *before, const int32_t *home) {
  const eplb_topology_t *t = r->fresh.part.topology;
  int devices = t->num_devices, slots = eplb_topology_num_slots(t);
  size_t all = (size_t)r->fresh.part.num_experts * (size_t)devices;
  memset(r->class, before ? t->num_levels + 1 : 0, all);
  for (int level = 0; level < t->num_levels && before; level++) {
    const int *domain = t->domain + (size_t)level * (size_t)devices;
    for (int d = 0; d < devices; d++)
      for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
        for (int other = 0; other < devices && before[s] != EPLB_EMPTY; other++)
          if (domain[other] == domain[d])
            r->class[(size_t)before[s] * (size_t)devices + (size_t)other] = (uint8_t)(t->num_levels - level);
  }
  for (int s = 0, d = 0; s < slots && before; s++) {
    while (s >= t->slot_begin[d + 1])
      d++;
    if (before[s] != EPLB_EMPTY)
      r->class[(size_t)before[s] * (size_t)devices + (size_t)d] = 0;
  }
  for (size_t i = 0; i < all; i++) {
    int node = home ? home[i / (size_t)devices] : -1;
    r->class[i] = (uint8_t)(2 * r->class[i] + (node >= 0 && node != eplb_topology_node(t, (int)(i % (size_t)devices))));
  }
}

/* ---- homes ---- */

/* Finds the node that holds most of each group. Returns whether the placement is nearly hierarchical. */
static int find_homes(eplb_incremental_t *r, const int32_t *before) {
  const eplb_topology_t *t = r->fresh.part.topology;
  eplb_expert_groups_t *g = &r->fresh.groups;
  int nodes = eplb_topology_num_nodes(t), away = 0, slots = eplb_topology_num_slots(t);
  memset(r->weight, 0, (size_t)g->num_groups * (size_t)nodes * sizeof *r->weight);
  for (int d = 0; d < t->num_devices; d++)
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      if (before[s] != EPLB_EMPTY)
        r->weight[eplb_group_of(before[s], g->num_experts, g->num_groups) * nodes + eplb_topology_node(t, d)]++;
  eplb_expert_groups_clear(g, t, r->fresh.part.load);
  for (int i = 0; i < g->num_groups; i++) {
    int home = 0, all = 0;
    for (int n = 0; n < nodes; n++) {
      all += r->weight[i * nodes + n];
      if (r->weight[i * nodes + n] > r->weight[i * nodes + home])
        home = n;
    }
    away += all - r->weight[i * nodes + home];
    eplb_expert_groups_put(g, i, home);
  }
  for (int e = 0; e < g->num_experts; e++)
    r->home[e] = g->node[eplb_group_of(e, g->num_experts, g->num_groups)];
  for (int n = 0; n < nodes; n++)
    if (g->room[n] < 0 || g->members[n] == 0)
      return 0;
  return away <= slots / 4;
}

/* ---- a layer ---- */

static double index_row(eplb_incremental_t *r, const int32_t *row) {
  eplb_subproblem_t *p = &r->fresh.part;
  eplb_subproblem_select(p, -1, NULL);
  eplb_iterated_search_bound(&p->layer, &p->search.lpt);
  eplb_subproblem_read(p, row);
  eplb_window_state_index(&p->layer);
  return p->layer.time[eplb_window_state_busiest(&p->layer)];
}

static double price_of_row(const eplb_incremental_t *r) {
  const eplb_window_state_t *l = &r->fresh.part.layer;
  double sum = 0;
  for (int s = 0; s < l->num_slots; s++)
    if (l->expert[s] != EPLB_EMPTY)
      sum += r->prices.fixed[r->class[(size_t)l->expert[s] * (size_t)l->num_devices + (size_t)l->device[s]] & ~1];
  return sum;
}

/* The gain, in mean device times of this window, that pays for one move within a node. */
static double paying_value(const eplb_incremental_t *r, const double *load) {
  const eplb_payback_t *p = r->fresh.options->payback;
  const eplb_topology_t *t = r->fresh.part.topology;
  double total = 0, speed = 0;
  if (!p)
    return 0;
  for (int e = 0; e < r->fresh.part.num_experts; e++)
    total += load[e];
  for (int d = 0; d < t->num_devices; d++)
    speed += t->slot_begin[d + 1] > t->slot_begin[d] ? t->speed[d] : 0;
  return p->expert_bytes / p->bytes_per_second[EPLB_LINK_NODE] / (total / speed * p->seconds_per_load * p->horizon);
}

static double adjust(eplb_incremental_t *r, double target, int max_moves, double least_value) {
  eplb_window_state_t *l = &r->fresh.part.layer;
  eplb_priced_search_limits_t limits = {.target = target, .max_moves = max_moves, .least_value = least_value};
  limits.largest_replica_load = fmax(LARGEST_SHARE * l->largest_replica_load, limits.target / 2);
  l->work = 4 * eplb_effort_work(r->fresh.options->effort, l->num_slots);
  if (!(least_value > 0))
    eplb_priced_search_counts(l, &r->prices, &limits);
  return eplb_priced_search(l, &r->prices, &limits);
}

/* The busiest node's mean device time, of all devices' mean: what the hierarchical policy cannot go below. */
static double busiest_node(const eplb_incremental_t *r) {
  const eplb_expert_groups_t *g = &r->fresh.groups;
  double busiest = 0, load = 0, speed = 0;
  for (int n = 0; n < eplb_topology_num_nodes(r->fresh.part.topology); n++) {
    busiest = fmax(busiest, g->time[n]);
    load += g->time[n] * g->speed[n];
    speed += g->speed[n];
  }
  return busiest * speed / load;
}

/* What a plan from scratch must reach to be taken: times of the busiest device, in means. */
typedef struct gate {
  double was;         /* of the row before */
  double worst;       /* of the best row so far: to be undercut */
  double least_value; /* what a move must gain */
  double by_chance;   /* what chance alone may gain */
} gate_t;

/* Plans from scratch and takes the result if it is better than the best row so far, within the limit of moves, pays,
 * and is better than the current row by more than chance. */
static eplb_status_t try_fresh(eplb_incremental_t *r, const double *load, const int32_t *before, const gate_t *gate,
                               int32_t *row) {
  eplb_status_t status = eplb_from_scratch_layer(&r->fresh, 0, load, r->row);
  if (status)
    return status;
  if (r->fresh.policy == EPLB_POLICY_HIERARCHICAL && r->fresh.options->spill > 0)
    eplb_incremental_spill(r, r->fresh.groups.owner, r->fresh.options->spill, r->row);
  eplb_relabel(&r->relabel, before, r->row);
  double now = index_row(r, r->row);
  set_prices(r, 1);
  set_classes(r, before, NULL);
  if (now < WORTH_IT * gate->worst &&
      eplb_count_moves(&r->fresh.part.layer, &r->prices) <= r->fresh.options->max_moves &&
      gate->was - now >= gate->least_value * price_of_row(r) && gate->was - now > gate->by_chance)
    memcpy(row, r->row, (size_t)r->fresh.part.layer.num_slots * sizeof *row);
  return EPLB_SUCCESS;
}

void eplb_incremental_spill(eplb_incremental_t *r, const int32_t *owner, double balance, int32_t *row) {
  double was = index_row(r, row);
  set_prices(r, 0);
  set_classes(r, NULL, owner);
  if (adjust(r, r->fresh.part.layer.bound / balance, r->fresh.part.layer.num_slots, 0) < was)
    eplb_subproblem_write(&r->fresh.part, row); /* else counts came first and nothing followed */
}

/* Where whole groups keep to their nodes: the time below which only dealing the groups anew could go; and whether that
 * would gain. */
static eplb_status_t bound_homes(eplb_incremental_t *r, double *bound, int *deal_anew) {
  *bound = fmax(*bound, busiest_node(r));
  eplb_status_t status = eplb_expert_groups_deal(&r->fresh.groups, r->fresh.part.topology, r->fresh.part.load);
  *deal_anew = !status && busiest_node(r) < GROUPS_WORTH_IT * *bound;
  return status;
}

eplb_status_t eplb_incremental_layer(eplb_incremental_t *r, const double *load, double token, const int32_t *before,
                                     int32_t *row) {
  const eplb_plan_options_t *o = r->fresh.options;
  eplb_subproblem_t *p = &r->fresh.part;
  int hierarchical = r->fresh.policy == EPLB_POLICY_HIERARCHICAL, keep = 1, deal_anew = 0;
  double least_value = paying_value(r, load);
  double balance = hierarchical && o->spill > 0 ? fmin(o->balance, o->spill) : o->balance;
  eplb_subproblem_set_load(p, load, token);
  double was = index_row(r, before), now = was, bound = p->layer.bound;
  memcpy(row, before, (size_t)p->layer.num_slots * sizeof *row);
  if (hierarchical)
    keep = find_homes(r, before);
  if (hierarchical && keep && !(o->spill > 0)) {
    eplb_status_t status = bound_homes(r, &bound, &deal_anew);
    if (status)
      return status;
  }
  double error = sqrt(eplb_window_state_device_noise(&p->layer, eplb_window_state_busiest(&p->layer)));
  if ((keep && !deal_anew && was <= bound / balance) || was - 1 < eplb_noise_quantile(p->layer.num_devices) * error)
    return EPLB_SUCCESS;
  if (keep && !deal_anew) {
    set_prices(r, 1);
    set_classes(r, before, hierarchical ? r->home : NULL);
    now = adjust(r, bound / balance, o->max_moves, least_value);
    if (was - now < least_value * price_of_row(r))
      now = was;
    else
      eplb_subproblem_write(p, row);
  }
  const gate_t gate = {was, now, least_value, eplb_noise_quantile(p->layer.num_devices) * sqrt(2) * error};
  return now > STUCK * bound / balance ? try_fresh(r, load, before, &gate, row) : EPLB_SUCCESS;
}

/* ---- life ---- */

eplb_status_t eplb_incremental_create(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                      int num_experts, int with_prices, eplb_incremental_t *replan) {
  *replan = (eplb_incremental_t){0};
  eplb_status_t status = eplb_from_scratch_create(options, topology, num_experts, &replan->fresh);
  if (!status)
    status = eplb_relabel_create(topology, num_experts, &replan->relabel);
  if (!status) {
    size_t nodes = (size_t)eplb_topology_num_nodes(topology);
    replan->class = EPLB_NEW(uint8_t, with_prices ? (size_t)num_experts * (size_t)topology->num_devices : 0);
    replan->home = EPLB_NEW(int32_t, num_experts);
    replan->weight = EPLB_NEW(int32_t, (size_t)options->num_groups * nodes);
    replan->row = EPLB_NEW(int32_t, eplb_topology_num_slots(topology));
    replan->prices.class = replan->class;
    if (!replan->class || !replan->home || !replan->weight || !replan->row)
      status = EPLB_ERR_MEMORY;
  }
  if (status)
    eplb_incremental_free(replan);
  return status;
}

void eplb_incremental_free(eplb_incremental_t *replan) {
  eplb_from_scratch_free(&replan->fresh);
  eplb_relabel_free(&replan->relabel);
  free(replan->class);
  free(replan->home);
  free(replan->weight);
  free(replan->row);
}
