"""Run the workflow through profiles/slurm on the throw-away cluster, and read its accounting."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.running import REPOSITORY
from one_node import ACCOUNT, OneNode

TINY = Path(__file__).with_name("cluster.yaml")


def on_phantom(workdir: Path, *arguments: str) -> list[str]:
    """Arguments of a run on the tiny phantom; its results go to `workdir`/results."""
    given = ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(workdir)]
    return [*given, "--configfile", str(TINY), *arguments]


def on_cluster(workdir: Path, *arguments: str) -> list[str]:
    """Command line of a run through the profile."""
    profile = ["--profile", str(REPOSITORY / "profiles/slurm")]
    account = ["--default-resources", f"slurm_account={ACCOUNT}"]
    # The profile is for jobs of minutes; here they take seconds.
    quick = ["--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "20"]
    command = [sys.executable, "-m", "snakemake"]
    return command + on_phantom(workdir, *profile, *account, *quick, *arguments)


def start(cluster: OneNode, command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a run; what it says goes to a file. It does not outlive the tests."""
    environment = {k: v for k, v in cluster.environment.items() if k != "OMP_NUM_THREADS"}
    with log.open("ab") as stream:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )


@dataclass(frozen=True)
class Job:
    """A job or one task of an array, as accounting knows it."""

    id: str
    rule: str
    partition: str
    state: str
    memory: str
    minutes: int
    gpus: int

    @property
    def is_array_task(self) -> bool:
        return "_" in self.id


def jobs(cluster: OneNode) -> list[Job]:
    """Every job that the cluster has run."""
    fields = "JobID,Comment,Partition,State,ReqMem,TimelimitRaw,AllocTRES"
    text = cluster.command("sacct", "-aXPn", "--delimiter=|", "-S", "now-1day", "-o", fields)
    return [job(line.split("|")) for line in text.splitlines()]


def job(fields: list[str]) -> Job:
    """One line of sacct."""
    number, comment, partition, state, memory, minutes, tres = fields
    allocated = dict(item.split("=", 1) for item in tres.split(",") if item)
    gpus = int(allocated.get("gres/gpu", 0))
    return Job(number, rule_of(comment), partition, state.split()[0], memory, int(minutes), gpus)


def rule_of(comment: str) -> str:
    """The rule that the plugin names in a job's comment."""
    return comment.removeprefix("rule_").split("_wildcards_")[0]
