/* Identifies the machine by its boot id and its shared memory by the device and inode numbers of /dev/shm: host
 * names are not unique, and containers of one machine may have different ones. */
#include "mpi/comm/machine_id.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

uint64_t eplb_machine_id(void) {
  char boot_id[64] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
  if (file) {
    if (!fgets(boot_id, sizeof boot_id, file))
      boot_id[0] = 0;
    fclose(file);
  }
  return boot_id[0] ? XXH3_64bits(boot_id, strlen(boot_id)) : 0;
}

uint64_t eplb_shm_identity(void) {
  struct stat info;
  if (stat("/dev/shm", &info))
    return 0;
  uint64_t numbers[2] = {(uint64_t)info.st_dev, (uint64_t)info.st_ino};
  return XXH3_64bits(numbers, sizeof numbers);
}
