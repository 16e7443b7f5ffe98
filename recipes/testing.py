"""Helpers for the tests of the trainers: a small training step, its request file, and the loss of its result."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.files import read_json, read_rows
from recipes.common.protocol import Step
from recipes.tools.tiny_models import make_tiny_model

SOAK = bool(os.environ.get("EXP_SOAK"))
"""Whether the long tests run, as `npm run soak` sets it."""

soak = pytest.mark.skipif(not SOAK, reason="set EXP_SOAK=1 to run it")

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


def validations(step: Step) -> list[tuple[int, float]]:
    """The step and the validation loss of each validation that a training reported as progress."""
    lines = [json.loads(line) for line in step.progress_path.read_text().splitlines()]
    return [(line["done"], line["validation_loss"]) for line in lines if "validation_loss" in line]


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


GRADIENT: dict[str, Any] = {
    **{"rows": 8, "batch_size": 1, "gradient_accumulation": 8, "epochs": 1, "learning_rate": 1.0},
    **{"schedule": "constant", "warmup_ratio": 0.0, "weight_decay": 0.0, "clip_grad_norm": 1e9},
}
"""Parameters of a training of one optimiser step over all rows, in as many micro-batches. With an epsilon of 1000,
AdamW changes each weight by -gradient / 1000."""


def write_uneven_rows(file: Path) -> None:
    """Write eight rows whose answers have between one word and sixty."""
    generator = random.Random(5)
    counts = (1, 60, 1, 2, 1, 40, 1, 3)
    rows = [
        {
            "id": f"case {i}",
            "messages": [{"role": "user", "content": " ".join(generator.choices(WORDS, k=3 + i))}],
            "target": " ".join(generator.choices(WORDS, k=count)),
        }
        for i, count in enumerate(counts)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def check_token_mean_gradient(step: Step, noise: Callable[[int, int], torch.Tensor] | None = None) -> None:
    """Check that a training with GRADIENT followed the gradient of the mean loss over all trained tokens, computed by
    transformers and peft alone. B is zero at the start, so the step changes B alone. `noise` gives what is added to the
    embeddings of a row of so many tokens: [tokens, dim]."""
    folder = step.output / "adapter"
    base = AutoModelForCausalLM.from_pretrained(str(step.local_paths["model"]), dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(folder), is_trainable=True)
    tokenizer = load_tokenizer(step.local_paths["model"])
    trained = {name: p for name, p in model.named_parameters() if "lora_B" in name}
    with torch.no_grad():
        for parameter in trained.values():
            parameter.zero_()
    total = 0
    for number, row in enumerate(read_rows(step.inputs["train"])):
        ids, labels = encode_row(tokenizer, row, thinking=False)
        tokens = sum(label != IGNORE for label in labels)
        embeddings = model.get_input_embeddings()(torch.tensor([ids]))
        if noise is not None:
            embeddings = embeddings + noise(number, len(ids))
        (model(inputs_embeds=embeddings, labels=torch.tensor([labels])).loss * tokens).backward()
        total += tokens
    stored = load_file(folder / "adapter_model.safetensors")
    moved = torch.cat([stored[name.replace(".default", "")].flatten() for name in trained])
    wanted = torch.cat([p.grad.flatten() for p in trained.values() if p.grad is not None]) / (-1000 * total)
    assert float(torch.nn.functional.cosine_similarity(moved, wanted, dim=0)) > 0.9999
    assert 0.99 < float(moved.norm() / wanted.norm()) < 1.01


def make_mixture(folder: Path) -> Path:
    """Write a tiny random Qwen3 with four experts, of which each token uses two."""
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    config = AutoConfig.for_model("qwen3_moe", **_sizes(folder), **experts)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(str(folder))  # type: ignore[no-untyped-call]
    return folder


def make_hybrid(folder: Path) -> Path:
    """Write a tiny random Qwen3.5: a text decoder with a layer of linear attention and one of full attention, and a
    part that reads images. transformers builds the decoder alone."""
    linear = {f"linear_num_{kind}_heads": 2 for kind in ("key", "value")}
    linear |= {f"linear_{kind}_head_dim": 16 for kind in ("key", "value")}
    kinds = {"layer_types": ["linear_attention", "full_attention"]}
    text = AutoConfig.for_model("qwen3_5_text", **_sizes(folder), **linear, **kinds).to_dict()
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 64}
    config = AutoConfig.for_model("qwen3_5", text_config=text, vision_config=vision, tie_word_embeddings=True)
    torch.manual_seed(0)
    AutoModelForImageTextToText.from_config(config).save_pretrained(str(folder))  # type: ignore[no-untyped-call]
    return folder


def _sizes(folder: Path) -> dict[str, Any]:
    """The sizes of a tiny Qwen3, which is written with its tokenizer into the folder."""
    known = read_json(make_tiny_model(folder, "qwen3", tied=True) / "config.json")
    kept = ("num_", "hidden_size", "intermediate_size", "vocab_size", "head_dim", "max_position", "tie_", "initializer")
    return {key: value for key, value in known.items() if key.startswith(kept) or key.endswith("token_id")}
