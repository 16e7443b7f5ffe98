"""A small training step, as the runner would ask for it: what the tests of both trainers start from."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from recipes.common.protocol import Step

WORDS = ["liver", "kidney", "spleen", "cyst", "stone", "mass", "normal", "left", "right", "no"]
TINY: dict[str, Any] = {
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
    "report_to": [],
    "answers": {"max_new_tokens": 12, "separator": " ", "task": "label_set"},
    "overrides": {},
}
"""The step's parameters, but for the backend."""


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


def training_step(
    root: Path, model: Path, params: dict[str, Any], *, name: str, rows: int, earlier: str | None = None
) -> Step:
    """A step over `rows` rows and six of validation; `name` is its work folder in `root`, so that the same name goes on
    with the same training, and `earlier` that of a training which paused."""
    folder = root / name
    (folder / "output").mkdir(parents=True, exist_ok=True)
    (root / "model.json").write_text(json.dumps({"base": "tiny/model", "revision": "0" * 40}))
    return Step(
        name="train",
        params=params,
        inputs={
            "train": write_rows(root / f"train-{rows}.jsonl", rows),
            "validation": write_rows(root / "validation.jsonl", 6, seed=1),
            "model": root / "model.json",
        },
        local_paths={"model": model, **({} if earlier is None else {"earlier": root / earlier / "work"})},
        output=folder / "output",
        work=folder / "work",
        progress_path=folder / "progress.jsonl",
        cores=1,
    )
