# Sourced by scripts that need a real Slurm. Makes a cluster of virtual hosts (tests/hosts/hosts.sh), each with its own slurmd, under
# two leaf switches and a spine; h0 also has the controller. Nodes are called n0.site to nN.site: names with dots. Needs root, munge
# and Slurm's daemons, client and basic plugins; where these are missing the script ends as a skipped test that says so. All that is
# started lives in the script's own namespaces and ends with it.
#
#   . tests/slurm/cluster.sh
#   cluster_up 4 2                    four nodes, an even number, of two processors
#   cluster_do srun -N 2 PROGRAM      as on a login node
for cluster_tool in slurmctld slurmd srun salloc munged; do
  PATH=$PATH:/usr/sbin
  if ! command -v $cluster_tool >/dev/null; then
    echo "1..0 # SKIP a real Slurm needs $cluster_tool (slurmctld, slurmd, slurm-client, slurm-wlm-basic-plugins, munge)"
    exit 0
  fi
done
if [ "$(id -u)" -ne 0 ]; then
  echo "1..0 # SKIP a real Slurm needs root"
  exit 0
fi
. "$srcdir/tests/hosts/hosts.sh"
export SLURM_CONF=/run/slurm/slurm.conf

cluster_configure() {
  mkdir -p /run/slurm/state $(seq -f "/run/slurm/tmp-n%g.site" 0 $(($1 - 1)))
  for file in 0 1 2 3 4 5 6 7; do
    mknod /run/slurm/gpu$file c 1 3
  done
  echo "Name=gpu File=/run/slurm/gpu[0-7]" >/run/slurm/gres.conf
  for leaf in 0 1; do
    echo "SwitchName=leaf$leaf Nodes=$(seq -f 'n%g.site' -s , $((leaf * $1 / 2)) $(((leaf + 1) * $1 / 2 - 1)))"
  done >/run/slurm/topology.conf
  echo "SwitchName=spine Switches=leaf[0-1]" >>/run/slurm/topology.conf
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >/run/slurm/cgroup.conf
  cat >$SLURM_CONF <<CONF
ClusterName=test
SlurmctldHost=h0
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=/run/munge.socket
StateSaveLocation=/run/slurm/state
SlurmdSpoolDir=/run/slurm/spool-%n
TmpFS=/run/slurm/tmp-%n
SlurmctldPidFile=/run/slurm/controller.pid
SlurmdPidFile=/run/slurm/%n.pid
SlurmctldLogFile=/run/slurm/controller.log
SlurmdLogFile=/run/slurm/%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
TopologyPlugin=topology/tree
MpiDefault=pmix
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
GresTypes=gpu
$(for node in $(seq 0 $(($1 - 1))); do
    echo "NodeName=n$node.site NodeHostname=h$node NodeAddr=10.0.0.$((node + 1)) CPUs=$2 RealMemory=500 Gres=gpu:8 State=UNKNOWN"
  done)
PartitionName=all Nodes=ALL Default=YES MaxTime=30 State=UP
CONF
}

cluster_do() {
  hosts_exec 0 env SLURM_CONF=$SLURM_CONF "$@"
}

# Quiet daemons; what they say is in /run/slurm.
cluster_start() {
  mkdir -p /run/munge /var/log/munge
  (umask 077 && head -c 128 /dev/urandom >/run/munge/key)
  munged --force --key-file=/run/munge/key --socket=/run/munge.socket --pid-file=/run/munge/pid --log-file=/run/munge/log \
    --seed-file=/run/munge/seed >/run/slurm/munge.out 2>&1 || return
  cluster_do slurmctld >/run/slurm/controller.out 2>&1 || return
  for node in $(seq 0 $(($1 - 1))); do
    hosts_exec "$node" env SLURM_CONF=$SLURM_CONF slurmd -N "n$node.site" >"/run/slurm/n$node.out" 2>&1 || return
  done
}

cluster_up() {
  hosts_up $(for node in $(seq "$1"); do echo "$2"; done) && cluster_configure "$1" "$2" && cluster_start "$1" || return
  for try in $(seq 100); do
    [ "$(cluster_do sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" -eq "$1" ] && return
    sleep .1
  done
  return 1
}
