"""The training step: `python -m recipes.torchtune.train REQUEST`. Writes adapter/ and train.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")
# Threads that spin while they wait make training several times slower as soon as anything else runs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from omegaconf import OmegaConf

from recipes.common.protocol import Interrupted, Step, StepFailed, main, write_json
from recipes.torchtune.config import build_config
from recipes.torchtune.model import read_shape
from recipes.torchtune.recipe import Recipe
from recipes.torchtune.watch import Stopped


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

    def stopping(self) -> bool:
        return self._step.stopping


def run(step: Step) -> dict[str, Any]:
    """Train as the request says; a rerun with the same work folder goes on where the last one stopped."""
    torch.set_num_threads(max(1, step.cores))
    model = step.places["model"]
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
    )
    step.work.mkdir(parents=True, exist_ok=True)
    write_json(step.work / "config.json", config)
    step.check_interrupt()
    recipe = Recipe(OmegaConf.create(config), _Progress(step))
    try:
        recipe.setup(recipe._cfg)
        step.check_interrupt()
        recipe.train()
    except Stopped as error:
        raise Interrupted from error
    except torch.OutOfMemoryError as error:
        raise StepFailed(
            "out-of-memory",
            f"the device ran out of memory: {str(error).splitlines()[0]}",
            "Halve train.batch_size and double train.gradient_accumulation.",
        ) from error
    recipe.save(step.output)
    return _evidence(recipe, step.params["precision"])


def _evidence(recipe: Recipe, precision: str) -> dict[str, Any]:
    device = recipe._device
    history = recipe.history
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": precision,
        "torch": torch.__version__,
        "seconds_training": round(history.seconds, 3),
        "tokens_per_second": round(history.tokens / max(history.seconds, 1e-9), 1),
        "tokens": history.tokens,
        "resumed_from_step": recipe.resumed_from,
    }


def _count_rows(file: Path) -> int:
    with file.open(encoding="utf-8") as lines:
        return sum(1 for line in lines if line.strip())


def _read_json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


if __name__ == "__main__":
    main(run)
