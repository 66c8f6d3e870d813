/* The version of these headers, and of the library that a program runs with. */
#ifndef EPLB_VERSION_H
#define EPLB_VERSION_H

#include <eplb/status.h>

#define EPLB_VERSION_MAJOR 0
#define EPLB_VERSION_MINOR 1
#define EPLB_VERSION_PATCH 0
#define EPLB_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* EPLB_VERSION of the library that the program has loaded, which may differ from that of the headers. Local. Never
 * NULL; static storage. */
EPLB_PUBLIC const char *eplb_version(void);

#ifdef __cplusplus
}
#endif
#endif
