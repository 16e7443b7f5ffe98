"""Fixtures: tiny Qwen3 models, and training steps that start axolotl."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes.axolotl import train
from recipes.common.protocol import Step
from recipes.testing import TINY, training_step
from recipes.tools.tiny_models import make_tiny_model

PARAMS = TINY | {
    "backend": "axolotl",
    "warmup_ratio": 0.2,
    "answers": {"max_new_tokens": 8, "separator": " ", "task": "label_set"},
}


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
    """Prepare a training step: `start("tied", name="a", rows=43, earlier=None, **params)`. `name` and `earlier` are
    those of `training_step`. With 43 rows the last step of an epoch is smaller."""

    def prepare(
        model: str | Path = "tied", *, name: str = "run", rows: int = 43, earlier: str | None = None, **params: Any
    ) -> Step:
        folder = models[model] if isinstance(model, str) else model
        return training_step(tmp_path, folder, PARAMS | params, name=name, rows=rows, earlier=earlier)

    return prepare


@pytest.fixture
def trained(start: Start) -> Start:
    """Prepare a training step and run it."""

    def run(model: str | Path = "tied", **more: Any) -> Step:
        step = start(model, **more)
        step.evidence.update(train.run(step))
        return step

    return run
