#include "pages.h"
#include <stdint.h>
#include <sys/mman.h>

/* In front of the memory lies a page with its size, which stays open. */
enum { PAGE = 4096 };

void *pages_new(size_t bytes) {
  size_t whole = PAGE + (bytes + PAGE - 1) / PAGE * PAGE;
  char *first = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (first == MAP_FAILED)
    return NULL;
  *(size_t *)(void *)first = whole;
  mprotect(first + PAGE, whole - PAGE, PROT_NONE);
  return first + PAGE;
}

void pages_free(void *pages) {
  char *first = pages ? (char *)pages - PAGE : NULL;
  if (first)
    munmap(first, *(size_t *)(void *)first);
}

static void protect(const void *address, size_t bytes, int how) {
  uintptr_t begin = (uintptr_t)address / PAGE * PAGE, end = (uintptr_t)address + bytes;
  if (bytes)
    mprotect((void *)begin, end - begin, how);
}

void pages_open(const void *address, size_t bytes) {
  protect(address, bytes, PROT_READ | PROT_WRITE);
}

void pages_close(const void *address, size_t bytes) {
  protect(address, bytes, PROT_NONE);
}
