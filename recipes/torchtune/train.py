"""The training step: `python -m recipes.torchtune.train REQUEST`. Writes adapter/ or model/, train.json, and the output
of the reporters.

With several GPUs or nodes this process has rank 0 and starts the others, so that the runner controls one process. Only
rank 0 receives interrupts, reports progress and writes outputs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

import torch
from omegaconf import OmegaConf

from recipes.common.files import read_json
from recipes.common.protocol import Interrupted, Step, StepFailed, is_out_of_memory, main, write_json
from recipes.common.training.failures import out_of_memory
from recipes.common.training.history import History, evidence, validation_progress
from recipes.common.training.nodes import (
    GROUP_VARIABLES,
    RemoteProcesses,
    granted_nodes,
    group_address,
    group_environment,
)
from recipes.common.training.reports import keep_reports
from recipes.common.training.request import read_inputs
from recipes.common.training.trackers import tracked_runs
from recipes.torchtune import distributed
from recipes.torchtune.checkpoints import adopt
from recipes.torchtune.config import build_config
from recipes.torchtune.loggers import require_reporters
from recipes.torchtune.monitor import Silent, Stopped
from recipes.torchtune.recipe import Recipe

_RERUN = "See its log. A rerun resumes from the last checkpoint."


class _StepMonitor:
    """Connects the recipe to the step: progress, messages and interrupts."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def after_step(self, step: int, last: int, loss: float, history: History) -> None:
        self._step.progress(force=step == last, **history.progress(step, last, loss))

    def after_validation(self, step: int, last: int, loss: float) -> None:
        self._step.progress(force=True, **validation_progress(step, last, loss))

    def show(self, message: str) -> None:
        self._step.progress(force=True, message=message)

    def is_interrupted(self) -> bool:
        return self._step.stopping


def run(step: Step) -> dict[str, Any]:
    """Train as the request says. Resumes from the newest checkpoint in the work folder; returns the evidence."""
    nodes, per_node = granted_nodes(step.params.get("nodes", 1)), _processes_per_node(step)
    processes = nodes * per_node
    torch.set_num_threads(max(1, step.cores // per_node))
    require_reporters(step.params.get("report_to", []))
    config = build_config(step.params, inputs=read_inputs(step), work=step.work, processes=processes)
    step.work.mkdir(parents=True, exist_ok=True)
    if (earlier := step.local_paths.get("earlier")) is not None:
        adopt(earlier / "checkpoints", step.work / "checkpoints")
    write_json(step.work / "config.json", config)
    step.check_interrupt()
    workers = _start_workers(step, nodes, per_node)
    try:
        recipe = Recipe(OmegaConf.create(config), _StepMonitor(step))
        recipe.setup(recipe._cfg)
        if workers is None:
            step.check_interrupt()
        recipe.train()
        report = recipe.save(step.output)
        recipe.cleanup()
    except Stopped as error:
        raise Interrupted from error
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise out_of_memory(error) from error
        if workers is None or not workers.has_failed():
            raise
        raise StepFailed("process-lost", f"a training process has ended: {error}", _RERUN) from error
    finally:
        distributed.leave()
        if workers is not None:
            workers.end(30.0 if sys.exc_info()[0] is None else 2.0)
    keep_reports(step.params, step.work / "reports", step.output, report)
    device = recipe._device
    cuda = device.type == "cuda"
    return {
        **evidence(
            report,
            precision=step.params["precision"],
            device=torch.cuda.get_device_name(device) if cuda else "cpu",
            processes=processes,
            nodes=nodes,
            seconds=recipe.history.seconds,
        ),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "resumed_from_step": recipe.resumed_from,
        "trackers": tracked_runs(step),
        **({"peak_gpu_memory": torch.cuda.max_memory_allocated(device)} if cuda else {}),
    }


def _processes_per_node(step: Step) -> int:
    """Processes on a node: one for each GPU that the runner granted, and one without a GPU."""
    requested = int(step.params.get("gpus", 1))
    if torch.cuda.is_available() and requested > torch.cuda.device_count():
        raise StepFailed(
            "no-device",
            f"the training needs {requested} GPUs, but {torch.cuda.device_count()} are usable",
            "Lower resources.gpus.",
        )
    return max(1, requested)


class _Workers:
    """The processes of rank 1 and higher. If one fails, rank 0 would wait for it forever, so a thread ends the step."""

    def __init__(self, children: list[subprocess.Popen[bytes]], fail: Callable[[str], None]) -> None:
        self._children = children
        self._ended = threading.Event()
        threading.Thread(target=self._watch, args=(fail,), daemon=True).start()

    def _watch(self, fail: Callable[[str], None]) -> None:
        while not self._ended.wait(0.5):
            for child in self._children:
                # If all ranks fail for the same reason, rank 0 reports it within these ten seconds.
                if child.poll() not in (None, 0) and not self._ended.wait(10):
                    fail(f"a training process ended with exit code {child.returncode}")
                    return

    def has_failed(self) -> bool:
        """Whether a process has failed. Waits five seconds, because rank 0 can see a lost connection before the exit
        code is available."""
        for _ in range(50):
            if any(child.poll() not in (None, 0) for child in self._children):
                return True
            time.sleep(0.1)
        return False

    def end(self, patience: float) -> None:
        """Wait up to `patience` seconds for each process, then kill it."""
        self._ended.set()
        for name in GROUP_VARIABLES:
            os.environ.pop(name, None)
        for child in self._children:
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start_workers(step: Step, nodes: int, per_node: int) -> _Workers | None:
    """Start a process for each other rank, as torchrun would, and set the variables of rank 0 in this process."""
    if nodes * per_node == 1:
        return None
    address, port = group_address(nodes)

    def variables(rank: int) -> dict[str, str]:
        return group_environment(address, port, nodes * per_node, rank)

    code = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, "PYTHONPATH": code, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    module, arguments = "recipes.torchtune.train", ["--rank", str(step.work / "config.json")]
    command = [sys.executable, "-P", "-m", module, *arguments]
    children: list[subprocess.Popen[bytes]] = [
        subprocess.Popen(command, env={**env, **variables(rank)}, stdin=subprocess.DEVNULL)
        for rank in range(1, per_node)
    ]
    if nodes > 1:
        size = {"nodes": nodes, "per_node": per_node}
        first = {**env, **variables(0)}
        children.append(RemoteProcesses(module, arguments, env=first, gpus=torch.cuda.is_available(), **size))
    os.environ.update(variables(0))
    return _Workers(children, lambda message: step.fail("process-lost", message, _RERUN))


def _run_worker(config: Path) -> None:
    """The process of a rank above 0. It ignores signals, stops when rank 0 stops, and writes nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    recipe = Recipe(OmegaConf.create(read_json(config)), Silent())
    try:
        recipe.setup(recipe._cfg)
        recipe.train()
        recipe.save(config.parent)
    except Stopped:
        pass
    distributed.leave()


if __name__ == "__main__":
    if sys.argv[1] == "--rank":
        _run_worker(Path(sys.argv[2]))
    else:
        main(run)
