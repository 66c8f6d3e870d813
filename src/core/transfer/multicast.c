/* How an expert reaches the devices that lack it: a tree along the domains.
 *
 * An expert enters each rack, node and NVLink domain that lacks it once, and is spread within from there: so it
 * crosses each slow link once, whatever the number of replicas behind it. The supplier is the one of a few candidates
 * whose domain has sent least so far; the device by which an expert enters a domain is one that has sent and brought
 * in least. This is greedy; the optimum is a scheduling problem that is NP-hard already for one level. Measured on 1
 * Gbit/s links: 1.13 of the bound of the busiest node. */
#include "core/transfer/multicast.h"
#include "core/util/alloc.h"

/* How many of those that could send (or be the first to receive) are compared: with more replicas than this, comparing
 * all would cost the square of their number, and the best of a few is nearly as even. */
enum { CANDIDATES = 16 };

/* A domain's receivers pass an expert on so many times before the next are fed from earlier ones again: each time is a
 * stage to wait for, and with two the busiest of n devices sends only the third root of n. */
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

/* A stable counting sort of `ranked` by the domains of one level; `begin` has room for a number for each and one
 * more. */
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
static eplb_status_t rank_devices(eplb_multicast_t *f) {
  const eplb_topology_t *t = f->topology;
  int32_t *begin = EPLB_NEW(int32_t, t->num_devices + 1);
  if (!begin)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < t->num_devices; i++)
    f->ranked[i] = i;
  for (int level = t->num_levels - 1; level >= 0; level--) {
    sort_by_domain(t, level, f->ranked, f->rank, begin);
    int32_t *sorted = f->rank;
    f->rank = f->ranked;
    f->ranked = sorted;
  }
  for (int i = 0; i < t->num_devices; i++)
    f->rank[f->ranked[i]] = i;
  free(begin);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_multicast_init(eplb_multicast_t *f, const eplb_topology_t *t) {
  size_t devices = (size_t)t->num_devices, domains = devices;
  for (int level = 0; level < t->num_levels; level++)
    domains += (size_t)t->num_domains[level];
  *f = (eplb_multicast_t){.topology = t,
                          .sent = EPLB_NEW(int64_t, domains),
                          .entered = EPLB_NEW(int64_t, devices),
                          .rank = EPLB_NEW(int32_t, devices),
                          .ranked = EPLB_NEW(int32_t, devices),
                          .source = EPLB_NEW(int32_t, devices),
                          .endpoint = EPLB_NEW(eplb_endpoint_t, devices)};
  if (!f->sent || !f->entered || !f->rank || !f->ranked || !f->source || !f->endpoint)
    return EPLB_ERR_MEMORY;
  return rank_devices(f);
}

void eplb_multicast_free(eplb_multicast_t *f) {
  free(f->sent);
  free(f->entered);
  free(f->rank);
  free(f->ranked);
  free(f->source);
  free(f->endpoint);
}

/* What has been sent by each domain of a level. */
static int64_t *sent_of_level(const eplb_multicast_t *f, int level) {
  int64_t *sent = f->sent;
  for (int l = 0; l < level; l++)
    sent += f->topology->num_domains[l];
  return sent;
}

/* Whether point a is the better one to send out of its domain of `level`: by what that has sent, then by what the
 * domains within it that it lies in have, then by stage. */
static int better_source(const eplb_multicast_t *f, int level, int a, int b) {
  const eplb_endpoint_t *x = &f->endpoint[a], *y = &f->endpoint[b];
  int64_t *sent = sent_of_level(f, level);
  for (; level <= f->topology->num_levels; level++) {
    int64_t of_x = sent[domain(f->topology, level, x->device)], of_y = sent[domain(f->topology, level, y->device)];
    if (of_x != of_y)
      return of_x < of_y;
    sent += level < f->topology->num_levels ? f->topology->num_domains[level] : 0;
  }
  return x->ready != y->ready ? x->ready < y->ready : x->device < y->device;
}

