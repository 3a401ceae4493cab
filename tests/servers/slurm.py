"""A real SLURM on loopback: controller, accounting with its database, and two nodes that can die as machines do."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from servers import loopback

PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sbatch", "unshare")
NODES = ("n1", "n2")
SYSTEM_CONFIG = Path("/etc/slurm/slurm.conf")  # inside of a job Snakemake's executor forgets SLURM_CONF
# More CPUs than there are, as jobs mostly wait. Memory is watched every second without control groups, which a machine
# may not have; a limit that is passed ends the job as FAILED.
CONFIG = """\
ClusterName=loop
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={state}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={state}/controller
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/%n.pid
SlurmdSpoolDir={state}/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=3
MinJobAge=300
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=100000
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={slurmdbd}
AccountingStoragePass={state}/munge.socket
AccountingStorageEnforce=associations
AccountingStoreFlags=job_comment
MaxArraySize=10001
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=8 RealMemory=16000 Feature=mc State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=8 RealMemory=16000 Feature=gpu State=UNKNOWN
PartitionName=normal Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=debug Nodes=n1 MaxTime=05:00:00 State=UP
"""
ACCOUNTING = """\
AuthType=auth/munge
AuthInfo=socket={state}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={slurmdbd}
SlurmUser=root
PidFile={state}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounting
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
"""


def missing():
    """Why SLURM cannot be started here; "" when it can."""
    if lacking := [program for program in PROGRAMS if not shutil.which(program)]:
        packages = "slurmctld slurmd slurm-client slurmdbd munge mariadb-server"
        return f"{', '.join(lacking)} not installed (Debian: apt install {packages})"
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    if SYSTEM_CONFIG.exists() and not SYSTEM_CONFIG.is_symlink():
        return f"{SYSTEM_CONFIG} is of another SLURM"
    return ""


class Slurm:
    """SLURM with account `proj`, partitions `normal` and `debug`, nodes `n1` (feature mc) and `n2` (feature gpu).

    `environment` is what its clients need. It is stopped by `stop()`, its jobs included.
    """

    account = "proj"

    def __init__(self, state):
        self.state, self.processes = Path(state), {}
        self.ports = dict(zip(("slurmctld", "slurmdbd", *NODES), loopback.free_ports(4), strict=True))
        self.environment = {"SLURM_CONF": str(self.state / "slurm.conf"), "SBATCH_ACCOUNT": self.account}
        values = {"state": self.state, "host": socket.gethostname().partition(".")[0], **self.ports}
        for folder in ("controller", *NODES):
            (self.state / folder).mkdir()
        (self.state / "slurm.conf").write_text(CONFIG.format(**values))
        (self.state / "slurmdbd.conf").touch(mode=0o600)
        (self.state / "slurmdbd.conf").write_text(ACCOUNTING.format(**values))
        SYSTEM_CONFIG.parent.mkdir(exist_ok=True)
        SYSTEM_CONFIG.unlink(missing_ok=True)
        SYSTEM_CONFIG.symlink_to(self.state / "slurm.conf")
        try:
            self._start_munge()
            self._start_database()
            self._start("slurmdbd", "slurmdbd", "-D")
            wait_for(lambda: self.succeeds("sacctmgr", "--noheader", "show", "cluster"), "slurmdbd")
            for thing in (["cluster", "loop"], ["account", self.account], ["user", "root", f"account={self.account}"]):
                self.client("sacctmgr", "--immediate", "add", *thing)
            self.start("slurmctld")
            for node in NODES:
                self.start(node)
            for node in NODES:
                self.wait_for_node(node)
        except BaseException:
            self.stop()
            raise

    def _start(self, name, *command):
        environment = self.environment | {"MYSQL_UNIX_PORT": str(self.state / "database.socket")}
        assigned = [f"{key}={value}" for key, value in environment.items()]
        self.processes[name] = loopback.start(["env", *assigned, *command], self.state / f"{name}.log")

    def _start_munge(self):
        key = self.state / "munge.key"
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(128))
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "own.log", "seed-file": "seed"}
        options = [f"--{option}={self.state}/munge.{suffix}" for option, suffix in files.items()]
        self._start("munge", "munged", "--foreground", "--force", *options)
        wait_for((self.state / "munge.socket").exists, "munged")

    def _start_database(self):
        data, local = self.state / "database", ["--no-defaults", "--user=root"]
        login = ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--skip-test-db"]
        subprocess.run(["mariadb-install-db", *local, f"--datadir={data}", *login], check=True, capture_output=True)
        small = ["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"]
        place = [f"--datadir={data}", f"--socket={self.state}/database.socket", "--skip-networking"]
        self._start("mariadbd", "mariadbd", *local, *place, *small)
        wait_for((self.state / "database.socket").exists, "mariadbd")

    def start(self, name):
        """Start the controller or a node, for the first time or again. A node has its own process ids, as a machine has."""
        if name == "slurmctld":
            self._start(name, "slurmctld", "-D")
            loopback.wait_for_port(self.ports[name], self.processes[name], self.state / f"{name}.log")
        else:
            own = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child=KILL"]
            self._start(name, *own, "sh", "-c", f"slurmd -D -N {name} & wait")  # a shell buries orphans

    def restart(self, name):
        """Stop and start the controller or a node in good order."""
        loopback.stop(self.processes[name])
        self.start(name)

    def kill(self, name):
        """End a node, with all that runs on it, without a word to anyone."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def client(self, *command):
        """What a client program of SLURM says."""
        done = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def succeeds(self, *command):
        environment = os.environ | self.environment
        return subprocess.run(command, env=environment, capture_output=True, timeout=600).returncode == 0

    def jobs(self, folder, columns):
        """Every job that was submitted in a folder: id -> columns, which squeue's format names."""
        said = self.client("squeue", "--noheader", "--states=all", f"--format=%A|{columns}|%Z")
        rows = (line.split("|") for line in said.splitlines())
        return {job: values for job, values, place in rows if place == str(folder)}

    def state_of(self, job):
        """The state of a job, such as COMPLETED."""
        return self.client("squeue", "--noheader", "--states=all", "--format=%T", "--jobs", job).strip()

    def wait_for_node(self, node):
        """Return when a node takes jobs."""
        ask = ["sinfo", "--noheader", "--nodes", node, "--format=%t"]
        wait_for(lambda: self.client(*ask).split()[0] in ("idle", "mix", "alloc"), f"node {node}")

    def stop(self):
        for name, process in reversed(self.processes.items()):
            if name in NODES:
                self.kill(name)
            else:
                loopback.stop(process)
        if SYSTEM_CONFIG.is_symlink() and SYSTEM_CONFIG.readlink() == self.state / "slurm.conf":
            SYSTEM_CONFIG.unlink()


def wait_for(condition, what, seconds=600):
    """Return when `condition()` holds. Raises TimeoutError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.1)
