/* Each vendor's runtime reads lists of its own, numbers devices in its own way and has its own rules for entries that
 * name no device. These are data here: the table `rules`. Sources: NVIDIA, CUDA programming guide, environment
 * variables; AMD, ROCr's filter of devices and HIP's runtime (clr); Intel, compute-runtime's affinity mask and the
 * Level Zero specification; Huawei, CANN's reference of environment variables. Launchers write entries that name no
 * device, such as Slurm's "NoDevFiles" for jobs without GPUs: the same rules apply to them. */
#include "mpi/detect/visible_lists.h"
#include "core/util/alloc.h"
#include "mpi/detect/accelerators.h"
#include "mpi/detect/affinity_mask.h"
#include "mpi/detect/device_names.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an entry does that names a device again. */
typedef enum effect { ENDS_LIST, IS_SKIPPED, EMPTIES_LIST } effect_t;

/* How an entry is read as a number: digits at its beginning, all of it in C's notation, or all of it in decimal. */
typedef enum number { LEADING_DIGITS, C_NOTATION, DECIMAL } number_t;

typedef struct rule {
  uint16_t vendor;
  const char *variable;
  const char *unless[3]; /* not read where one of these is set */
  int empty_is_unset;
  number_t number;
  effect_t repeated; /* one that names no device ends all of these lists */
  int takes_uuids;
  int cuda_order; /* numbers as CUDA_DEVICE_ORDER says */
} rule_t;

/* Those of a vendor in the order in which its runtimes apply them: each counts what the one before leaves.
 * ZE_AFFINITY_MASK is a set of cards or tiles: affinity_mask.c. */
static const rule_t rules[] = {
    {EPLB_VENDOR_NVIDIA, "CUDA_VISIBLE_DEVICES", {0}, 0, LEADING_DIGITS, EMPTIES_LIST, 1, 1},
    {EPLB_VENDOR_AMD, "ROCR_VISIBLE_DEVICES", {0}, 0, C_NOTATION, ENDS_LIST, 1, 0},
    {EPLB_VENDOR_AMD, "HIP_VISIBLE_DEVICES", {0}, 1, DECIMAL, IS_SKIPPED, 1, 0},
    {EPLB_VENDOR_AMD, "CUDA_VISIBLE_DEVICES", {"HIP_VISIBLE_DEVICES"}, 1, DECIMAL, IS_SKIPPED, 1, 0},
    {EPLB_VENDOR_AMD,
     "GPU_DEVICE_ORDINAL",
     {"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"},
     1,
     DECIMAL,
     IS_SKIPPED,
     0,
     0},
    {EPLB_VENDOR_HUAWEI, "ASCEND_RT_VISIBLE_DEVICES", {0}, 1, DECIMAL, ENDS_LIST, 0, 0},
    {EPLB_VENDOR_NEC, "VE_NODE_NUMBER", {0}, 1, DECIMAL, ENDS_LIST, 0, 0},
    {EPLB_VENDOR_MOORE_THREADS, "MUSA_VISIBLE_DEVICES", {0}, 0, LEADING_DIGITS, EMPTIES_LIST, 0, 0},
};

static const eplb_accelerator_t *listed_accelerator(const eplb_host_t *host, const eplb_visible_t *v) {
  return &host->accelerator[v->index];
}

/* ---- numbers ---- */

static long cuda_number(const eplb_accelerator_t *a) {
  const char *at = strstr(a->backends, "cuda");
  return at ? atol(at + 4) : -1;
}

static int same_device(const eplb_accelerator_t *a, const eplb_accelerator_t *b) {
  return a->bus_id[0] && !strcmp(a->bus_id, b->bus_id);
}

/* Whether `a` stands before `b` among CUDA's devices. */
static int cuda_before(const eplb_accelerator_t *a, const eplb_accelerator_t *b, int by_bus) {
  if (!by_bus)
    return cuda_number(a) < cuda_number(b);
  int order = strcmp(a->bus_id, b->bus_id);
  return order < 0 || (!order && a->partition < b->partition);
}

