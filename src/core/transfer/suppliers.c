/* Which device supplies an expert to each device that lacks it: a tree along the domains.
 *
 * An expert enters each rack, node and NVLink domain that lacks it once, and is spread within from there: so it
 * crosses each slow link once, whatever the number of replicas behind it. The supplier is the one of a few candidates
 * whose domain has sent least so far; the device by which an expert enters a domain is one that has sent and brought
 * in least. This is greedy; the optimum is a scheduling problem that is NP-hard already for one level. Measured on 1
 * Gbit/s links: 1.13 of the bound of the busiest node. */
#include "core/transfer/suppliers.h"
#include "core/util/alloc.h"

/* How many of those that could send (or be the first to receive) are compared: with more replicas than this, comparing
 * all would cost the square of their number, and the best of a few is nearly as even. */
enum { CANDIDATES = 16 };

static int domain(const eplb_topology_t *t, int level, int device) {
  return level == t->num_levels ? device : t->domain[(size_t)level * (size_t)t->num_devices + (size_t)device];
}

int eplb_shared_level(const eplb_topology_t *t, int a, int b) {
  int level = t->num_levels;
  while (level >= 0 && domain(t, level, a) != domain(t, level, b))
    level--;
  return level;
}

/* A stable counting sort of the devices `from` by their domains of one level. `begin` has room for one number more than
 * the level has domains. */
static void sort_by_domain(const eplb_topology_t *t, int level, const int32_t *from, int32_t *to, int32_t *begin) {
  for (int i = 0; i <= t->num_domains[level]; i++)
    begin[i] = 0;
  for (int d = 0; d < t->num_devices; d++)
    begin[domain(t, level, d) + 1]++;
  for (int i = 0; i < t->num_domains[level]; i++)
    begin[i + 1] += begin[i];
  for (int i = 0; i < t->num_devices; i++)
    to[begin[domain(t, level, from[i])]++] = from[i];
}

/* Sorted by the innermost level first and the outermost last, the domains of each level are runs, since they nest. */
static eplb_status_t order_devices(eplb_suppliers_t *s) {
  const eplb_topology_t *t = s->topology;
  int32_t *begin = EPLB_NEW(int32_t, t->num_devices + 1);
  if (!begin)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < t->num_devices; i++)
    s->device_at[i] = i;
  for (int level = t->num_levels - 1; level >= 0; level--) {
    sort_by_domain(t, level, s->device_at, s->position, begin);
    int32_t *sorted = s->position;
    s->position = s->device_at;
    s->device_at = sorted;
  }
  for (int i = 0; i < t->num_devices; i++)
    s->position[s->device_at[i]] = i;
  free(begin);
  return EPLB_SUCCESS;
}

static void find_levels(eplb_suppliers_t *s) {
  const eplb_topology_t *t = s->topology;
  int64_t *sent = s->sent;
  for (int d = 0; d < t->num_devices; d++)
    s->itself[d] = d;
  for (int l = 0; l < t->num_levels; sent += t->num_domains[l++])
    s->level[l] = (eplb_supply_level_t){t->domain + (size_t)l * (size_t)t->num_devices, sent};
  s->level[t->num_levels] = (eplb_supply_level_t){s->itself, sent};
}

eplb_status_t eplb_suppliers_init(eplb_suppliers_t *s, const eplb_topology_t *t) {
  size_t devices = (size_t)t->num_devices, domains = devices;
  for (int level = 0; level < t->num_levels; level++)
    domains += (size_t)t->num_domains[level];
  *s = (eplb_suppliers_t){.topology = t,
                          .level = EPLB_NEW(eplb_supply_level_t, t->num_levels + 1),
                          .sent = EPLB_NEW(int64_t, domains),
                          .itself = EPLB_NEW(int, devices),
                          .entered = EPLB_NEW(int64_t, devices),
                          .position = EPLB_NEW(int32_t, devices),
                          .device_at = EPLB_NEW(int32_t, devices),
                          .source = EPLB_NEW(eplb_source_t, devices),
                          .endpoint = EPLB_NEW(eplb_endpoint_t, devices)};
  if (!s->level || !s->sent || !s->itself || !s->entered || !s->position || !s->device_at || !s->source || !s->endpoint)
    return EPLB_ERR_MEMORY;
  find_levels(s);
  return order_devices(s);
}

void eplb_suppliers_free(eplb_suppliers_t *s) {
  free(s->level);
  free(s->sent);
  free(s->itself);
  free(s->entered);
  free(s->position);
  free(s->device_at);
  free(s->source);
  free(s->endpoint);
}

static int64_t sent_by(const eplb_supply_level_t *level, const eplb_endpoint_t *endpoint) {
  return level->sent[level->domain[endpoint->device]];
}

/* Whether x is better than y as the sender, where their domains of `level` have sent the same: whose inner domains have
 * sent less; then by stage. */
static int better_source(const eplb_suppliers_t *s, int level, const eplb_endpoint_t *x, const eplb_endpoint_t *y) {
  while (++level <= s->topology->num_levels) {
    int64_t of_x = sent_by(&s->level[level], x), of_y = sent_by(&s->level[level], y);
    if (of_x != of_y)
      return of_x < of_y;
  }
  return x->ready != y->ready ? x->ready < y->ready : x->device < y->device;
}

