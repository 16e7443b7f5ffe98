"""Fixtures: tiny models of every family, and training steps over them in the test process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes.common.protocol import Step
from recipes.testing import TINY, training_step
from recipes.tools.tiny_models import Family, make_tiny_model
from recipes.torchtune import train

FAMILIES: dict[str, tuple[Family, bool]] = {
    "llama": ("llama", True),
    "qwen2.5": ("qwen2.5", True),
    "qwen3": ("qwen3", True),
    "qwen3-untied": ("qwen3", False),
    "llama3.1": ("llama3.1", True),
    "mistral": ("mistral", False),
    "phi3": ("phi3", False),
    "smollm3": ("smollm3", True),
    "gemma3": ("gemma3", True),
    "gemma3-images": ("gemma3-images", True),
}
PARAMS = TINY | {"backend": "torchtune"}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> folder of a tiny random model."""
    root = tmp_path_factory.mktemp("models")
    return {name: make_tiny_model(root / name, family, tied=tied) for name, (family, tied) in FAMILIES.items()}


class TrainStep(Step):
    """A step that is interrupted when its progress reaches `stop_at`."""

    stop_at: int | None = None

    def progress(self, *, force: bool = False, **values: Any) -> None:
        super().progress(force=True, **values)
        self.stopping = self.stopping or values.get("done", -1) == self.stop_at


Start = Callable[..., Step]


@pytest.fixture
def start(tmp_path: Path, models: dict[str, Path]) -> Start:
    """Prepare a training step: `start("llama", name="a", rows=40, stop_at=None, earlier=None, **params)`. `name` and
    `earlier` are those of `training_step`."""

    def prepare(
        model: str | Path,
        *,
        name: str = "run",
        rows: int = 40,
        stop_at: int | None = None,
        earlier: str | None = None,
        **params: Any,
    ) -> Step:
        folder = models[model] if isinstance(model, str) else model
        plain = training_step(tmp_path, folder, PARAMS | params, name=name, rows=rows, earlier=earlier)
        step = TrainStep(**vars(plain))
        step.stop_at = stop_at
        return step

    return prepare


@pytest.fixture
def trained(start: Start) -> Callable[..., Step]:
    """Prepare a training step and run it."""

    def run(model: str | Path, **more: Any) -> Step:
        step = start(model, **more)
        step.evidence.update(train.run(step))
        return step

    return run
