/* mpi-eplb: expert-parallel load balancing for MPI jobs. This header includes all that needs no MPI; eplb_mpi.h has the
 * rest.
 *
 * Structs. A program that was compiled with older headers must work with a newer library of the same ABI version, so
 * structs grow at their end only, and are of three kinds:
 *
 *   prepared   begin with `size`. Their _init sets it to the size that the program was compiled with, and sets the
 *              defaults. The library never reads or writes more than `size` bytes: members beyond it have their
 *              defaults, or are not filled. EPLB_ERR_ARGUMENT: the size is 0, or larger than the library's.
 *   allocated  by the library, which returns their addresses: topology, placement, loads, machine, ... A program may
 *              read their members, but must not create such structs itself, nor copy a whole struct.
 *   fixed      elements of arrays, lists, and members of other structs; their comments say so. They change only with
 *              the ABI version.
 */
#ifndef EPLB_EPLB_H
#define EPLB_EPLB_H

#include <eplb/dispatch.h>
#include <eplb/formats.h>
#include <eplb/loads.h>
#include <eplb/options.h>
#include <eplb/placement.h>
#include <eplb/planner.h>
#include <eplb/routing.h>
#include <eplb/status.h>
#include <eplb/topology.h>
#include <eplb/transfer.h>

/* The version of these headers. */
#define EPLB_VERSION_MAJOR 0
#define EPLB_VERSION_MINOR 1
#define EPLB_VERSION_PATCH 0
#define EPLB_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the EPLB_VERSION of the loaded library, which may differ from that of the headers. Local. Never NULL; static
 * storage. */
EPLB_PUBLIC const char *eplb_version(void);

#ifdef __cplusplus
}
#endif

#endif
