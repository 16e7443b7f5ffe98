"""Trainings of tiny models of several families by axolotl. `npm test` trains one of them for a few steps; `npm run
soak` (EXP_SOAK=1) trains all, answers with the adapter, and merges it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from recipes.axolotl.conftest import Start
from recipes.axolotl.test_train import MORE, check_merge, check_training
from recipes.common.protocol import StepFailed
from recipes.testing import make_hybrid, make_mixture, soak
from recipes.tools.tiny_models import make_tiny_model

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
DENSE = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]


FAMILIES: dict[str, tuple[Any, list[str]]] = {
    "llama3.1": (lambda folder: make_tiny_model(folder, "llama3.1", tied=False), DENSE),
    "mistral": (lambda folder: make_tiny_model(folder, "mistral", tied=False), DENSE),
    "phi3": (lambda folder: make_tiny_model(folder, "phi3", tied=False), FUSED),
    "smollm3": (lambda folder: make_tiny_model(folder, "smollm3", tied=True), DENSE),
    "gemma3": (lambda folder: make_tiny_model(folder, "gemma3", tied=True), DENSE),
    "llama": (lambda folder: make_tiny_model(folder, "llama", tied=True), DENSE),
    "qwen2.5": (lambda folder: make_tiny_model(folder, "qwen2.5", tied=False), DENSE),
    "qwen3.5": (make_hybrid, [*DENSE, "out_proj", *(f"in_proj_{name}" for name in ("qkv", "z", "b", "a"))]),
}
"""Name -> how to make a tiny model, and the layers that all-linear adapts."""


def adapted(folder: Path) -> list[str]:
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    return sorted(config["target_modules"])


def test_the_committed_model_types_match_the_locked_transformers() -> None:
    committed = json.loads(Path(__file__).with_name("model_types.json").read_text())
    assert committed == sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def test_the_fused_layers_of_phi_train(trained: Start, tmp_path: Path) -> None:
    step = trained(FAMILIES["phi3"][0](tmp_path / "model"), max_steps=2, rows=8)
    assert adapted(step.output) == sorted(FUSED)


def test_a_mixture_of_experts_needs_listed_targets(trained: Start, tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as failure:
        trained(make_mixture(tmp_path / "model"))
    assert failure.value.code == "unsupported-target" and "q_proj" in str(failure.value.help)


@soak
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_answers_and_merges(
    trained: Start, tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not torch.cuda.is_available():
        # The kernels of this package need a GPU. The environment that generates does not have it.
        monkeypatch.setitem(sys.modules, "fla", None)
    make, targets = FAMILIES[family]
    step = trained(make(tmp_path / "model"), **MORE)
    assert adapted(step.output) == sorted(targets)
    check_training(step)
    check_merge(step)


@soak
def test_the_attention_of_a_mixture_of_experts_trains(trained: Start, tmp_path: Path) -> None:
    step = trained(make_mixture(tmp_path / "model"), targets=ATTENTION, **MORE)
    assert adapted(step.output) == sorted(ATTENTION)
    check_training(step)
    check_merge(step)
