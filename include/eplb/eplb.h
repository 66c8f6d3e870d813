/* mpi-eplb: expert-parallel load balancing for MPI jobs. Everything that needs no MPI: see eplb_mpi.h for the rest. */
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
