"""Trainings of tiny models of several families by axolotl. `npm test` trains one of them for a few steps; `npm run
soak` (EXP_SOAK=1) trains all, answers with the adapter, and merges it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from recipes.axolotl.conftest import Start
from recipes.axolotl.test_train import MORE, check_merge, check_training, soak
from recipes.common.protocol import StepFailed
from recipes.tools.tiny_models import make_tiny_model

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
DENSE = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]


def make_mixture(folder: Path) -> Path:
    """A tiny Qwen3 with four experts, of which each token uses two."""
    return make_variant(
        folder, "qwen3_moe", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, num_hidden_layers=2
    )


def make_hybrid(folder: Path) -> Path:
    """A tiny Qwen3.5 without images: one layer of linear attention and one of full attention."""
    linear = {f"linear_num_{kind}_heads": 2 for kind in ("key", "value")}
    linear |= {f"linear_{kind}_head_dim": 16 for kind in ("key", "value")}
    kinds = ["linear_attention", "full_attention"]
    return make_variant(folder, "qwen3_5_text", num_hidden_layers=2, layer_types=kinds, **linear)


def make_variant(folder: Path, model_type: str, **more: Any) -> Path:
    """A tiny model of another type with the sizes and the tokenizer of a tiny Qwen3."""
    known = json.loads((make_tiny_model(folder, "qwen3", tied=True) / "config.json").read_text())
    sizes = ("hidden_size", "intermediate_size", "vocab_size", "head_dim", "tie_word_embeddings", "initializer_range")
    kept = {key: value for key, value in known.items() if key in sizes or key.startswith(("num_", "max_position"))}
    ends = {key: value for key, value in known.items() if key.endswith("token_id")}
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **(kept | ends | more))
    AutoModelForCausalLM.from_config(config).save_pretrained(str(folder))  # type: ignore[no-untyped-call]
    return folder


FAMILIES: dict[str, tuple[Any, list[str]]] = {
    "llama3.1": (lambda folder: make_tiny_model(folder, "llama3.1", tied=False), DENSE),
    "mistral": (lambda folder: make_tiny_model(folder, "mistral", tied=False), DENSE),
    "phi3": (lambda folder: make_tiny_model(folder, "phi3", tied=False), FUSED),
    "smollm3": (lambda folder: make_tiny_model(folder, "smollm3", tied=True), DENSE),
    "gemma3": (lambda folder: make_tiny_model(folder, "gemma3", tied=True), DENSE),
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
def test_every_family_trains_answers_and_merges(trained: Start, tmp_path: Path, family: str) -> None:
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
