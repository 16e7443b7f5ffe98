"""A tiny Qwen3 and training steps over it, as the runner would ask for them; each starts axolotl for real."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes.axolotl import train
from recipes.common.protocol import Step
from recipes.common.tiny_models import make_tiny_model

WORDS = ["liver", "kidney", "spleen", "cyst", "stone", "mass", "normal", "left", "right", "no"]
PARAMS: dict[str, Any] = {
    "backend": "axolotl",
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
    "warmup_ratio": 0.2,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "clip_grad_norm": 1.0,
    "max_length": 256,
    "precision": "fp32",
    "seed": 7,
    "keep": "last",
    "checkpoint": {"every_steps": 3, "keep": 2},
    "report_to": [],
    "answers": {"max_new_tokens": 8, "separator": " ", "task": "label_set"},
    "overrides": {},
}


def write_rows(file: Path, count: int, seed: int = 0) -> Path:
    """Rows with prompts of different lengths after one instruction."""
    chance = random.Random(seed)

    def words(most: int) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, most)))

    with file.open("w") as out:
        for i in range(count):
            messages = [{"role": "system", "content": "Name it."}, {"role": "user", "content": words(20)}]
            out.write(json.dumps({"id": f"case {i}", "messages": messages, "target": words(5)}) + "\n")
    return file


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> folder of a tiny random model."""
    root = tmp_path_factory.mktemp("models")
    return {
        "tied": make_tiny_model(root / "tied", "qwen3", tied=True),
        "untied": make_tiny_model(root / "untied", "qwen3", tied=False),
    }


Start = Callable[..., Step]


@pytest.fixture
def start(tmp_path: Path, models: dict[str, Path]) -> Start:
    """Prepare a training step: `start("tied", name="a", rows=43, earlier=None, **params)`; a name is a work folder,
    `earlier` that of a training which paused. 43 rows end an epoch with a smaller step."""

    def prepare(
        model: str | Path = "tied", *, name: str = "run", rows: int = 43, earlier: str | None = None, **params: Any
    ) -> Step:
        folder = tmp_path / name
        (folder / "output").mkdir(parents=True, exist_ok=True)
        (tmp_path / "model.json").write_text(json.dumps({"base": "tiny/model", "revision": "0" * 40}))
        return Step(
            name="train",
            params=PARAMS | params,
            inputs={
                "train": write_rows(tmp_path / f"train-{rows}.jsonl", rows),
                "validation": write_rows(tmp_path / "validation.jsonl", 6, seed=1),
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

    return prepare


@pytest.fixture
def trained(start: Start) -> Start:
    """Prepare a training step and run it to its end."""

    def run(model: str | Path = "tied", **more: Any) -> Step:
        step = start(model, **more)
        step.evidence.update(train.run(step))
        return step

    return run
