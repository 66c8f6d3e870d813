/* Merges the views that different processes have of one host into one list of accelerators with their links. */
#include "mpi/machine/host_merge.h"
#include "core/util/alloc.h"
#include "mpi/detect/islands.h"
#include <string.h>

static int is_same(const eplb_accelerator_t *a, const eplb_accelerator_t *b) {
  if (a->bus_id[0] || b->bus_id[0])
    return !strcmp(a->bus_id, b->bus_id) && a->partition == b->partition;
  return a->uuid[0] && !strcmp(a->uuid, b->uuid);
}

static int is_before(const eplb_accelerator_t *a, const eplb_accelerator_t *b) {
  if (a->vendor != b->vendor)
    return a->vendor < b->vendor;
  int order = strcmp(a->bus_id, b->bus_id);
  return order ? order < 0 : a->partition < b->partition;
}

static double *bandwidth_of_pair(const eplb_host_t *h, int from, int to) {
  return &h->bandwidth[(size_t)from * (size_t)h->num_accelerators + (size_t)to];
}

/* Adds what is not there yet, in order of views. */
static void merge_accelerators(eplb_host_t *const *view, int count, int *place, eplb_host_t *m) {
  for (int v = 0; v < count; v++)
    for (int a = 0; a < view[v]->num_accelerators; a++, place++) {
      const eplb_accelerator_t *own = &view[v]->accelerator[a];
      int known = m->num_accelerators;
      for (*place = 0; *place < known && !is_same(&m->accelerator[*place], own);)
        ++*place;
      if (*place == known)
        m->accelerator[m->num_accelerators++] = *own;
    }
}

/* Puts them in order; rank[i] is where number i of before has gone. */
static void sort(eplb_host_t *m, int *rank, eplb_accelerator_t *scratch) {
  for (int i = 0; i < m->num_accelerators; i++) {
    rank[i] = 0;
    for (int k = 0; k < m->num_accelerators; k++)
      rank[i] += is_before(&m->accelerator[k], &m->accelerator[i]) ||
                 (k < i && !is_before(&m->accelerator[i], &m->accelerator[k]));
  }
  memcpy(scratch, m->accelerator, (size_t)m->num_accelerators * sizeof *scratch);
  for (int i = 0; i < m->num_accelerators; i++)
    m->accelerator[rank[i]] = scratch[i];
}

static void add_links(eplb_host_t *const *view, int count, const int *place, eplb_host_t *m) {
  for (int v = 0; v < count; place += view[v++]->num_accelerators)
    for (int a = 0; a < view[v]->num_accelerators; a++)
      for (int b = 0; b < view[v]->num_accelerators; b++)
        if (*bandwidth_of_pair(view[v], a, b) > *bandwidth_of_pair(m, place[a], place[b])) {
          *bandwidth_of_pair(m, place[a], place[b]) = *bandwidth_of_pair(view[v], a, b);
          memcpy(m->link_name, view[v]->link_name, sizeof m->link_name);
        }
}

static eplb_status_t start(const eplb_host_t *first, int total, eplb_host_t *m) {
  *m = *first;
  m->num_accelerators = 0;
  m->accelerator = EPLB_NEW(eplb_accelerator_t, total);
  m->bandwidth = EPLB_NEW(double, (size_t)total *(size_t)total);
  m->pu_package = EPLB_NEW(int32_t, m->num_pu_numbers);
  m->pu_numa = EPLB_NEW(int32_t, m->num_pu_numbers);
  if (!m->accelerator || !m->bandwidth || !m->pu_package || !m->pu_numa)
    return EPLB_ERR_MEMORY;
  memcpy(m->pu_package, first->pu_package, (size_t)m->num_pu_numbers * sizeof *m->pu_package);
  memcpy(m->pu_numa, first->pu_numa, (size_t)m->num_pu_numbers * sizeof *m->pu_numa);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_host_merge(eplb_host_t *const *view, int count, int *place, eplb_host_t **merged) {
  int total = 0;
  for (int v = 0; v < count; v++)
    total += view[v]->num_accelerators;
  eplb_host_t *m = EPLB_NEW(eplb_host_t, 1);
  int *rank = EPLB_NEW(int, total);
  eplb_accelerator_t *scratch = EPLB_NEW(eplb_accelerator_t, total);
  eplb_status_t status = m && rank && scratch ? start(view[0], total, m) : EPLB_ERR_MEMORY;
  if (!status) {
    merge_accelerators(view, count, place, m);
    sort(m, rank, scratch);
    for (int i = 0; i < total; i++)
      place[i] = rank[place[i]];
    add_links(view, count, place, m);
    status = eplb_find_islands(m);
  }
  free(scratch);
  free(rank);
  if (status) {
    eplb_host_destroy(&m);
    return status;
  }
  *merged = m;
  return EPLB_SUCCESS;
}
