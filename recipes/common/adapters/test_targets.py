"""The linear layers of a model that an adapter changes, from its config alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, Phi3Config, Qwen3MoeConfig

from recipes.common.adapters.targets import model_targets
from recipes.common.protocol import StepFailed

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SIZE: dict[str, Any] = {
    **{"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 300, "pad_token_id": 0},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2},
}


def test_all_linear_means_the_layers_of_the_model(tmp_path: Path) -> None:
    LlamaConfig(**SIZE).save_pretrained(str(tmp_path / "llama"))
    Phi3Config(**SIZE).save_pretrained(str(tmp_path / "phi3"))
    assert model_targets(tmp_path / "llama", "all-linear") == PROJECTIONS
    assert model_targets(tmp_path / "llama", ["v_proj", "q_proj"]) == ["q_proj", "v_proj"]
    assert set(model_targets(tmp_path / "phi3", "all-linear")) == {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}


def test_a_target_without_a_layer_fails(tmp_path: Path) -> None:
    Phi3Config(**SIZE).save_pretrained(str(tmp_path / "phi3"))
    Qwen3MoeConfig(**SIZE, num_experts=4, moe_intermediate_size=32).save_pretrained(str(tmp_path / "moe"))
    for folder, targets, named in (
        ("phi3", ["q_proj", "o_proj"], "qkv_proj"),
        ("phi3", ["lm_head"], "qkv_proj"),
        ("phi3", [], "qkv_proj"),
        ("moe", "all-linear", "q_proj"),
    ):
        with pytest.raises(StepFailed) as caught:
            model_targets(tmp_path / folder, targets)
        assert caught.value.code == "unsupported-target" and named in str(caught.value.help)
    assert model_targets(tmp_path / "moe", ["q_proj"]) == ["q_proj"]
