/* mpi-eplb: expert-parallel load balancing for MPI jobs. Everything that needs no MPI: see eplb_mpi.h for the rest.
 *
 * Structs. A program that was compiled with older headers must work with a newer library of the same ABI version, so
 * structs grow at their end only, and are of three kinds:
 *
 *   prepared   begin with `size`, which their _init sets to what the program was compiled with, as well as the defaults.
 *              The library never reads or writes more than `size` bytes: of a smaller struct that is given to it, the
 *              rest has its defaults; a smaller one that it fills is filled as far as it goes. EPLB_ERR_ARGUMENT: the
 *              size is 0, or larger than the library's.
 *   allocated  by the library, which gives their address: topology, placement, loads, machine, ... A program reads
 *              their members, but must not make any of its own, nor copy one as a whole.
 *   fixed      elements of arrays, lists, and what others contain: they say so. They change with the ABI version only.
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

/* EPLB_VERSION of the library that the program has loaded, which may differ from that of the headers. Local. Never
 * NULL; static storage. */
EPLB_PUBLIC const char *eplb_version(void);

#ifdef __cplusplus
}
#endif

#endif
