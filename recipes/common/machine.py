"""The hardware of this machine, for checks before a step."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Machine:
    """Device, free memory and free disk space in bytes."""

    capability: tuple[int, int] | None
    """Compute capability of the GPU; None without a GPU."""
    gpu_memory: int
    memory: int
    disk: int


def read_machine(output: Path) -> Machine:
    """The current state. Disk space is that of the file system of `output`."""
    on_gpu = torch.cuda.is_available()
    return Machine(
        capability=torch.cuda.get_device_capability() if on_gpu else None,
        gpu_memory=torch.cuda.mem_get_info()[0] if on_gpu else 0,
        memory=available_memory(),
        disk=shutil.disk_usage(output).free,
    )


def available_memory() -> int:
    """Main memory that is available without swapping, in bytes: of the machine, or of the control group (container or
    Slurm job) if it has less. Practically unlimited if the system does not report it."""
    unlimited = 1 << 62
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        free = unlimited
    return min(free, group_memory(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"), unlimited))


def group_memory(root: Path, membership: Path, unlimited: int) -> int:
    """Bytes that the control groups (version 2) of this process may still use. The limit of each parent counts too.
    Pages of the file cache count as free."""
    try:
        name = next(line[3:] for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return unlimited
    left = unlimited
    folder = root / name.lstrip("/")
    for group in [folder, *folder.parents]:
        try:
            limit = (group / "memory.max").read_text().strip()
            used = int((group / "memory.current").read_text())
            stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            if limit != "max":
                left = min(left, max(0, int(limit) - used + int(stat.get("inactive_file", 0))))
        except (OSError, ValueError):
            pass
        if group == root:
            break
    return left
