"""Helpers for the tests of the trainers: a small training step, its request file, and the loss of its result."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch

from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.files import read_json, read_rows
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
"""The step's parameters without the backend."""


def write_rows(file: Path, count: int, seed: int = 0) -> Path:
    """Write rows that share an instruction and have prompts of different lengths."""
    generator = random.Random(seed)

    def words(most: int) -> str:
        return " ".join(generator.choice(WORDS) for _ in range(generator.randint(1, most)))

    with file.open("w") as out:
        for i in range(count):
            messages = [{"role": "system", "content": "Name it."}, {"role": "user", "content": words(20)}]
            out.write(json.dumps({"id": f"case {i}", "messages": messages, "target": words(5)}) + "\n")
    return file


def training_step(
    root: Path, model: Path, params: dict[str, Any], *, name: str, rows: int, earlier: str | None = None
) -> Step:
    """A training step over `rows` rows and six validation rows. `name` is its folder in `root`: a step of the same name
    resumes the same training. `earlier` is the name of a paused training to continue."""
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


def write_request(step: Step) -> Path:
    """Write a step's request.json, as the runner would."""
    folder = step.work.parent
    path = folder / "request.json"
    request = {
        "schema": 1,
        "step": step.name,
        "params": step.params,
        "inputs": {name: str(file) for name, file in step.inputs.items()},
        "local_paths": {name: str(file) for name, file in step.local_paths.items()},
        "output": str(step.output),
        "work": str(step.work),
        "progress": str(step.progress_path),
        "result": str(folder / "result.json"),
        "cores": step.cores,
    }
    path.write_text(json.dumps(request))
    return path


def read_report(step: Step) -> dict[str, Any]:
    """train.json of a finished training."""
    return read_json(step.output / "train.json")


def validation_loss(model: Any, step: Step) -> float:
    """Mean loss over the answers to the validation rows, computed by transformers and peft alone."""
    tokenizer = load_tokenizer(step.local_paths["model"])
    model.eval()
    total, count = 0.0, 0
    for row in read_rows(step.inputs["validation"]):
        ids, labels = encode_row(tokenizer, row, thinking=False)
        with torch.no_grad():
            loss = float(model(torch.tensor([ids]), labels=torch.tensor([labels])).loss)
        tokens = sum(label != IGNORE for label in labels)
        total, count = total + loss * tokens, count + tokens
    return total / count
