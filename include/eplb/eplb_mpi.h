/* All of mpi-eplb: the core, and, with MPI and hwloc, detection of the machine and the session that rebalances. */
#ifndef EPLB_EPLB_MPI_H
#define EPLB_EPLB_MPI_H

#include <eplb/batch.h>
#include <eplb/detect.h>
#include <eplb/eplb.h>
#include <eplb/memory.h>
#include <eplb/replicas.h>
#include <eplb/saved.h>
#include <eplb/session.h>

#endif
