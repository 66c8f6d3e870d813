/* The loads and the topology of a command that runs under mpirun. */
#include "tools/common/job.h"
#include "core/model/synthetic.h"
#include "mpi/comm/agree.h"
#include "tools/common/recording_options.h"

/* Every rank reads for itself. */
static eplb_status_t read_or_generate(const job_options_t *o, int num_windows, eplb_loads_t **loads) {
  if (o->loads)
    return recording_read(o->loads, loads);
  eplb_generate_options_t generate = o->generate;
  generate.num_windows = num_windows;
  return eplb_loads_generate(&generate, loads);
}

eplb_status_t job_loads(const job_options_t *o, int num_windows, eplb_loads_t **loads) {
  return eplb_agree_world(read_or_generate(o, num_windows, loads));
}

int job_slots_per_rank(const job_options_t *o, int num_experts, int num_ranks) {
  int slots = o->slots ? o->slots : num_experts + (num_experts + 7) / 8;
  return (slots + num_ranks - 1) / num_ranks;
}

eplb_status_t job_topology(const job_options_t *o, int slots_per_rank, eplb_topology_t **topology) {
  int ranks;
  eplb_machine_t *machine;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (o->nodes)
    return eplb_agree_world(
        eplb_topology_declare(o->nodes < ranks ? o->nodes : ranks, ranks, slots_per_rank, topology));
  eplb_status_t status = eplb_machine_detect(MPI_COMM_WORLD, slots_per_rank, &machine);
  if (status)
    return status;
  status = eplb_agree_world(eplb_topology_copy(machine->topology, topology));
  eplb_machine_destroy(&machine);
  return status;
}
