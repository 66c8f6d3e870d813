/* mpi-eplb: expert-parallel load balancing for MPI jobs. Everything that needs no MPI: see eplb_mpi.h for the rest. */
#ifndef EPLB_EPLB_H
#define EPLB_EPLB_H

#include <eplb/dispatch.h>
#include <eplb/formats.h>
#include <eplb/loads.h>
#include <eplb/options.h>
#include <eplb/payback.h>
#include <eplb/placement.h>
#include <eplb/planner.h>
#include <eplb/routing.h>
#include <eplb/status.h>
#include <eplb/topology.h>
#include <eplb/transfer.h>
#include <eplb/version.h>

#endif