static int same_model(const eplb_accelerator_t *a, const eplb_accelerator_t *b) {
  return a->model || b->model ? a->model == b->model : !strcmp(a->name, b->name);
}

static void sort_as_cuda(const eplb_host_t *host, eplb_visible_list_t *list, int by_bus) {
  for (int i = 0; i < list->count; i++)
    for (int k = i; k > 0; k--) {
      eplb_visible_t *x = &list->device[k - 1], *y = &list->device[k], keep = *x;
      if (!cuda_before(listed_accelerator(host, y), listed_accelerator(host, x), by_bus))
        break;
      *x = *y;
      *y = keep;
    }
}

/* CUDA numbers devices by PCI bus id if CUDA_DEVICE_ORDER says so, else the fastest first, an order that hwloc's CUDA
 * backend knows. MIG devices that CUDA does not number are reached by UUID only: the number of their GPU is the first
 * of them. Sorts the numbered devices to the front and returns their number. */
static int number_as_cuda(const eplb_host_t *host, eplb_visible_list_t *list) {
  const char *order = getenv("CUDA_DEVICE_ORDER");
  int by_bus = order && !strcmp(order, "PCI_BUS_ID"), known = !host->narrowed, alike = 1, count = 0;
  for (int i = 0; i < list->count; i++) {
    const eplb_accelerator_t *a = listed_accelerator(host, &list->device[i]);
    known &= cuda_number(a) >= 0;
    alike &= same_model(a, listed_accelerator(host, &list->device[0]));
    by_bus &= a->bus_id[0] != 0;
  }
  if (known || by_bus)
    sort_as_cuda(host, list, by_bus);
  for (int i = 0; i < list->count; i++) {
    eplb_visible_t v = list->device[i];
    if (!known && count &&
        same_device(listed_accelerator(host, &v), listed_accelerator(host, &list->device[count - 1])))
      continue;
    memmove(&list->device[count + 1], &list->device[count], (size_t)(i - count) * sizeof v);
    list->device[count++] = v;
  }
  if (!known && !by_bus && !alike)
    snprintf(list->note, sizeof list->note, "GPUs differ and CUDA's order of them is not known: set CUDA_DEVICE_ORDER");
  return count;
}

/* ---- entries ---- */

typedef struct entry {
  const char *text;
  size_t length;
} entry_t;

/* The first entry, without spaces around it. */
static entry_t trim(const char *text) {
  size_t length = strcspn(text, ",");
  while (length && isspace((unsigned char)*text)) {
    text++;
    length--;
  }
  while (length && isspace((unsigned char)text[length - 1]))
    length--;
  return (entry_t){text, length};
}

/* -1: it is no number, or one that no device has. */
static long read_number(entry_t e, number_t how) {
  char text[16], *end;
  if (!e.length || e.length >= sizeof text)
    return -1;
  snprintf(text, sizeof text, "%.*s", (int)e.length, e.text);
  if (how != C_NOTATION && !isdigit((unsigned char)text[0]))
    return -1;
  long number = strtol(text, &end, how == C_NOTATION ? 0 : 10);
  return how == LEADING_DIGITS || !*end ? number : -1;
}

static int knows_uuids(const eplb_host_t *host, const eplb_visible_list_t *all) {
  for (int i = 0; i < all->count; i++)
    if (listed_accelerator(host, &all->device[i])->uuid[0] || listed_accelerator(host, &all->device[i])->gpu_uuid[0])
      return 1;
  return 0;
}

