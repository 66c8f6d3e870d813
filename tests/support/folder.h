/* A temporary folder, and how files are written to it that must appear whole or not at all. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <eplb/status.h>
#include <stddef.h>

/* Makes the folder within the current one; ends the program where that is impossible. */
void folder_make(void);
/* Removes it with all files in it. */
void folder_remove(void);
/* The path of `name` within it, in one of a few static buffers. */
const char *folder_path(const char *name);
/* How many files and folders it has. */
int folder_count(void);

/* Writes `size` bytes to the file `name` of the folder; returns its path. */
const char *folder_put(const char *name, const void *bytes, size_t size);
/* The content of a file with a zero after it, which the caller frees. */
char *folder_get(const char *path, size_t *size);

/* Asserts that `write` fails as include/eplb/formats.h promises wherever a file cannot be written: EPLB_ERR_IO and a
 * sentence with the path, the old file whole and nothing left beside it. What it writes takes more than 16 bytes. */
void folder_check_writing(eplb_status_t (*write)(const char *path));

#endif
