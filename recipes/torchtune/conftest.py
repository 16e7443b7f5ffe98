"""Tiny models of every family, made once, and training runs over them in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recipes.common.protocol import Step
from recipes.common.tiny_models import Family, make_tiny_model
from recipes.torchtune import train

FAMILIES: dict[str, tuple[Family, bool]] = {
    "llama": ("llama", True),
    "qwen2.5": ("qwen2.5", True),
    "qwen3": ("qwen3", True),
    "qwen3-untied": ("qwen3", False),
}
SOAK = bool(os.environ.get("EXP_SOAK"))
WORDS = ["liver", "kidney", "spleen", "cyst", "stone", "mass", "normal", "left", "right", "no"]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> folder of a tiny random model."""
    root = tmp_path_factory.mktemp("models")
    return {name: make_tiny_model(root / name, family, tied=tied) for name, (family, tied) in FAMILIES.items()}


def write_rows(file: Path, count: int, seed: int = 0) -> Path:
    """Rows with prompts of different lengths after one instruction."""
    random = torch.Generator().manual_seed(seed)

    def words(most: int) -> str:
        length = int(torch.randint(1, most, (1,), generator=random))
        return " ".join(WORDS[int(i)] for i in torch.randint(0, len(WORDS), (length,), generator=random))

    with file.open("w") as out:
        for i in range(count):
            messages = [{"role": "system", "content": "Name it."}, {"role": "user", "content": words(20)}]
            out.write(json.dumps({"id": f"case {i}", "messages": messages, "target": words(5)}) + "\n")
    return file


PARAMS: dict[str, Any] = {
    "backend": "torchtune",
    "method": "lora",
    "rank": 4,
    "alpha": 8,
    "dropout": 0.0,
    "targets": "all-linear",
    "layers": None,
    "epochs": 2,
    "max_steps": None,
    "batch_size": 4,
    "gradient_accumulation": 2,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup_ratio": 0.1,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "clip_grad_norm": 1.0,
    "max_length": 256,
    "precision": "fp32",
    "seed": 7,
    "keep": "last",
    "checkpoint": {"every_steps": 3, "keep": 2},
    "answers": {"max_new_tokens": 12, "separator": " ", "task": "label_set"},
    "overrides": {},
}


class TrainStep(Step):
    """A step that is asked to stop once its progress reaches `stop_at`."""

    stop_at: int | None = None

    def progress(self, *, force: bool = False, **values: Any) -> None:
        super().progress(force=True, **values)
        self.stopping = self.stopping or values.get("done", -1) == self.stop_at


Start = Callable[..., Step]


@pytest.fixture
def start(tmp_path: Path, models: dict[str, Path]) -> Start:
    """Prepare a training step: `start("llama", name="a", rows=40, stop_at=None, earlier=None, **params)`; a name is a
    work folder, `earlier` that of a training which paused."""

    def prepare(
        model: str | Path,
        *,
        name: str = "run",
        rows: int = 40,
        stop_at: int | None = None,
        earlier: str | None = None,
        **params: Any,
    ) -> Step:
        folder = tmp_path / name
        (folder / "output").mkdir(parents=True, exist_ok=True)
        (tmp_path / "model.json").write_text(json.dumps({"base": "tiny/model", "revision": "0" * 40}))
        write_rows(tmp_path / "validation.jsonl", 6, seed=1)
        step = TrainStep(
            name="train",
            params=PARAMS | params,
            inputs={
                "train": write_rows(tmp_path / f"train-{rows}.jsonl", rows),
                "validation": tmp_path / "validation.jsonl",
                "model": tmp_path / "model.json",
            },
            places={
                "model": models[model] if isinstance(model, str) else model,
                **({} if earlier is None else {"earlier": tmp_path / earlier / "work"}),
            },
            output=folder / "output",
            work=folder / "work",
            progress_path=folder / "progress.jsonl",
            cores=1,
        )
        step.stop_at = stop_at
        return step

    return prepare


@pytest.fixture
def trained(start: Start) -> Callable[..., Step]:
    """Prepare a training step and run it to its end."""

    def run(model: str | Path, **more: Any) -> Step:
        step = start(model, **more)
        step.evidence.update(train.run(step))
        return step

    return run
