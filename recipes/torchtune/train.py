"""The training step: `python -m recipes.torchtune.train REQUEST`. Writes adapter/ or model/, train.json, and what the
reporters keep.

With several GPUs or nodes this process is the first of all and starts the others by itself, so that the runner has one
process to ask: it alone is told to stop, speaks, and writes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

import torch
from omegaconf import OmegaConf

from recipes.common.curves import curves_of, keep_reports
from recipes.common.nodes import Elsewhere, granted_nodes, meeting_place
from recipes.common.protocol import Interrupted, Step, StepFailed, main, write_json
from recipes.torchtune import ranks
from recipes.torchtune.checkpoints import take_over
from recipes.torchtune.config import build_config
from recipes.torchtune.model import read_shape
from recipes.torchtune.recipe import Recipe
from recipes.torchtune.reporters import require_reporters
from recipes.torchtune.watch import Silent, Stopped


class _Progress:
    """The runner as the recipe's monitor."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def step(self, done: int, total: int, loss: float, tokens_per_second: float, seconds_left: float) -> None:
        self._step.progress(
            force=done == total,
            done=done,
            total=total,
            unit="steps",
            loss=round(loss, 4),
            tokens_per_second=round(tokens_per_second, 1),
            seconds_left=round(seconds_left, 1),
        )

    def say(self, message: str) -> None:
        self._step.progress(force=True, message=message)

    def stopping(self) -> bool:
        return self._step.stopping


