"""A throw-away SLURM of one node: munge, MariaDB, accounting, controller and daemon in one folder.

    python tests/cluster/one_node.py      prints the Debian packages to install, if any are missing

Nothing outside the folder is touched: own sockets, own ports, own database. Every daemon is a child
process, is stopped by its process id, and gets a SIGTERM from the kernel should this process die.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

PROGRAMS = ["munged", "mariadb-install-db", "mariadbd", "slurmdbd", "slurmctld", "slurmd"]
PACKAGES = "slurm-wlm slurmdbd mariadb-server munge"
ACCOUNT = "nodules"
SBIN = "/usr/sbin:/usr/local/sbin"
READY_S = 60.0

# More cores than the machine has: rules ask for eight, and what is tried here is who gets what.
SLURM_CONF = """\
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld}
SlurmdPort={slurmd}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
JobRequeue=1
KillWait=30
MinJobAge=300
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={slurmdbd}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=200000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF
"""
# Any two files will do: SLURM hands out their numbers and looks no further.
GRES_CONF = """\
Name=gpu File=/dev/null
Name=gpu File=/dev/zero
"""
DATABASE_CNF = """\
[mariadbd]
datadir={folder}/database
socket={folder}/database.socket
pid-file={folder}/mariadbd.pid
port={port}
bind-address=127.0.0.1
innodb-buffer-pool-size=64M
innodb-lock-wait-timeout=900
innodb-flush-log-at-trx-commit=0
"""
SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={slurmdbd}
SlurmUser={user}
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadb}
StorageUser=slurm
StoragePass={password}
StorageLoc=accounting
"""


def missing() -> list[str]:
    """Programs that this machine lacks."""
    path = os.environ.get("PATH", "") + ":" + SBIN
    return [program for program in PROGRAMS if not shutil.which(program, path=path)]


