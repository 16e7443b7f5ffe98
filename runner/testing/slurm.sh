#!/usr/bin/env bash
# A real Slurm with three simulated nodes (n1 n2 n3) on this machine: for tests, and for trying exp's Slurm executor by hand.
#   slurm.sh start DIR [accounting]   then: export SLURM_CONF=DIR/slurm.conf
#   slurm.sh node DIR NAME            starts the daemon of a node that was killed
#   slurm.sh controller DIR           starts the controller that was killed
#   slurm.sh stop DIR
# As root, in a container, without systemd; nothing outside DIR is written. Debian packages: slurm-wlm munge, and for
# accounting slurmdbd mariadb-server. Exit 3 where they are missing.
set -euo pipefail
usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
mkdir -p "$2"
verb=$1 dir=$(cd "$2" && pwd) nodes="n1 n2 n3"
export SLURM_CONF=$dir/slurm.conf
PATH=$PATH:/usr/sbin:/sbin

needs() { for program in "$@"; do command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 3; }; done; }

# until_true SECONDS COMMAND…: waits for a command to succeed.
until_true() {
  local tries=$(($1 * 5))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $((tries--)) -gt 0 ] || { echo "gave up: $*" >&2; tail -n 20 "$dir"/log/* >&2; return 1; }
    sleep 0.2
  done
}

configure() {
  local host port accounting=$1 age=$2
  host=$(hostname -s) port=$((20000 + RANDOM % 20000))
  mkdir -p "$dir"/{state,log,spool-n1,spool-n2,spool-n3}
  chmod 755 "$dir"
  head -c 1024 /dev/urandom >"$dir/munge.key"
  chmod 600 "$dir/munge.key"
  # Short periods: a dead node is seen, and a requeued job starts again, in seconds instead of minutes.
  cat >"$SLURM_CONF" <<CONF
ClusterName=exp
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd-%n.log
SlurmdParameters=config_overrides
SlurmdTimeout=5
KillWait=20
MinJobAge=$age
ReturnToService=2
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=2,sched_min_interval=0
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
MpiDefault=none
$accounting
NodeName=n[1-3] NodeHostName=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 3))] CPUs=2 RealMemory=4000 Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=60 PriorityTier=1 State=UP
PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=2 PreemptMode=OFF State=UP
CONF
  # Stand-ins for devices: what matters is that jobs ask for GPUs and are given numbers of some.
  echo "Name=gpu File=/dev/null,/dev/zero" >"$dir/gres.conf"
  echo "$port" >"$dir/port"
}

# slurmdbd over a MariaDB of its own.
start_accounting() {
  local port sock=$dir/mysql/my.sock
  port=$(cat "$dir/port")
  mkdir -p "$dir/mysql"
  chown mysql "$dir/mysql"
  mariadb-install-db --no-defaults --user=mysql --datadir="$dir/mysql" --auth-root-authentication-method=normal >"$dir/log/mariadb.log" 2>&1
  setsid mariadbd --no-defaults --user=mysql --datadir="$dir/mysql" --socket="$sock" --port=$((port + 11)) --bind-address=127.0.0.1 \
    --pid-file="$dir/mysql/my.pid" --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 >>"$dir/log/mariadb.log" 2>&1 &
  until_true 60 mariadb-admin --no-defaults -S "$sock" ping
  mariadb --no-defaults -S "$sock" -e "create database slurm; create user slurm@'%' identified by 'slurm'; grant all on slurm.* to slurm@'%'; \
    create user slurm@localhost identified by 'slurm'; grant all on slurm.* to slurm@localhost"
  cat >"$dir/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port + 10))
SlurmUser=root
PidFile=$dir/slurmdbd.pid
LogFile=$dir/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((port + 11))
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
CONF
  chmod 600 "$dir/slurmdbd.conf"
  slurmdbd
  until_true 60 sacctmgr -i show cluster
  sacctmgr -i add cluster exp >"$dir/log/sacctmgr.log" 2>&1 || true
}

all_idle() { [ "$(sinfo -h -t idle -o %D)" = 3 ]; }

start() {
  needs munged slurmctld slurmd sbatch
  local lines="AccountingStorageType=accounting_storage/none"
  if [ "${1:-}" = accounting ]; then
    needs slurmdbd mariadbd mariadb-install-db
    lines="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePass=$dir/munge.sock"
  fi
  # Where jobs are accounted, the controller forgets them at once: what is known is known of sacct then.
  configure "$lines" "$([ "${1:-}" = accounting ] && echo 2 || echo 600)"
  [ "${1:-}" != accounting ] || echo "AccountingStoragePort=$(($(cat "$dir/port") + 10))" >>"$SLURM_CONF"
  munged --force --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munge.pid" \
    --log-file="$dir/log/munge.log" --seed-file="$dir/munge.seed"
  [ "${1:-}" != accounting ] || start_accounting
  slurmctld -c
  for node in $nodes; do slurmd -N "$node"; done
  until_true 60 all_idle
}

# Ends what the daemons have started, then the daemons, in the order in which they need each other.
stop() {
  scancel --user=root --quiet 2>/dev/null || true
  for file in "$dir"/slurmd-*.pid "$dir"/slurmctld.pid "$dir"/slurmdbd.pid "$dir"/mysql/my.pid "$dir"/munge.pid; do
    if [ -f "$file" ]; then
      pid=$(cat "$file")
      kill "$pid" 2>/dev/null || continue
      for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
      kill -9 "$pid" 2>/dev/null || true
    fi
  done
  return 0
}

case $verb in
  start) start "${3:-}" ;;
  stop) stop ;;
  node) slurmd -N "$3" ;;
  controller) slurmctld ;;
  *) usage ;;
esac