/* The device with a UUID. NVIDIA's MIG devices have UUIDs that hwloc does not know; the older form names their GPU. */
static int find_uuid(const eplb_host_t *host, const eplb_visible_list_t *all, entry_t e, eplb_visible_t *found) {
  size_t parent = eplb_mig_parent_length(e.text, e.length);
  int matches = 0, is_mig = eplb_is_mig(e.text, e.length);
  for (int i = 0; i < all->count; i++) {
    const eplb_accelerator_t *a = listed_accelerator(host, &all->device[i]);
    size_t length = parent ? parent : e.length;
    if (!eplb_is_uuid_of(a, e.text, length) && !eplb_is_gpu_uuid_of(a, e.text, length))
      continue;
    *found = all->device[i];
    matches++;
  }
  int is_known = matches == 1 || (parent && matches);
  if (!is_known && (matches || !eplb_looks_like_uuid(e.text, e.length) || (knows_uuids(host, all) && !is_mig)))
    return 0;
  if (!is_known)
    *found = (eplb_visible_t){.index = EPLB_UNKNOWN_DEVICE, .tile = -1};
  if (!is_known || parent)
    snprintf(found->uuid, sizeof found->uuid, "%.*s", (int)e.length, e.text);
  return 1;
}

/* The first all->numbered have numbers. */
static int find_entry(const eplb_host_t *host, const rule_t *r, const eplb_visible_list_t *all, entry_t e,
                      eplb_visible_t *found) {
  long number = read_number(e, r->number);
  if (number >= 0 && number < all->numbered) {
    *found = all->device[number];
    return 1;
  }
  return number < 0 && r->takes_uuids && find_uuid(host, all, e, found);
}

static int is_repeated(const eplb_visible_t *device, int count, const eplb_visible_t *v) {
  for (int i = 0; i < count; i++)
    if (device[i].index == v->index && !strcmp(device[i].uuid, v->uuid))
      return 1;
  return 0;
}

static void note_entry(eplb_visible_list_t *list, entry_t e, const char *what) {
  snprintf(list->note, sizeof list->note, "%s names \"%.*s\", %s", list->variable, (int)(e.length < 24 ? e.length : 24),
           e.text, what);
}

/* ---- lists ---- */

/* Takes an entry of r's list out of *all; returns whether the list goes on. */
static int take_entry(const eplb_host_t *host, const rule_t *r, const eplb_visible_list_t *all, entry_t e,
                      eplb_visible_list_t *list) {
  eplb_visible_t found = {0};
  if (!find_entry(host, r, all, e, &found)) {
    if (e.length && *e.text != '-') /* "-1" ends lists on purpose */
      note_entry(list, e, "which is not a device here: this entry and all that follow are ignored");
    return 0;
  }
  if (!is_repeated(list->device, list->count, &found)) {
    if (list->count == all->count) /* UUIDs that are not known here */
      return 0;
    list->device[list->count++] = found;
  } else if (r->repeated != IS_SKIPPED) {
    note_entry(list, e, r->repeated == EMPTIES_LIST ? "twice: no device counts" : "twice: the list ends there");
    list->count = r->repeated == EMPTIES_LIST ? 0 : list->count;
    return 0;
  }
  return 1;
}

/* Leaves of *list what the text names, in its order. */
static eplb_status_t apply_rule(const eplb_host_t *host, const rule_t *r, const char *text, eplb_visible_list_t *list) {
  eplb_visible_list_t all = *list;
  all.device = EPLB_NEW(eplb_visible_t, all.count);
  if (!all.device)
    return EPLB_ERR_MEMORY;
  if (all.count)
    memcpy(all.device, list->device, (size_t)all.count * sizeof *all.device);
  list->count = 0;
  while (*text && take_entry(host, r, &all, trim(text), list) && text[strcspn(text, ",")])
    text += strcspn(text, ",") + 1;
  list->numbered = list->count;
  free(all.device);
  return EPLB_SUCCESS;
}

static int is_set(const char *variable) {
  const char *text = variable ? getenv(variable) : NULL;
  return text && *text;
}

static const char *variable_text(const rule_t *r) {
  const char *text = getenv(r->variable);
  for (int i = 0; i < 3; i++)
    if (is_set(r->unless[i]))
      return NULL;
  return text && (*text || !r->empty_is_unset) ? text : NULL;
}

