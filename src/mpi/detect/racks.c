/* Reads the file that names the rack of each host; a missing host is an error, as its ranks would have no domain. */
#include "mpi/detect/racks.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct line {
  char host[EPLB_HOST_NAME_MAX];
  char domain[EPLB_DOMAIN_PATH_MAX];
} line_t;

eplb_status_t eplb_check_domain(const char *what, const char *path) {
  int levels = 0;
  const char *at = path;
  for (;; at++, levels++) {
    size_t length = strcspn(at, "/");
    const char *equals = memchr(at, '=', length);
    size_t name = equals ? (size_t)(equals - at) : 1, value = equals ? length - name - 1 : length;
    if (!value || !name || name >= EPLB_LEVEL_NAME_MAX - 1 || (equals && memchr(equals + 1, '=', value)))
      return eplb_fail(EPLB_ERR_ARGUMENT, "%s is \"%.64s\"; expected a domain such as rack3 or fabric=f0/rack=r3", what,
                       path);
    at += length;
    if (!*at)
      break;
  }
  if (levels + 1 > EPLB_MAX_LEVELS - 2 || strlen(path) >= EPLB_DOMAIN_PATH_MAX)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is \"%.64s\"; expected no more than %s and %s", what, path,
                     eplb_count(EPLB_MAX_LEVELS - 2, "level"), eplb_count(EPLB_DOMAIN_PATH_MAX - 1, "character"));
  return EPLB_SUCCESS;
}

static int by_host(const void *a, const void *b) {
  return strcmp(((const line_t *)a)->host, ((const line_t *)b)->host);
}

/* "host domain", or nothing but a comment: then host is "". */
static eplb_status_t parse_line(const char *path, int number, char *text, line_t *line) {
  char *rest = NULL, what[256];
  text[strcspn(text, "#")] = 0;
  char *host = strtok_r(text, " \t\r", &rest), *domain = strtok_r(NULL, " \t\r", &rest);
  *line = (line_t){.host = ""};
  if (!host)
    return EPLB_SUCCESS;
  if (!domain || strtok_r(NULL, " \t\r", &rest) || strlen(host) >= sizeof line->host)
    return eplb_fail(EPLB_ERR_FORMAT, "%s, line %d: expected a host name and its domain, such as \"node17 rack3\"",
                     path, number);
  snprintf(what, sizeof what, "%.200s, line %d: the domain", path, number);
  if (eplb_check_domain(what, domain))
    return EPLB_ERR_FORMAT;
  snprintf(line->host, sizeof line->host, "%s", host);
  snprintf(line->domain, sizeof line->domain, "%s", domain);
  return EPLB_SUCCESS;
}

enum { LINE_ROOM = 4096 };

/* The length of the next line, without its end, in text[LINE_ROOM]; -1 past the last. LINE_ROOM: a zero byte, or a line
 * that is longer, so that a device such as /dev/zero is not read for ever. */
static int next_line(FILE *file, char *text) {
  int length = 0, c = getc(file);
  if (c == EOF)
    return -1;
  for (; c != EOF && c != '\n'; c = getc(file)) {
    if (!c || length == LINE_ROOM - 1)
      return LINE_ROOM;
    text[length++] = (char)c;
  }
  text[length] = 0;
  return length;
}

static eplb_status_t read_rack_lines(FILE *file, const char *path, line_t **lines, size_t *count) {
  char text[LINE_ROOM];
  size_t size = 0;
  eplb_status_t status = EPLB_SUCCESS;
  for (int number = 1, length; !status && (length = next_line(file, text)) >= 0; number++) {
    if (length == LINE_ROOM) {
      status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %d: a zero byte or more than %d characters; expected text", path,
                         number, LINE_ROOM - 1);
      break;
    }
    if (*count == size) {
      size = size ? 2 * size : 64;
      line_t *grown = eplb_grow(*lines, size, sizeof **lines);
      if (!grown) {
        status = EPLB_ERR_MEMORY;
        break;
      }
      *lines = grown;
    }
    status = parse_line(path, number, text, &(*lines)[*count]);
    *count += !status && (*lines)[*count].host[0];
  }
  if (!status && ferror(file))
    status = eplb_fail(EPLB_ERR_IO, "cannot read %s: %s", path, strerror(errno));
  return status;
}

static const line_t *find_host_line(const line_t *lines, size_t count, const char *host) {
  line_t key;
  snprintf(key.host, sizeof key.host, "%s", host);
  const line_t *found = bsearch(&key, lines, count, sizeof *lines, by_host);
  if (!found && strchr(key.host, '.')) {
    *strchr(key.host, '.') = 0;
    found = bsearch(&key, lines, count, sizeof *lines, by_host);
  }
  return found;
}

static eplb_status_t look_up(const char *path, const line_t *lines, size_t count, eplb_rank_info_t *rank,
                             int num_ranks) {
  for (size_t i = 1; i < count; i++)
    if (!by_host(&lines[i - 1], &lines[i]) && strcmp(lines[i - 1].domain, lines[i].domain))
      return eplb_fail(EPLB_ERR_FORMAT, "%s puts host %s into %s and into %s; expected one of these", path,
                       lines[i].host, lines[i - 1].domain, lines[i].domain);
  for (int r = 0; r < num_ranks; r++) {
    const line_t *line = find_host_line(lines, count, rank[r].host);
    if (!line)
      return eplb_fail(EPLB_ERR_FORMAT, "%s does not name host %s of rank %d; expected a line such as \"%s rack3\"",
                       path, rank[r].host, rank[r].rank, rank[r].host);
    snprintf(rank[r].domain, sizeof rank[r].domain, "%s", line->domain);
    rank[r].domain_rule = EPLB_DOMAIN_BY_RACKS;
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_read_racks(const char *path, eplb_rank_info_t *rank, int num_ranks) {
  line_t *lines = NULL;
  size_t count = 0;
  FILE *file = fopen(path, "r");
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  eplb_status_t status = read_rack_lines(file, path, &lines, &count);
  fclose(file);
  if (!status && count) {
    qsort(lines, count, sizeof *lines, by_host);
    status = look_up(path, lines, count, rank, num_ranks);
  } else if (!status) {
    status = eplb_fail(EPLB_ERR_FORMAT, "%s names no host; expected lines such as \"node17 rack3\"", path);
  }
  free(lines);
  return status;
}
