/* Runs a fuzz target on its corpus, corpus/NAME beside this file, where NAME is the program's; or on the files that are
 * given. */
#include "fuzz.h"
#include <dirent.h>

static int run_file(const char *path) {
  static uint8_t data[1 << 16];
  FILE *file = fopen(path, "rb");
  if (!file)
    return 0;
  size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  LLVMFuzzerTestOneInput(data, size);
  return 1;
}

static int run_folder(const char *folder) {
  char path[4096 + sizeof((struct dirent *)0)->d_name];
  int files = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    if (entry->d_name[0] != '.') {
      snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
      files += run_file(path);
    }
  if (dir)
    closedir(dir);
  return files;
}

int main(int argc, char **argv) {
  char folder[4096];
  int files = 0;
  const char *source = getenv("srcdir"), *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
  snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", source ? source : ".", name);
  for (int i = 1; i < argc; i++)
    files += run_file(argv[i]);
  if (argc == 1)
    files = run_folder(folder);
  printf("1..1\n%s 1 - fuzz: the corpus of the %s, %d inputs\n", files ? "ok" : "not ok", name, files);
  return !files;
}
