"""An adapter over a 16-bit base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from recipes.common.adapters.weights import read_adapter
from recipes.common.models.folder import describe_model, select_files
from recipes.steps.test_merge import KINDS, adapt, sharded_bf16
from recipes.tools.tiny_models import make_tiny_model
from recipes.transformers.model import load_model


@pytest.mark.parametrize("kind", KINDS)
def test_merged_weights_are_rounded_once(tmp_path: Path, kind: str) -> None:
    base = sharded_bf16(make_tiny_model(tmp_path / "fp32", "qwen3", tied=True), tmp_path / "bf16")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    adapter = adapt(base, tmp_path / "adapter", **KINDS[kind])
    described: dict[str, Any] = describe_model(
        "tiny", None, base, select_files(path.name for path in base.iterdir()), lambda _: None
    )
    plain = {
        name: each.float()
        for name, each in load_model(base, described, "bf16").ready(None, described).named_parameters()
    }
    merged = dict(load_model(base, described, "bf16").ready(adapter, described).named_parameters())
    deltas = read_adapter(adapter, described)
    for name, weight in merged.items():
        stored = plain[name].float()
        wanted = deltas[name].merge_into(stored, 0, len(weight)) if name in deltas else stored
        assert weight.dtype == torch.bfloat16
        # The order of a sum in fp32 may change the rounding of a few values.
        assert float((weight != wanted.to(torch.bfloat16)).float().mean()) < 1e-3, name
    assert len(deltas) == 6