static int choose_source(eplb_multicast_t *f, int level, int num_sources) {
  int compared = num_sources < CANDIDATES ? num_sources : CANDIDATES;
  int offset = (int)(f->turn++ % (unsigned)num_sources), best = f->source[offset];
  for (int i = 1; i < compared; i++) {
    int other = f->source[(offset + (int)((int64_t)i * num_sources / compared)) % num_sources];
    if (better_source(f, level, other, best))
      best = other;
  }
  return best;
}

/* Whether point a is the better one to bring an expert into its domain: it will likely have to pass it on, too. */
static int better_entry(const eplb_multicast_t *f, int a, int b) {
  const int64_t *sent = sent_of_level(f, f->topology->num_levels);
  int x = f->endpoint[a].device, y = f->endpoint[b].device;
  int64_t of_x = sent[x] + f->entered[x], of_y = sent[y] + f->entered[y];
  return of_x != of_y ? of_x < of_y : x < y;
}

static int choose_entry(eplb_multicast_t *f, int begin, int end) {
  int count = end - begin, compared = count < CANDIDATES ? count : CANDIDATES;
  int offset = (int)(f->turn++ % (unsigned)count), best = begin + offset;
  for (int i = 1; i < compared; i++) {
    int other = begin + (offset + (int)((int64_t)i * count / compared)) % count;
    if (better_entry(f, other, best))
      best = other;
  }
  return best;
}

/* The points [begin, end) are a domain of `level`, and none is ready: feeds one from those in f->source. Returns it. */
static int enter(eplb_multicast_t *f, int level, int begin, int end, int num_sources) {
  const eplb_topology_t *t = f->topology;
  int to = choose_entry(f, begin, end), from = choose_source(f, level, num_sources);
  int64_t *sent = sent_of_level(f, level);
  f->endpoint[to].from = from;
  f->endpoint[to].ready = f->endpoint[from].ready + 1;
  for (int l = level; l <= t->num_levels; l++) {
    sent[domain(t, l, f->endpoint[from].device)] += f->weight;
    sent += l < t->num_levels ? t->num_domains[l] : 0;
  }
  f->entered[f->endpoint[to].device] += f->weight * (t->num_levels - level);
  return to;
}

/* The end of the run of points that lie in the same domain of `level` as the first. */
static int end_of_domain(const eplb_multicast_t *f, int level, int begin, int end) {
  int first = domain(f->topology, level, f->endpoint[begin].device), i = begin + 1;
  while (i < end && domain(f->topology, level, f->endpoint[i].device) == first)
    i++;
  return i;
}

/* The soonest that any of the points can send, or EPLB_LACKING. */
static int soonest(const eplb_multicast_t *f, int begin, int end) {
  int ready = EPLB_LACKING;
  for (int i = begin; i < end; i++)
    if (f->endpoint[i].ready != EPLB_LACKING && (ready == EPLB_LACKING || f->endpoint[i].ready < ready))
      ready = f->endpoint[i].ready;
  return ready;
}

/* The points [begin, end) are a domain of `level`, and one at least is ready: first each domain of the next level gets
 * the expert, then it is spread within each. */
static void feed_domain(eplb_multicast_t *f, int level, int begin, int end) {
  int last = soonest(f, begin, end) + PASSES, num_ready = 0, num_sources = 0;
  for (int i = begin; i < end; i++) {
    num_ready += f->endpoint[i].ready != EPLB_LACKING;
    if (f->endpoint[i].ready != EPLB_LACKING && f->endpoint[i].ready <= last)
      f->source[num_sources++] = i;
  }
  if (num_ready == end - begin)
    return;
  for (int i = begin, next; i < end; i = next) {
    next = end_of_domain(f, level + 1, i, end);
    if (soonest(f, i, next) != EPLB_LACKING)
      continue;
    int entry = enter(f, level + 1, i, next, num_sources);
    if (f->endpoint[entry].ready <= last)
      f->source[num_sources++] = entry;
  }
  if (level + 1 == f->topology->num_levels)
    return;
  for (int i = begin, next; i < end; i = next) {
    next = end_of_domain(f, level + 1, i, end);
    feed_domain(f, level + 1, i, next);
  }
}

void eplb_multicast_supply(eplb_multicast_t *f, int64_t weight) {
  f->weight = weight;
  feed_domain(f, -1, 0, f->num_points);
}
