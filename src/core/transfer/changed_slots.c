/* The difference between two placements as a list of int32, so that a broadcast has only the slots that change. A
 * layer with more than half of its slots changed is sent as a whole row, which is then shorter. */
#include "core/transfer/changed_slots.h"
#include "core/model/placement.h"

enum { WHOLE_ROW = -1, HEAD = 2 };

size_t eplb_changed_slots_room(const eplb_placement_t *p) {
  return (size_t)p->num_layers * ((size_t)p->num_slots + HEAD);
}

static size_t add_pairs(const int32_t *before, const int32_t *after, int slots, int32_t *list, size_t length) {
  for (int s = 0; s < slots; s++)
    if (before[s] != after[s]) {
      list[length++] = s;
      list[length++] = after[s];
    }
  return length;
}

size_t eplb_changed_slots_add(const eplb_placement_t *before, const eplb_placement_t *after, int layer, int32_t *list,
                              size_t length) {
  const int32_t *from = eplb_placement_row(before, layer), *to = eplb_placement_row(after, layer);
  int slots = before->num_slots, changed = 0;
  for (int s = 0; s < slots; s++)
    changed += from[s] != to[s];
  if (!changed)
    return length;
  int is_whole = changed > slots / 2;
  list[length++] = layer;
  list[length++] = is_whole ? WHOLE_ROW : changed;
  if (!is_whole)
    return add_pairs(from, to, slots, list, length);
  memcpy(list + length, to, (size_t)slots * sizeof *to);
  return length + (size_t)slots;
}

/* How many numbers follow the two that begin a layer; -1: no layer begins so. */
static int64_t count_following(const int32_t *head, const eplb_placement_t *p, int last_layer) {
  if (head[0] <= last_layer || head[0] >= p->num_layers || head[1] < WHOLE_ROW || head[1] > p->num_slots)
    return -1;
  return head[1] == WHOLE_ROW ? p->num_slots : 2 * (int64_t)head[1];
}

static eplb_status_t take_pairs(const int32_t *pair, int count, int layer, eplb_placement_t *p) {
  int32_t *row = eplb_placement_row(p, layer);
  for (int i = 0, last = -1; i < count; last = pair[2 * i++]) {
    if (pair[2 * i] <= last || pair[2 * i] >= p->num_slots)
      return eplb_fail(EPLB_ERR_FORMAT, "layer %d: slot %d changes after slot %d; expected %d to %d", layer,
                       pair[2 * i], last, last + 1, p->num_slots - 1);
    row[pair[2 * i]] = pair[2 * i + 1];
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_changed_slots_take(const int32_t *list, size_t length, eplb_placement_t *p) {
  int layer = -1;
  for (size_t at = 0; at < length;) {
    const int32_t *head = list + at;
    int64_t following = length - at >= HEAD ? count_following(head, p, layer) : -1;
    if (following < 0 || (size_t)following > length - at - HEAD)
      return eplb_fail(EPLB_ERR_FORMAT, "the list of changed slots ends or is wrong at number %zu of %zu", at, length);
    layer = head[0];
    eplb_status_t status = EPLB_SUCCESS;
    if (head[1] == WHOLE_ROW)
      memcpy(eplb_placement_row(p, layer), head + HEAD, (size_t)p->num_slots * sizeof *head);
    else
      status = take_pairs(head + HEAD, head[1], layer, p);
    status = status ? status : eplb_placement_index_layer(p, layer);
    if (status)
      return status;
    at += HEAD + (size_t)following;
  }
  return EPLB_SUCCESS;
}
