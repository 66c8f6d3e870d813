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

/* A domain's receivers pass an expert on so many times before the next ones are supplied by earlier devices again: each
 * time is a stage to wait for, and with two the busiest of n devices sends only the third root of n. */
enum { PASSES = 2 };

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

eplb_status_t eplb_suppliers_init(eplb_suppliers_t *s, const eplb_topology_t *t) {
  size_t devices = (size_t)t->num_devices, domains = devices;
  for (int level = 0; level < t->num_levels; level++)
    domains += (size_t)t->num_domains[level];
  *s = (eplb_suppliers_t){.topology = t,
                          .sent = EPLB_NEW(int64_t, domains),
                          .entered = EPLB_NEW(int64_t, devices),
                          .position = EPLB_NEW(int32_t, devices),
                          .device_at = EPLB_NEW(int32_t, devices),
                          .source = EPLB_NEW(int32_t, devices),
                          .endpoint = EPLB_NEW(eplb_endpoint_t, devices)};
  if (!s->sent || !s->entered || !s->position || !s->device_at || !s->source || !s->endpoint)
    return EPLB_ERR_MEMORY;
  return order_devices(s);
}

void eplb_suppliers_free(eplb_suppliers_t *s) {
  free(s->sent);
  free(s->entered);
  free(s->position);
  free(s->device_at);
  free(s->source);
  free(s->endpoint);
}

/* What has been sent by each domain of a level. */
static int64_t *sent_of_level(const eplb_suppliers_t *s, int level) {
  int64_t *sent = s->sent;
  for (int l = 0; l < level; l++)
    sent += s->topology->num_domains[l];
  return sent;
}

/* Whether endpoint a is better than b as the sender out of its domain of `level`: whose domain has sent less; if equal,
 * whose inner domains have; then by stage. */
static int better_source(const eplb_suppliers_t *s, int level, int a, int b) {
  const eplb_endpoint_t *x = &s->endpoint[a], *y = &s->endpoint[b];
  int64_t *sent = sent_of_level(s, level);
  for (; level <= s->topology->num_levels; level++) {
    int64_t of_x = sent[domain(s->topology, level, x->device)], of_y = sent[domain(s->topology, level, y->device)];
    if (of_x != of_y)
      return of_x < of_y;
    sent += level < s->topology->num_levels ? s->topology->num_domains[level] : 0;
  }
  return x->ready != y->ready ? x->ready < y->ready : x->device < y->device;
}

static int choose_source(eplb_suppliers_t *s, int level, int num_sources) {
  int compared = num_sources < CANDIDATES ? num_sources : CANDIDATES;
  int offset = (int)(s->turn++ % (unsigned)num_sources), best = s->source[offset];
  for (int i = 1; i < compared; i++) {
    int other = s->source[(offset + (int)((int64_t)i * num_sources / compared)) % num_sources];
    if (better_source(s, level, other, best))
      best = other;
  }
  return best;
}

/* Whether endpoint a is better than b as the one by which an expert enters their domain. It will likely pass the expert
 * on, so what it has sent counts too. */
static int better_entry(const eplb_suppliers_t *s, int a, int b) {
  const int64_t *sent = sent_of_level(s, s->topology->num_levels);
  int x = s->endpoint[a].device, y = s->endpoint[b].device;
  int64_t of_x = sent[x] + s->entered[x], of_y = sent[y] + s->entered[y];
  return of_x != of_y ? of_x < of_y : x < y;
}

static int choose_entry(eplb_suppliers_t *s, int begin, int end) {
  int count = end - begin, compared = count < CANDIDATES ? count : CANDIDATES;
  int offset = (int)(s->turn++ % (unsigned)count), best = begin + offset;
  for (int i = 1; i < compared; i++) {
    int other = begin + (offset + (int)((int64_t)i * count / compared)) % count;
    if (better_entry(s, other, best))
      best = other;
  }
  return best;
}

/* The endpoints [begin, end) are a domain of `level`, and none is ready: chooses one and its supplier among s->source.
 * Returns the endpoint. */
static int enter(eplb_suppliers_t *s, int level, int begin, int end, int num_sources) {
  const eplb_topology_t *t = s->topology;
  int to = choose_entry(s, begin, end), from = choose_source(s, level, num_sources);
  int64_t *sent = sent_of_level(s, level);
  s->endpoint[to].from = from;
  s->endpoint[to].ready = s->endpoint[from].ready + 1;
  for (int l = level; l <= t->num_levels; l++) {
    sent[domain(t, l, s->endpoint[from].device)] += s->weight;
    sent += l < t->num_levels ? t->num_domains[l] : 0;
  }
  s->entered[s->endpoint[to].device] += s->weight * (t->num_levels - level);
  return to;
}

/* The end of the run of endpoints that lie in the same domain of `level` as the first. */
static int end_of_domain(const eplb_suppliers_t *s, int level, int begin, int end) {
  int first = domain(s->topology, level, s->endpoint[begin].device), i = begin + 1;
  while (i < end && domain(s->topology, level, s->endpoint[i].device) == first)
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
  int last = soonest(s, begin, end) + PASSES, num_ready = 0, num_sources = 0;
  for (int i = begin; i < end; i++) {
    num_ready += s->endpoint[i].ready != EPLB_LACKING;
    if (s->endpoint[i].ready != EPLB_LACKING && s->endpoint[i].ready <= last)
      s->source[num_sources++] = i;
  }
  if (num_ready == end - begin)
    return;
  for (int i = begin, next; i < end; i = next) {
    next = end_of_domain(s, level + 1, i, end);
    if (soonest(s, i, next) != EPLB_LACKING)
      continue;
    int entry = enter(s, level + 1, i, next, num_sources);
    if (s->endpoint[entry].ready <= last)
      s->source[num_sources++] = entry;
  }
  if (level + 1 == s->topology->num_levels)
    return;
  for (int i = begin, next; i < end; i = next) {
    next = end_of_domain(s, level + 1, i, end);
    supply_domain(s, level + 1, i, next);
  }
}

void eplb_suppliers_choose(eplb_suppliers_t *s, int64_t weight) {
  s->weight = weight;
  supply_domain(s, -1, 0, s->num_endpoints);
}