def run(step: Step) -> dict[str, Any]:
    """Train as the request says; a rerun with the same work folder goes on where the last one stopped."""
    nodes, per_node = granted_nodes(step.params.get("nodes", 1)), _processes(step)
    processes = nodes * per_node
    torch.set_num_threads(max(1, step.cores // per_node))
    require_reporters(step.params.get("report_to", []))
    model = step.local_paths["model"]
    shape = read_shape(_read_json(model / "config.json"))
    validation = step.inputs.get("validation")
    places = {"model": model, "train": step.inputs["train"], "work": step.work}
    if validation is not None and _count_rows(validation):
        places["validation"] = validation
    config = build_config(
        step.params,
        shape=shape,
        base=_read_json(step.inputs["model"]),
        rows=_count_rows(step.inputs["train"]),
        places=places,
        ranks=processes,
    )
    step.work.mkdir(parents=True, exist_ok=True)
    if (earlier := step.local_paths.get("earlier")) is not None:
        take_over(earlier / "checkpoints", step.work / "checkpoints")
    write_json(step.work / "config.json", config)
    step.check_interrupt()
    others = _start_others(step, nodes, per_node)
    try:
        recipe = Recipe(OmegaConf.create(config), _Progress(step))
        recipe.setup(recipe._cfg)
        if others is None:
            step.check_interrupt()
        recipe.train()
        recipe.save(step.output)
        recipe.cleanup()
    except Stopped as error:
        raise Interrupted from error
    except torch.OutOfMemoryError as error:
        raise StepFailed(
            "out-of-memory",
            f"the device ran out of memory: {str(error).splitlines()[0]}",
            "Halve train.batch_size and double train.gradient_accumulation.",
        ) from error
    except RuntimeError as error:
        if others is None or not others.lost():
            raise
        raise StepFailed("process-lost", f"a training process has ended: {error}", _RERUN) from error
    finally:
        ranks.leave()
        if others is not None:
            others.end(30.0 if sys.exc_info()[0] is None else 2.0)
    curves = curves_of(recipe.history.loss, recipe.history.validation)
    keep_reports(step.params.get("report_to", []), step.work / "reports", step.output, curves)
    return {**_evidence(recipe, step.params["precision"], processes), **({"nodes": nodes} if nodes > 1 else {})}


def _processes(step: Step) -> int:
    """Processes on a node: one a GPU that the runner granted."""
    wanted = int(step.params.get("gpus", 1))
    if torch.cuda.is_available() and wanted > torch.cuda.device_count():
        raise StepFailed(
            "no-device", f"{wanted} GPUs were asked for, and {torch.cuda.device_count()} can be used", "Ask for fewer."
        )
    return max(1, wanted)


_TOGETHER = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK", "LOCAL_RANK")


_RERUN = "The log says more; what was saved is kept, and a rerun goes on from there."


class _Others:
    """The processes of the other GPUs and nodes. Where one dies, the first would wait for ever, so it ends too."""

    def __init__(self, children: list[subprocess.Popen[bytes]], fail: Any) -> None:
        self._children = children
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._follow, args=(fail,), daemon=True)
        self._watch.start()

    def _follow(self, fail: Any) -> None:
        while not self._over.wait(0.5):
            for child in self._children:
                # Where all fail alike, the first has a reason of its own to give.
                if child.poll() not in (None, 0) and not self._over.wait(10):
                    fail(f"a training process ended with exit code {child.returncode}")
                    return

    def lost(self) -> bool:
        """Whether one of them has died, or does within a few seconds: its end is seen here before it is over there."""
        for _ in range(50):
            if any(child.poll() not in (None, 0) for child in self._children):
                return True
            time.sleep(0.1)
        return False

    def end(self, patience: float) -> None:
        """Wait some seconds for those that end by themselves; stop those that do not."""
        self._over.set()
        for name in _TOGETHER:
            os.environ.pop(name, None)
        for child in self._children:
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start_others(step: Step, nodes: int, per_node: int) -> _Others | None:
    """Start a process for each GPU of each node but the first, as torchrun would, and become the first of them."""
    if nodes * per_node == 1:
        return None
    address, port = meeting_place(nodes)

    def place(number: int) -> dict[str, str]:
        told = (address, str(port), str(nodes * per_node), str(number), str(number))
        return dict(zip(_TOGETHER, told, strict=True))

    code = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, "PYTHONPATH": code, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    module, arguments = "recipes.torchtune.train", ["--rank", str(step.work / "config.json")]
    command = [sys.executable, "-P", "-m", module, *arguments]
    children: list[subprocess.Popen[bytes]] = [
        subprocess.Popen(command, env={**env, **place(number)}, stdin=subprocess.DEVNULL)
        for number in range(1, per_node)
    ]
    if nodes > 1:
        gpus = torch.cuda.is_available()
        children.append(
            Elsewhere(module, arguments, nodes=nodes, per_node=per_node, env={**env, **place(0)}, gpus=gpus)
        )
    os.environ.update(place(0))

    def fail(message: str) -> None:
        step.fail("process-lost", message, _RERUN)

    return _Others(children, fail)


def _join(config: Path) -> None:
    """A process of another GPU: trains along, is asked to stop by the first alone, and writes nothing."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    recipe = Recipe(OmegaConf.create(_read_json(config)), Silent())
    try:
        recipe.setup(recipe._cfg)
        recipe.train()
        recipe.save(config.parent)
    except Stopped:
        pass
    ranks.leave()


def _evidence(recipe: Recipe, precision: str, processes: int) -> dict[str, Any]:
    device = recipe._device
    history = recipe.history
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        "processes": processes,
        "threads": torch.get_num_threads(),
        "precision": precision,
        "torch": torch.__version__,
        "seconds_training": round(history.seconds, 3),
        "tokens_per_second": round(history.speed, 1),
        "tokens": history.tokens,
        "trained_tokens": history.trained_tokens,
        "resumed_from_step": recipe.resumed_from,
        **({"gpu_memory": torch.cuda.max_memory_allocated(device)} if cuda else {}),
    }


def _count_rows(file: Path) -> int:
    with file.open(encoding="utf-8") as lines:
        return sum(1 for line in lines if line.strip())


def _read_json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


if __name__ == "__main__":
    if sys.argv[1] == "--rank":
        _join(Path(sys.argv[2]))
    else:
        main(run)