/* The candidates among `count` are compared from `first` on, evenly spread, around the end. */
static int candidate_at(int first, int i, int count) {
  int at = first + (count <= CANDIDATES ? i : (int)((int64_t)i * count / CANDIDATES));
  return at < count ? at : at - count;
}

static int num_candidates(int count) {
  return count < CANDIDATES ? count : CANDIDATES;
}

/* The best of the candidates: no two are equally good, so their order does not matter. First the least of what domains
 * have sent is found, without a branch for each. */
static int choose_source(eplb_suppliers_t *s, int level, int num_sources) {
  const int64_t *sent = s->level[level].sent;
  int compared = num_candidates(num_sources), first = (int)(s->turn++ % (unsigned)num_sources);
  int64_t sent_by_candidate[CANDIDATES], least = INT64_MAX;
  int32_t candidate[CANDIDATES];
  for (int i = 0; i < compared; i++) {
    eplb_source_t source = s->source[candidate_at(first, i, num_sources)];
    candidate[i] = source.endpoint;
    sent_by_candidate[i] = sent[source.domain];
    least = sent_by_candidate[i] < least ? sent_by_candidate[i] : least;
  }
  const eplb_endpoint_t *best = NULL;
  for (int i = 0; i < compared; i++) {
    const eplb_endpoint_t *other = &s->endpoint[candidate[i]];
    if (sent_by_candidate[i] == least && (!best || better_source(s, level, other, best)))
      best = other;
  }
  return (int)(best - s->endpoint);
}

/* The endpoint of [begin, end) by which an expert best enters their domain: of the device that has sent and let in
 * least, as it will likely pass the expert on. */
static int choose_entry(eplb_suppliers_t *s, int begin, int end) {
  const int64_t *sent = s->level[s->topology->num_levels].sent;
  int count = end - begin, compared = num_candidates(count), first = (int)(s->turn++ % (unsigned)count);
  int best = begin + first, device = s->endpoint[best].device;
  int64_t least = sent[device] + s->entered[device];
  for (int i = 1; i < compared; i++) {
    int other = begin + candidate_at(first, i, count), d = s->endpoint[other].device;
    int64_t weight = sent[d] + s->entered[d];
    if (weight < least || (weight == least && d < device)) {
      best = other;
      device = d;
      least = weight;
    }
  }
  return best;
}

/* The endpoints [begin, end) are a domain of `level`, and none is ready: chooses one and its supplier among s->source.
 * Returns the endpoint. */
static int enter(eplb_suppliers_t *s, int level, int begin, int end, int num_sources) {
  int to = choose_entry(s, begin, end), from = choose_source(s, level, num_sources);
  s->endpoint[to].from = from;
  s->endpoint[to].ready = s->endpoint[from].ready + 1;
  for (int l = level; l <= s->topology->num_levels; l++)
    s->level[l].sent[s->level[l].domain[s->endpoint[from].device]] += s->weight;
  s->entered[s->endpoint[to].device] += s->weight * (s->topology->num_levels - level);
  return to;
}

/* The end of the run of endpoints that lie in the same domain of `level` as the first. */
static int end_of_domain(const eplb_suppliers_t *s, int level, int begin, int end) {
  const int *domain_of = s->level[level].domain;
  int first = domain_of[s->endpoint[begin].device], i = begin + 1;
  while (i < end && domain_of[s->endpoint[i].device] == first)
    i++;
  return i;
}

/* The first stage in which any of the endpoints can send, or EPLB_LACKING. */
static int soonest(const eplb_suppliers_t *s, int begin, int end) {
  int ready = EPLB_LACKING;
  for (int i = begin; i < end; i++)
    if (s->endpoint[i].ready != EPLB_LACKING && (ready == EPLB_LACKING || s->endpoint[i].ready < ready))
      ready = s->endpoint[i].ready;
  return ready;
}

/* The endpoints [begin, end) are a domain of `level`, and at least one is ready: first each domain of the next level gets
 * the expert, then it is spread within each. */
static void supply_domain(eplb_suppliers_t *s, int level, int begin, int end) {
  const int *domain_of = s->level[level + 1].domain;
  int last = soonest(s, begin, end) + EPLB_PASSES, num_ready = 0, num_sources = 0;
  for (int i = begin; i < end; i++) {
    num_ready += s->endpoint[i].ready != EPLB_LACKING;
    if (s->endpoint[i].ready != EPLB_LACKING && s->endpoint[i].ready <= last)
      s->source[num_sources++] = (eplb_source_t){i, domain_of[s->endpoint[i].device]};
  }
  if (num_ready == end - begin)
    return;
  for (int i = begin, next; i < end; i = next) {
    next = end_of_domain(s, level + 1, i, end);
    if (soonest(s, i, next) != EPLB_LACKING)
      continue;
    int entry = enter(s, level + 1, i, next, num_sources);
    if (s->endpoint[entry].ready <= last)
      s->source[num_sources++] = (eplb_source_t){entry, domain_of[s->endpoint[entry].device]};
  }
  if (level + 1 == s->topology->num_levels)
    return;
  for (int i = begin, next; i < end; i = next) {
    next = end_of_domain(s, level + 1, i, end);
    if (next > i + 1)
      supply_domain(s, level + 1, i, next);
  }
}

void eplb_suppliers_choose(eplb_suppliers_t *s, int64_t weight) {
  s->weight = weight;
  supply_domain(s, -1, 0, s->num_endpoints);
}
