pkgincludedir = $(includedir)/eplb
pkginclude_HEADERS = \
	include/eplb/eplb.h \
	include/eplb/eplb_mpi.h \
	include/eplb/detect.h \
	include/eplb/batch.h \
	include/eplb/dispatch.h \
	include/eplb/formats.h \
	include/eplb/loads.h \
	include/eplb/memory.h \
	include/eplb/options.h \
	include/eplb/placement.h \
	include/eplb/planner.h \
	include/eplb/replicas.h \
	include/eplb/routing.h \
	include/eplb/saved.h \
	include/eplb/session.h \
	include/eplb/status.h \
	include/eplb/topology.h \
	include/eplb/transfer.h
