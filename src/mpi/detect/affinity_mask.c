/* As Intel's compute-runtime reads the mask. It is a set: devices stay in their order, and entries that name none are
 * skipped. ZE_FLAT_DEVICE_HIERARCHY says what is counted: FLAT and COMBINED count tiles, "3", and skip "1.0"; COMPOSITE
 * counts cards, and "1.0" is tile 0 of card 1; a card of which two tiles or more are named is one device. Without that
 * variable the runtime's default is FLAT for GPUs that have tiles; masks with points are then older and meant for
 * COMPOSITE. */
#include "mpi/detect/affinity_mask.h"
#include "core/util/alloc.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TILES = 16 };

static int counts_cards(const char *mask) {
  const char *hierarchy = getenv("ZE_FLAT_DEVICE_HIERARCHY");
  if (hierarchy && (!strcmp(hierarchy, "FLAT") || !strcmp(hierarchy, "COMBINED")))
    return 0;
  return (hierarchy && !strcmp(hierarchy, "COMPOSITE")) || strchr(mask, '.');
}

/* The card of each device, from 0; returns how many there are. Tiles of a card are neighbours. */
static int number_cards(const eplb_host_t *host, const eplb_visible_list_t *list, int *card) {
  int cards = 0;
  for (int i = 0; i < list->count; i++) {
    const char *bus = host->accelerator[list->device[i].index].bus_id;
    int is_same = i > 0 && *bus && !strcmp(bus, host->accelerator[list->device[i - 1].index].bus_id);
    card[i] = is_same ? cards - 1 : cards++;
  }
  return cards;
}

/* One entry, "3" or "1.0"; 0 if it is neither. */
static int read_entry(const char *text, long *card, long *tile) {
  char *end;
  while (isspace((unsigned char)*text))
    text++;
  *tile = -1;
  if (!isdigit((unsigned char)*text))
    return 0;
  *card = strtol(text, &end, 10);
  if (*end == '.' && isdigit((unsigned char)end[1]))
    *tile = strtol(end + 1, &end, 10);
  while (isspace((unsigned char)*end))
    end++;
  return *end == ',' || !*end || (*end == '.' && *tile >= 0); /* parts of tiles count as tiles */
}

/* Bits of the tiles of each card, or bit 0 of each tile where tiles are counted. All bits: the whole card. */
static void read_mask(const char *mask, int by_card, int count, unsigned *bits, eplb_visible_list_t *list) {
  for (const char *at = mask; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    long card, tile;
    if (!read_entry(at, &card, &tile) || card >= count || tile >= MOST_TILES || (tile >= 0 && !by_card))
      snprintf(list->note, sizeof list->note, "%s names \"%.*s\", which is not a device here: the entry is ignored",
               list->variable, (int)(strcspn(at, ",") < 24 ? strcspn(at, ",") : 24), at);
    else
      bits[card] |= tile < 0 ? ~0u : 1u << tile;
  }
}

static int is_one_tile(unsigned bits) {
  return bits && !(bits & (bits - 1));
}

/* The device that represents the named tiles of a card: its only tile, or its first device for the whole card. */
static int stands_for(const eplb_host_t *host, eplb_visible_t *v, unsigned bits, int is_first) {
  const eplb_accelerator_t *a = &host->accelerator[v->index];
  if (!is_one_tile(bits))
    return bits && is_first;
  if (a->num_partitions)
    return bits == 1u << a->partition;
  for (v->tile = 0; !(bits >> v->tile & 1);)
    v->tile++;
  return 1;
}

eplb_status_t eplb_apply_affinity_mask(const eplb_host_t *host, const char *mask, eplb_visible_list_t *list) {
  int by_card = counts_cards(mask), count = list->count, kept = 0;
  int *card = EPLB_NEW(int, list->count);
  unsigned *bits = EPLB_NEW(unsigned, list->count);
  if (card && bits) {
    read_mask(mask, by_card, by_card ? number_cards(host, list, card) : count, bits, list);
    for (int i = 0; i < count; i++) {
      eplb_visible_t v = list->device[i];
      if (by_card ? stands_for(host, &v, bits[card[i]], i == 0 || card[i - 1] != card[i]) : bits[i] != 0)
        list->device[kept++] = v;
    }
    list->count = kept;
  }
  eplb_status_t status = card && bits ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  free(bits);
  free(card);
  return status;
}
