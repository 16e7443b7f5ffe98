"""The nodes of one training. Where Slurm gave a job several, the step runs on the first and starts the processes
of the others through srun, so that the runner still has one process to ask.

`python -m recipes.common.nodes MODULE ARGUMENT…` is such a process: it takes its number from Slurm and becomes MODULE.
"""

from __future__ import annotations

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from recipes.common.protocol import end_with_parent

# What Slurm tells the job's own process of tasks that it has not, and what is different on another node.
_OWN = (
    *("SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK", "SLURM_NTASKS", "SLURM_NPROCS", "SLURM_NTASKS_PER_NODE"),
    *("CUDA_VISIBLE_DEVICES", "RANK", "LOCAL_RANK"),
)


def granted_nodes(wanted: int) -> int:
    """How many nodes train together: those that were asked for, where the job has them. Outside of a job it is one."""
    return max(1, min(wanted, int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))))


def meeting_place(nodes: int) -> tuple[str, int]:
    """Address and free port on this node, where the processes of a training find each other."""
    address = "127.0.0.1" if nodes == 1 else socket.gethostname()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1" if nodes == 1 else "", 0))
        port: int = probe.getsockname()[1]
    return address, port


class Elsewhere(subprocess.Popen[bytes]):
    """The processes on all nodes but this one, as one: a module, started `per_node` times on each of them, with numbers
    from `per_node` on. They end when this process does."""

    def __init__(
        self, module: str, arguments: Sequence[str], *, nodes: int, per_node: int, env: Mapping[str, str], gpus: bool
    ) -> None:
        others = nodes - 1
        cores = _least_cores()
        command = [
            *("srun", "--relative=1", f"--nodes={others}", f"--ntasks={others * per_node}"),
            *(f"--ntasks-per-node={per_node}", "--distribution=block", "--overlap", "--kill-on-bad-exit=1"),
            *(("--overcommit",) if cores < per_node else (f"--cpus-per-task={cores // per_node}",)),
            *(sys.executable, "-P", "-m", "recipes.common.nodes", module, *arguments),
        ]
        kept = {name: value for name, value in env.items() if name not in _OWN}
        # Slurm says which GPUs of a node are the job's.
        hidden = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        first = {"EXP_FIRST_RANK": str(per_node)}
        super().__init__(command, env={**kept, **hidden, **first}, stdin=subprocess.PIPE)

    def kill(self) -> None:
        """End them: srun does that when it is asked to end; killed it would leave them."""
        self.terminate()


def _least_cores() -> int:
    """Cores of the job on the node that has fewest, by Slurm's "8(x2),4"."""
    counts = re.findall(r"(\d+)(?:\(x\d+\))?", os.environ.get("SLURM_JOB_CPUS_PER_NODE", "1"))
    return min(int(count) for count in counts)


if __name__ == "__main__":
    # The first process alone is asked to stop, and tells the others.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    end_with_parent()
    local = os.environ["SLURM_LOCALID"]
    os.environ["RANK"] = str(int(os.environ.pop("EXP_FIRST_RANK")) + int(os.environ["SLURM_PROCID"]))
    os.environ["LOCAL_RANK"] = local
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