static void take_vendor(const eplb_host_t *host, uint16_t vendor, eplb_visible_list_t *list) {
  list->count = 0;
  list->vendor = vendor;
  for (int i = 0; i < host->num_accelerators; i++)
    if (!vendor || host->accelerator[i].vendor == vendor)
      list->device[list->count++] = (eplb_visible_t){.index = i, .tile = -1};
  list->numbered = list->count;
}

static int has_vendor(const eplb_host_t *host, uint16_t vendor) {
  for (int i = 0; i < host->num_accelerators; i++)
    if (host->accelerator[i].vendor == vendor)
      return 1;
  return 0;
}

static eplb_status_t apply_set(const eplb_host_t *host, const char *variable, const char *set,
                               eplb_visible_list_t *list) {
  if (!list->vendor)
    take_vendor(host, EPLB_VENDOR_INTEL, list);
  list->variable = variable;
  return eplb_apply_affinity_mask(host, set, list);
}

/* SYCL's runtime selects among the devices that Level Zero shows. Only terms such as "level_zero:0,2" number them;
 * terms of other backends, of kinds of devices ("level_zero:gpu") and exclusions ("!") do not. */
static eplb_status_t apply_intel(const eplb_host_t *host, eplb_visible_list_t *list) {
  static const char backend[] = "level_zero:";
  const char *mask = getenv("ZE_AFFINITY_MASK"), *selector = getenv("ONEAPI_DEVICE_SELECTOR");
  eplb_status_t status = EPLB_SUCCESS;
  if (mask && *mask && strcmp(mask, "default") != 0)
    status = apply_set(host, "ZE_AFFINITY_MASK", mask, list);
  size_t length = strlen(backend);
  if (status || !selector || strncmp(selector, backend, length) != 0 || !isdigit((unsigned char)selector[length]))
    return status;
  char set[256];
  snprintf(set, sizeof set, "%.*s", (int)strcspn(selector + length, ";"), selector + length);
  return apply_set(host, "ONEAPI_DEVICE_SELECTOR", set, list);
}

static eplb_status_t apply_all(const eplb_host_t *host, eplb_visible_list_t *list) {
  eplb_status_t status = EPLB_SUCCESS;
  for (size_t i = 0; i < sizeof rules / sizeof *rules && !status; i++) {
    const rule_t *r = &rules[i];
    const char *text = variable_text(r);
    if (!text || !has_vendor(host, r->vendor) || (list->vendor && list->vendor != r->vendor))
      continue;
    if (!list->vendor)
      take_vendor(host, r->vendor, list);
    list->variable = r->variable;
    if (r->cuda_order)
      list->numbered = number_as_cuda(host, list);
    status = apply_rule(host, r, text, list);
  }
  if (!status && !list->vendor && has_vendor(host, EPLB_VENDOR_INTEL))
    status = apply_intel(host, list);
  return status;
}

eplb_status_t eplb_visible_devices(const eplb_host_t *host, eplb_visible_list_t *list) {
  *list = (eplb_visible_list_t){.device = EPLB_NEW(eplb_visible_t, host->num_accelerators)};
  if (!list->device)
    return EPLB_ERR_MEMORY;
  take_vendor(host, 0, list);
  eplb_status_t status = apply_all(host, list);
  if (status)
    free(list->device);
  return status;
}

uint64_t eplb_visible_hash(void) {
  static const char *const others[] = {"EPLB_DEVICE", "CUDA_DEVICE_ORDER", "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR",
                                       "ZE_FLAT_DEVICE_HIERARCHY"};
  enum { NUM_RULES = sizeof rules / sizeof *rules, NUM_OTHERS = sizeof others / sizeof *others };
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (int i = 0; i < NUM_RULES + NUM_OTHERS; i++) {
    const char *text = getenv(i < NUM_RULES ? rules[i].variable : others[i - NUM_RULES]);
    for (const char *at = text ? text : "\1"; *at; at++)
      hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    hash = (hash ^ '\n') * UINT64_C(0x100000001b3);
  }
  return hash;
}
