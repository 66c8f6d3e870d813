noinst_LTLIBRARIES += src/mpi/libruntime.la src/mpi/comm/libcomm.la

# By itself, because the command uses it, too.
src_mpi_comm_libcomm_la_SOURCES = \
	src/mpi/comm/agree.c \
	src/mpi/comm/agree.h \
	src/mpi/comm/comm.c \
	src/mpi/comm/comm.h \
	src/mpi/comm/compare.c \
	src/mpi/comm/compare.h \
	src/mpi/comm/launcher.c \
	src/mpi/comm/launcher.h \
	src/mpi/comm/machine_id.c \
	src/mpi/comm/machine_id.h \
	src/mpi/comm/split.c \
	src/mpi/comm/split.h
src_mpi_comm_libcomm_la_CPPFLAGS = $(SOURCE_CPPFLAGS) $(XXHASH_CFLAGS) $(MPI_CFLAGS)
src_mpi_comm_libcomm_la_LIBADD = $(XXHASH_LIBS)

src_mpi_libruntime_la_SOURCES = \
	src/mpi/machine/device_view.c \
	src/mpi/machine/device_view.h \
	src/mpi/machine/gather.c \
	src/mpi/machine/gather.h \
	src/mpi/machine/host_merge.c \
	src/mpi/machine/host_merge.h \
	src/mpi/machine/host_pack.c \
	src/mpi/machine/host_pack.h \
	src/mpi/machine/machine.c \
	src/mpi/machine/machine.h \
	src/mpi/machine/node.c \
	src/mpi/machine/node.h \
	src/mpi/machine/node_report.c \
	src/mpi/machine/node_report.h \
	src/mpi/memory/cma.c \
	src/mpi/memory/cma.h \
	src/mpi/memory/gpu.c \
	src/mpi/memory/gpu_aware_mpi.c \
	src/mpi/memory/gpu_aware_mpi.h \
	src/mpi/memory/gpu_runtime.c \
	src/mpi/memory/gpu_runtime.h \
	src/mpi/memory/host.c \
	src/mpi/memory/host.h \
	src/mpi/memory/mapped.c \
	src/mpi/memory/mapped.h \
	src/mpi/memory/shm_queue.c \
	src/mpi/memory/shm_queue.h \
	src/mpi/memory/shm_region.c \
	src/mpi/memory/shm_region.h \
	src/mpi/memory/shm_segment.c \
	src/mpi/memory/shm_segment.h \
	src/mpi/migrate/chunk.c \
	src/mpi/migrate/chunk.h \
	src/mpi/migrate/context.h \
	src/mpi/migrate/expert_copy.c \
	src/mpi/migrate/expert_copy.h \
	src/mpi/migrate/failure.h \
	src/mpi/migrate/fault.c \
	src/mpi/migrate/location.c \
	src/mpi/migrate/location.h \
	src/mpi/migrate/migration.c \
	src/mpi/migrate/migration.h \
	src/mpi/migrate/migration_memory.c \
	src/mpi/migrate/migration_plan.c \
	src/mpi/migrate/migration_plan.h \
	src/mpi/migrate/mpi_datatype.c \
	src/mpi/migrate/mpi_datatype.h \
	src/mpi/migrate/rank_plan.c \
	src/mpi/migrate/rank_plan.h \
	src/mpi/migrate/sample.c \
	src/mpi/migrate/sample.h \
	src/mpi/migrate/tensors.c \
	src/mpi/migrate/tensors.h \
	src/mpi/migrate/transport.c \
	src/mpi/migrate/transport.h \
	src/mpi/migrate/transport_mpi.c \
	src/mpi/migrate/transport_shm.c \
	src/mpi/migrate/watch.c \
	src/mpi/migrate/watch.h \
	src/mpi/session/advance.c \
	src/mpi/session/batch.c \
	src/mpi/session/commit.c \
	src/mpi/session/drain.c \
	src/mpi/session/environment.c \
	src/mpi/session/environment.h \
	src/mpi/session/in_step.c \
	src/mpi/session/in_step.h \
	src/mpi/session/options.c \
	src/mpi/session/options.h \
	src/mpi/session/plan_step.c \
	src/mpi/session/plan_step.h \
	src/mpi/session/rebalance.c \
	src/mpi/session/rebalancing.h \
	src/mpi/session/planning_ranks.c \
	src/mpi/session/planning_ranks.h \
	src/mpi/session/reduction.c \
	src/mpi/session/reduction.h \
	src/mpi/session/registration.c \
	src/mpi/session/replicas.c \
	src/mpi/session/route.c \
	src/mpi/session/saved.c \
	src/mpi/session/saved_state.c \
	src/mpi/session/saved_state.h \
	src/mpi/session/session.c \
	src/mpi/session/session.h \
	src/mpi/session/traffic.c \
	src/mpi/session/traffic.h \
	src/mpi/session/vote.c \
	src/mpi/session/vote.h \
	src/mpi/session/window.c
src_mpi_libruntime_la_CPPFLAGS = $(SOURCE_CPPFLAGS) $(XXHASH_CFLAGS) $(MPI_CFLAGS)
src_mpi_libruntime_la_LIBADD = src/core/util/libutil.la src/mpi/comm/libcomm.la $(XXHASH_LIBS) $(MPI_LIBS) $(DL_LIBS)
