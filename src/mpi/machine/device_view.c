/* Hashes what decides which accelerators a process sees, so that one rank can detect for all ranks with the same hash:
 * detection takes long. */
#include "mpi/machine/device_view.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* The files of accelerators, by folder and the beginning of their names; a digit follows, or nothing. */
static const struct {
  const char *folder, *prefix;
} files[] = {{"/dev", "nvidia"},  {"/dev", "kfd"},    {"/dev/dri", "renderD"}, {"/dev/accel", "accel"},
             {"/dev", "davinci"}, {"/dev", "veslot"}, {"/dev", "mtgpu"}};

/* Variables that change what hwloc detects. */
static const char *const variables[] = {"HWLOC_XMLFILE", "HWLOC_FSROOT", "HWLOC_SYNTHETIC", "HWLOC_COMPONENTS"};

static uint64_t add_to_hash(uint64_t hash, const char *text) {
  return XXH3_64bits_withSeed(text, strlen(text) + 1, hash);
}

static int is_file_of(const char *name, const char *prefix) {
  size_t length = strlen(prefix);
  return !strncmp(name, prefix, length) && (!name[length] || (name[length] >= '0' && name[length] <= '9'));
}

/* A sum, because folders have no order. */
static uint64_t hash_files(void) {
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    DIR *folder = opendir(files[i].folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
      if (is_file_of(entry->d_name, files[i].prefix))
        sum += add_to_hash(i + 1, entry->d_name);
    if (folder)
      closedir(folder);
  }
  return sum;
}

static uint64_t hash_cgroup(void) {
  char text[4096];
  FILE *file = fopen("/proc/self/cgroup", "r");
  size_t length = file ? fread(text, 1, sizeof text, file) : 0;
  if (file)
    fclose(file);
  return XXH3_64bits(text, length);
}

uint64_t eplb_device_view(void) {
  uint64_t hash = hash_files();
  if (hash)
    hash ^= hash_cgroup();
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    hash = add_to_hash(hash, getenv(variables[i]) ? getenv(variables[i]) : "");
  return hash;
}
