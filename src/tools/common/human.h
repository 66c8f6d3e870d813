/* Numbers as people read and write them, and a progress bar. */
#ifndef EPLB_TOOLS_COMMON_HUMAN_H
#define EPLB_TOOLS_COMMON_HUMAN_H

#include <stddef.h>
#include <stdint.h>

enum { HUMAN_MAX = 16 };

/* "512 B", "64.0 KiB", "1.02 GiB" into text[HUMAN_MAX]; returns text. */
const char *human_bytes(int64_t bytes, char *text);

enum { HUMAN_TEXT_MAX = 512 };

/* A path or another text from outside as it can be printed, into shown[HUMAN_TEXT_MAX]: control characters are escaped,
 * and what does not fit gives way to dots. Returns shown. */
const char *human_text(const char *text, char *shown);

/* The option value `text`: a number of bytes, with K, M or G (KiB, MiB, GiB) behind it or not; at most `most`. On
 * anything else argp's error and exit. */
struct argp_state;
int64_t tool_bytes(const struct argp_state *state, const char *option, const char *text, int64_t least, int64_t most);

/* A bar on stderr where that is a terminal, else nothing: `done` of `total`. It removes itself when done reaches
 * total. */
void tool_progress(const char *what, int64_t done, int64_t total);

#endif
