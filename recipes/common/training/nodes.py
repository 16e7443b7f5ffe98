"""Training on several nodes of a Slurm job. The step runs on the first node and starts the processes of the other nodes
through srun, so that the runner controls one process.

`python -m recipes.common.training.nodes MODULE ARGUMENT...` is a process on another node. It reads its rank from
Slurm's variables and runs MODULE.
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

GROUP_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK", "LOCAL_RANK")
"""The environment variables of torch.distributed, as torchrun sets them."""

_NOT_INHERITED = (
    # Slurm's limits of the first task, which srun must not inherit.
    *("SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK", "SLURM_NTASKS", "SLURM_NPROCS", "SLURM_NTASKS_PER_NODE"),
    # Different on each node.
    *("CUDA_VISIBLE_DEVICES", "RANK", "LOCAL_RANK"),
)


def granted_nodes(requested: int) -> int:
    """Number of nodes that train together: at most the nodes of the Slurm job, and 1 outside a job."""
    return max(1, min(requested, int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))))


def group_address(nodes: int) -> tuple[str, int]:
    """Address and free port on this node, for the process group of a training."""
    address = "127.0.0.1" if nodes == 1 else socket.gethostname()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1" if nodes == 1 else "", 0))
        port: int = probe.getsockname()[1]
    return address, port


def group_environment(address: str, port: int, processes: int, rank: int) -> dict[str, str]:
    """GROUP_VARIABLES of a process on the first node, where rank and local rank are equal."""
    values = (address, str(port), str(processes), str(rank), str(rank))
    return dict(zip(GROUP_VARIABLES, values, strict=True))


class RemoteProcesses(subprocess.Popen[bytes]):
    """The processes on all other nodes, controlled as one: `module` runs `per_node` times on each node, with ranks
    from `per_node` on. They end when this process ends."""

    def __init__(
        self, module: str, arguments: Sequence[str], *, nodes: int, per_node: int, env: Mapping[str, str], gpus: bool
    ) -> None:
        others = nodes - 1
        cores = _least_cores()
        command = [
            *("srun", "--relative=1", f"--nodes={others}", f"--ntasks={others * per_node}"),
            *(f"--ntasks-per-node={per_node}", "--distribution=block", "--overlap", "--kill-on-bad-exit=1"),
            *(("--overcommit",) if cores < per_node else (f"--cpus-per-task={cores // per_node}",)),
            *(sys.executable, "-P", "-m", "recipes.common.training.nodes", module, *arguments),
        ]
        kept = {name: value for name, value in env.items() if name not in _NOT_INHERITED}
        # Slurm sets the variable to the job's GPUs of each node, unless it is set here.
        hidden = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        super().__init__(command, env={**kept, **hidden, "EXP_FIRST_RANK": str(per_node)}, stdin=subprocess.PIPE)

    def kill(self) -> None:
        """End all processes. srun ends its tasks on SIGTERM; after SIGKILL they would survive it."""
        self.terminate()


def _least_cores() -> int:
    """Fewest cores of a node of the job, from Slurm's list such as "8(x2),4"."""
    counts = re.findall(r"(\d+)(?:\(x\d+\))?", os.environ.get("SLURM_JOB_CPUS_PER_NODE", "1"))
    return min(int(count) for count in counts)


if __name__ == "__main__":
    # The runner interrupts the process of rank 0, which makes all others stop after the same step.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()
    local = os.environ["SLURM_LOCALID"]
    os.environ["RANK"] = str(int(os.environ.pop("EXP_FIRST_RANK")) + int(os.environ["SLURM_PROCID"]))
    os.environ["LOCAL_RANK"] = local
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