class OneNode:
    """The running cluster, as a context: `environment` makes SLURM's commands speak to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = getpass.getuser()
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder}/bin:{os.environ.get('PATH', '')}:{SBIN}",
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "OneNode":
        with ExitStack() as stack:
            stack.callback(self.stop)
            self.start()
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring all five daemons up, each once the one that it needs answers."""
        self.write_configuration()
        self.start_munge()
        self.start_database()
        self.start_daemon("slurmdbd", "-D")
        self.until("slurmdbd", lambda: self.works("sacctmgr", "-n", "list", "cluster"))
        self.command("sacctmgr", "-i", "add", "cluster", "throwaway")
        self.command("sacctmgr", "-i", "add", "account", ACCOUNT)
        self.command("sacctmgr", "-i", "add", "user", self.user, f"account={ACCOUNT}")
        self.start_controller()
        self.start_daemon("slurmd", "-D", "-f", str(self.folder / "slurm.conf"))
        self.until("slurmd", lambda: self.command("sinfo", "-h", "-p", "cpu", "-o", "%T") == "idle")

    def write_configuration(self) -> None:
        """Write SLURM's configuration files, with ports that are free now."""
        names = ["slurmctld", "slurmd", "slurmdbd", "mariadb"]
        self.password = secrets.token_hex(16)
        values = dict(zip(names, free_ports(len(names)), strict=True)) | {
            "folder": self.folder,
            "host": socket.gethostname().split(".")[0],
            "user": self.user,
            "password": self.password,
        }
        self.ports = {name: values[name] for name in names}
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir()
        (self.folder / "spool").mkdir()
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values))
        (self.folder / "gres.conf").write_text(GRES_CONF)
        # Inside a job Snakemake's plugin clears SLURM's variables before it calls srun.
        srun = self.folder / "bin/srun"
        srun.parent.mkdir()
        real = shutil.which("srun")
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {real} "$@"\n')
        srun.chmod(0o755)
        secret = self.folder / "slurmdbd.conf"
        secret.touch(mode=0o600)
        secret.write_text(SLURMDBD_CONF.format(**values))

    def start_munge(self) -> None:
        """Start munged with a key that lives as long as the folder."""
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        place = {
            "--key-file": key,
            "--socket": self.folder / "munge.socket",
            "--pid-file": self.folder / "munged.pid",
            "--log-file": self.folder / "munged.log",
            "--seed-file": self.folder / "munged.seed",
        }
        self.start_daemon("munged", "--foreground", *(f"{k}={v}" for k, v in place.items()))
        self.until("munged", (self.folder / "munge.socket").exists)

    def start_database(self) -> None:
        """Make and start a database of its own, and SLURM's user in it."""
        sock, options = self.folder / "database.socket", self.folder / "database.cnf"
        options.write_text(DATABASE_CNF.format(folder=self.folder, port=self.ports["mariadb"]))
        run = {"cwd": self.folder, "env": self.environment, "check": True, "text": True}
        subprocess.run(
            # Not told a user: it would hand a folder of the system's own MariaDB over to them.
            [
                *("mariadb-install-db", f"--defaults-file={options}", "--skip-test-db"),
                *(
                    "--auth-root-authentication-method=socket",
                    f"--auth-root-socket-user={self.user}",
                ),
            ],
            stdout=subprocess.DEVNULL,
            **run,
        )
        self.start_daemon("mariadbd", f"--defaults-file={options}", f"--user={self.user}")
        self.until("mariadbd", sock.exists)
        client = ["mariadb", "--no-defaults", f"--socket={sock}", f"--user={self.user}"]
        user = f"'slurm'@'127.0.0.1' identified by '{self.password}'"
        grant = f"create database accounting; grant all on accounting.* to {user};"
        self.until(
            "mariadbd",
            lambda: not subprocess.run([*client, "-e", "select 1"], capture_output=True).returncode,
        )
        subprocess.run(client, input=grant, **run)

    def start_controller(self) -> None:
        """Start the controller; it takes up the jobs of one that was stopped before."""
        self.start_daemon("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        self.until("slurmctld", lambda: self.works("scontrol", "ping"))

    def restart_controller(self, after_s: float) -> None:
        """Stop the controller, as for an update, and start it again a while later."""
        self.end(self.daemons.pop("slurmctld"))
        time.sleep(after_s)
        self.start_controller()

    def start_daemon(self, program: str, *arguments: str) -> None:
        """Start a daemon in the foreground; its messages go to <program>.log."""
        with (self.folder / f"{program}.out").open("ab") as out:
            self.daemons[program] = subprocess.Popen(
                # The kernel sends the SIGTERM if this process is killed and cannot.
                ["setpriv", "--pdeathsig", "TERM", program, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C is for us, who then stop them in order
            )

    def until(self, program: str, ready: Callable[[], bool]) -> None:
        """Wait until a daemon answers; show its last messages where it does not."""
        give_up = time.monotonic() + READY_S
        while not ready():
            if time.monotonic() > give_up or self.daemons[program].poll() is not None:
                messages = (self.folder / f"{program}.out").read_text(errors="replace")
                raise RuntimeError(f"{program} does not come up:\n{messages[-3000:]}")
            time.sleep(0.2)

    def works(self, *command: str) -> bool:
        """Whether one of SLURM's commands succeeds."""
        done = subprocess.run(command, env=self.environment, capture_output=True)
        return done.returncode == 0

    def command(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def stop(self) -> None:
        """End all jobs, then all daemons in the order in which they need each other."""
        if {"slurmctld", "slurmd"} <= self.daemons.keys():
            subprocess.run(["scancel", "--user", self.user], env=self.environment, timeout=30)
            give_up = time.monotonic() + 45  # KillWait and a little
            while (
                time.monotonic() < give_up and self.works("squeue") and self.command("squeue", "-h")
            ):
                time.sleep(0.5)
        for program in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
            if program in self.daemons:
                self.end(self.daemons.pop(program))

    @staticmethod
    def end(daemon: subprocess.Popen[bytes]) -> None:
        """Stop one daemon by its process id; a deaf one is killed."""
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


if __name__ == "__main__":
    if missing():
        print(PACKAGES)
        sys.exit(f"not on this machine: {', '.join(missing())}")
