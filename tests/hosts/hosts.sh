# Sourced by scripts that need several hosts. Makes them on this machine: network, host name, System V memory and /dev/shm of
# their own, joined by a switch, so that MPI sees nodes and speaks TCP between them. Needs root or user namespaces, iproute2 and
# util-linux; where these are missing the script ends as a skipped test that says so. Whatever way the script ends, nothing is left:
# sourcing starts it anew inside namespaces of its own, and the kernel takes these, and all in them, away with its last process.
#
#   . tests/hosts/hosts.sh
#   hosts_up 2 3 1                    three hosts, h0 to h2, for 2, 3 and 1 ranks
#   hosts_shape 1gbit                 what each host can send and receive; none: no limit
#   hosts_run slot PROGRAM ARGS...    ranks in order of hosts (slot) or dealt out to them in turn (node); $MPIEXEC is used
#   hosts_exec 1 COMMAND...           on one host
#   hosts_down                        before the next hosts_up
#
# For a look by hand: tests/hosts/on-hosts.

hosts_skip() {
  echo "1..0 # SKIP several hosts on this machine need $1"
  exit 0
}

if [ -z "${HOSTS_INSIDE:-}" ]; then
  for hosts_tool in ip tc unshare nsenter setsid; do
    command -v $hosts_tool >/dev/null || hosts_skip "$hosts_tool (iproute2, util-linux)"
  done
  hosts_user=
  [ "$(id -u)" -eq 0 ] || hosts_user=--map-root-user
  hosts_new="unshare $hosts_user --net --uts --ipc --mount --pid --fork --kill-child --mount-proc"
  $hosts_new sh -c 'mount -t tmpfs tmpfs /run && ip link add hosts type bridge' 2>/dev/null ||
    hosts_skip "root, or namespaces that users may make"
  HOSTS_INSIDE=1
  export HOSTS_INSIDE
  exec $hosts_new "$0" "$@"
fi

mount -t tmpfs tmpfs /run # where all below is kept: the processes that are the hosts, their names, the launcher's agent
ip link add hosts type bridge
ip link set hosts up
hosts_ranks=

# How Open MPI and Hydra start something on another host, as they would with ssh. The environment is kept.
cat >/run/agent <<'AGENT'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
pid=$(cat "/run/$1.pid") || exit 1
export TMPDIR="/run/$1"
shift
exec nsenter -t "$pid" -n -u -i -m sh -c "cd '$PWD' && $*"
AGENT
chmod +x /run/agent

hosts_exec() {
  hosts_name=h$1
  shift
  TMPDIR=/run/$hosts_name nsenter -t "$(cat "/run/$hosts_name.pid")" -n -u -i -m sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
}

# One host: a process that keeps its namespaces until it is killed, and a cable to the switch. It has a session of its own, because
# Hydra ends all that is in its process group.
hosts_up_one() {
  mkdir -p "/run/h$1"
  setsid unshare --net --uts --ipc --mount sh -c '
    hostname "$0" && mount -t tmpfs tmpfs /dev/shm && mount --bind /run/names /etc/hosts &&
    echo $$ >"/run/$0.new" && mv "/run/$0.new" "/run/$0.pid" && exec sleep infinity' "h$1" </dev/null >/dev/null 2>&1 &
  hosts_tries=0
  until [ -f "/run/h$1.pid" ]; do
    hosts_tries=$((hosts_tries + 1))
    [ $hosts_tries -lt 500 ] || return 1
    sleep 0.01
  done
  hosts_pid=$(cat "/run/h$1.pid")
  ip link add "port$1" type veth peer name eth0 netns "$hosts_pid"
  ip link set "port$1" master hosts up
  hosts_exec "$1" sh -c "ip addr add 10.0.0.$(($1 + 1))/24 dev eth0 && ip link set eth0 up && ip link set lo up"
}

hosts_up() {
  hosts_ranks=$*
  echo "127.0.0.1 localhost" >/run/names
  hosts_index=0
  for hosts_count in $hosts_ranks; do
    echo "10.0.0.$((hosts_index + 1)) h$hosts_index" >>/run/names
    hosts_index=$((hosts_index + 1))
  done
  hosts_index=0
  for hosts_count in $hosts_ranks; do
    hosts_up_one $hosts_index || return
    hosts_index=$((hosts_index + 1))
  done
}

hosts_down() {
  hosts_index=0
  for hosts_count in $hosts_ranks; do
    kill "$(cat /run/h$hosts_index.pid)"
    ip link del port$hosts_index 2>/dev/null # gone already where the host took it along
    rm -rf /run/h$hosts_index /run/h$hosts_index.pid
    hosts_index=$((hosts_index + 1))
  done
  hosts_ranks=
}

# Both ends of each cable: one limits what the host sends, the other what it receives.
hosts_shape() {
  hosts_index=0
  hosts_set="replace dev"
  hosts_limit="root tbf rate $1 burst 256kb latency 50ms"
  if [ "$1" = none ]; then
    hosts_set="del dev"
    hosts_limit=root
  fi
  for hosts_count in $hosts_ranks; do
    tc qdisc $hosts_set port$hosts_index $hosts_limit || return
    hosts_exec $hosts_index tc qdisc $hosts_set eth0 $hosts_limit || return
    hosts_index=$((hosts_index + 1))
  done
}

# The host of each rank, one a line: rank by rank along the hosts (slot), or dealt out to them in turn (node).
hosts_deal() {
  hosts_index=0
  for hosts_count in $hosts_ranks; do
    hosts_round=0
    while [ $hosts_round -lt "$hosts_count" ]; do
      echo "$hosts_round h$hosts_index"
      hosts_round=$((hosts_round + 1))
    done
    hosts_index=$((hosts_index + 1))
  done | if [ "$1" = node ]; then sort -s -n -k 1,1; else cat; fi | sed 's/.* //'
}

# PRRTE fails where it maps or numbers ranks by node on hosts of unequal slots: so each rank is told its host.
hosts_run() {
  hosts_deal "$1" >/run/ranks
  shift
  hosts_all=$(wc -l </run/ranks)
  hosts_mpiexec=${MPIEXEC:-mpirun}
  if $hosts_mpiexec --version 2>&1 | grep -q 'Open MPI\|OpenRTE'; then
    hosts_exec 0 $hosts_mpiexec -n $hosts_all --map-by seq --hostfile /run/ranks \
      --mca plm_rsh_agent /run/agent --mca plm_rsh_no_tree_spawn 1 --mca oob_tcp_if_include eth0 \
      --mca btl_tcp_if_include eth0 "$@"
  else
    hosts_exec 0 $hosts_mpiexec -n $hosts_all -hosts "$(paste -sd , /run/ranks)" -launcher ssh \
      -launcher-exec /run/agent -iface eth0 "$@"
  fi
}
