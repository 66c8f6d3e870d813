/* Format, in this machine's byte order: head_t, shape_t, slot_begin, physical_to_logical, padding to 8 bytes, windows. The
 * checksum is of all that follows the head. */
#include "mpi/session/saved_state.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/output.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <xxhash.h>

static const char MAGIC[8] = "EPLBSAVE";
enum { VERSION = 1, BYTE_ORDER_MARK = 0x01020304 };

typedef struct head {
  char magic[8];
  uint32_t version, byte_order;
  uint64_t bytes, checksum; /* of what follows */
} head_t;

typedef struct shape {
  int32_t num_layers, num_experts, num_ranks, num_slots, num_windows, windows_since;
} shape_t;

/* Where the parts are, and the size of the whole. */
typedef struct parts {
  size_t slot_begin, maps, windows, values, end;
} parts_t;

static parts_t parts_of(const shape_t *s) {
  parts_t p;
  p.slot_begin = sizeof(head_t) + sizeof *s;
  p.maps = p.slot_begin + ((size_t)s->num_ranks + 1) * sizeof(int32_t);
  p.windows = (p.maps + (size_t)s->num_layers * (size_t)s->num_slots * sizeof(int32_t) + 7) & ~(size_t)7;
  p.values = (size_t)s->num_layers * (size_t)s->num_experts;
  p.end = p.windows + (size_t)s->num_windows * p.values * sizeof(double);
  return p;
}

eplb_status_t eplb_saved_state_pack(const eplb_saved_state_t *state, char **bytes, size_t *size) {
  const shape_t shape = {state->num_layers, state->num_experts, state->num_ranks,
                         state->num_slots,  state->num_windows, state->windows_since};
  const parts_t p = parts_of(&shape);
  char *b = EPLB_NEW(char, p.end);
  if (!b)
    return EPLB_ERR_MEMORY;
  memcpy(b + sizeof(head_t), &shape, sizeof shape);
  memcpy(b + p.slot_begin, state->slot_begin, ((size_t)shape.num_ranks + 1) * sizeof(int32_t));
  memcpy(b + p.maps, state->physical_to_logical, (size_t)shape.num_layers * (size_t)shape.num_slots * sizeof(int32_t));
  for (size_t w = 0; w < (size_t)shape.num_windows; w++)
    memcpy(b + p.windows + w * p.values * sizeof(double), state->load[w], p.values * sizeof(double));
  head_t head = {.version = VERSION, .byte_order = BYTE_ORDER_MARK, .bytes = p.end - sizeof head};
  memcpy(head.magic, MAGIC, sizeof MAGIC);
  head.checksum = XXH3_64bits(b + sizeof head, p.end - sizeof head);
  memcpy(b, &head, sizeof head);
  *bytes = b;
  *size = p.end;
  return EPLB_SUCCESS;
}

static eplb_status_t check_head(const char *name, const char *bytes, size_t size) {
  head_t head;
  if (size < sizeof head || memcmp(bytes, MAGIC, sizeof MAGIC))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: not a file of eplb_session_save", name);
  memcpy(&head, bytes, sizeof head);
  if (head.byte_order != BYTE_ORDER_MARK)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: written on a machine of another byte order", name);
  if (head.version != VERSION)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: version %u of the format; expected %d", name, head.version, VERSION);
  if (head.bytes != size - sizeof head)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %zu bytes after the head; expected %llu: the file is cut off or too long",
                     name, size - sizeof head, (unsigned long long)head.bytes);
  if (head.checksum != XXH3_64bits(bytes + sizeof head, size - sizeof head))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: wrong checksum: the file is damaged", name);
  return EPLB_SUCCESS;
}

/* What no session has, though the checksum is right. */
static int is_possible(const shape_t *s, const char *bytes, size_t size) {
  if (size < sizeof(head_t) + sizeof *s || s->num_layers < 1 || s->num_experts < 1 || s->num_ranks < 1 ||
      s->num_slots < s->num_experts || s->num_windows < 0 || s->num_windows > EPLB_HISTORY_MAX ||
      s->windows_since < 0 || s->num_slots > INT_MAX / s->num_layers || s->num_experts > INT_MAX / s->num_layers ||
      parts_of(s).end != size)
    return 0;
  const int32_t *begin = (const int32_t *)(const void *)(bytes + parts_of(s).slot_begin);
  for (int r = 0; r < s->num_ranks; r++)
    if (begin[r + 1] < begin[r])
      return 0;
  return begin[0] == 0 && begin[s->num_ranks] == s->num_slots;
}

eplb_status_t eplb_saved_state_read(const char *name, const char *bytes, size_t size, eplb_saved_state_t *state) {
  eplb_status_t status = check_head(name, bytes, size);
  if (status)
    return status;
  shape_t s = {0};
  memcpy(&s, bytes + sizeof(head_t), size - sizeof(head_t) < sizeof s ? size - sizeof(head_t) : sizeof s);
  if (!is_possible(&s, bytes, size))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: sizes that no session has", name);
  const parts_t p = parts_of(&s);
  *state = (eplb_saved_state_t){.num_layers = s.num_layers,
                                .num_experts = s.num_experts,
                                .num_ranks = s.num_ranks,
                                .num_slots = s.num_slots,
                                .num_windows = s.num_windows,
                                .windows_since = s.windows_since,
                                .slot_begin = (const int32_t *)(const void *)(bytes + p.slot_begin),
                                .physical_to_logical = (const int32_t *)(const void *)(bytes + p.maps)};
  for (size_t w = 0; w < (size_t)s.num_windows; w++)
    state->load[w] = (const double *)(const void *)(bytes + p.windows) + w * p.values;
  return EPLB_SUCCESS;
}

/* ---- files ---- */

eplb_status_t eplb_saved_file_write(const char *path, const char *bytes, size_t size) {
  eplb_output_t output;
  eplb_status_t status = eplb_output_open(path, &output);
  if (status)
    return status;
  fwrite(bytes, 1, size, output.file); /* closing says if that failed */
  return eplb_output_close(&output, EPLB_SUCCESS);
}

eplb_status_t eplb_saved_file_read(const char *path, char **bytes, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "%s: %s", path, strerror(errno));
  size_t room = 1 << 16, used = 0, got = 1;
  char *b = EPLB_NEW(char, room);
  while (b && got) {
    if (used == room) {
      char *grown = eplb_grow(b, 2 * room, 1);
      if (!grown)
        break;
      b = grown;
      room *= 2;
    }
    used += got = fread(b + used, 1, room - used, file);
  }
  int has_failed = ferror(file), is_whole = !got;
  fclose(file);
  if (!has_failed && is_whole) {
    *bytes = b;
    *size = used;
    return EPLB_SUCCESS;
  }
  free(b);
  return has_failed ? eplb_fail(EPLB_ERR_IO, "%s: cannot be read", path) : EPLB_ERR_MEMORY;
}
