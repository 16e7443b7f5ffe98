"""Trainings of new families follow those of a plain loop with transformers and peft."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, get_cosine_schedule_with_warmup

from recipes.common.encode import IGNORE, encode_row, load_tokenizer
from recipes.common.files import read_rows
from recipes.common.protocol import Step
from recipes.testing import read_report

STEPS = 12
PARAMS: dict[str, Any] = {
    **{"rows": 8, "batch_size": 8, "gradient_accumulation": 1, "epochs": STEPS, "warmup_ratio": 0.25},
    **{"learning_rate": 0.01, "weight_decay": 0.1, "clip_grad_norm": 0.5},
}
"""One batch holds all rows, so that their order does not matter."""


@pytest.mark.parametrize(("model", "method"), [("phi3", "lora"), ("gemma3", "dora"), ("gemma3-images", "lora")])
def test_losses_equal_those_of_a_plain_loop(
    trained: Callable[..., Step], models: dict[str, Path], model: str, method: str
) -> None:
    # The first step of a warm-up has a learning rate of zero, so this is the adapter that the training starts from.
    initial = trained(model, name="initial", method=method, **PARAMS | {"max_steps": 1, "warmup_ratio": 1.0})
    step = trained(model, name="whole", method=method, **PARAMS)
    ours = [(entry["loss"], entry["learning_rate"]) for entry in read_report(step)["loss"]]
    base = AutoModelForCausalLM.from_pretrained(str(models[model]), dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, str(initial.output / "adapter"), is_trainable=True).train()
    batch = read_batch(step)
    optimizer = torch.optim.AdamW([p for p in peft.parameters() if p.requires_grad], lr=0.01, weight_decay=0.1)
    schedule = get_cosine_schedule_with_warmup(optimizer, round(0.25 * STEPS), STEPS)
    theirs = []
    for _ in range(STEPS):
        loss = peft(**batch).loss
        loss.backward()
        theirs.append((loss.item(), schedule.get_last_lr()[0]))
        torch.nn.utils.clip_grad_norm_(peft.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    assert len(ours) == STEPS
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=1e-4)
    assert ours[-1][0] < 0.9 * ours[0][0]


def read_batch(step: Step) -> dict[str, torch.Tensor]:
    """All training rows, padded on the right."""
    tokenizer = load_tokenizer(step.local_paths["model"])
    rows = [encode_row(tokenizer, row, thinking=False) for row in read_rows(step.inputs["train"])]
    width = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [IGNORE] * (width - len(labels)) for _, labels in rows]),
    }
