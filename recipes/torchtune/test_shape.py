"""Published configs give the model that transformers builds from them. Variants of a family give its logits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from recipes.common.models.text_decoder import is_other_part
from recipes.common.protocol import StepFailed
from recipes.torchtune.model import build
from recipes.torchtune.shape import read_shape
from recipes.torchtune.test_model import logits, ours, reference, some_tokens
from recipes.torchtune.weights import Names


def sizes(dim: int, inner: int, layers: int, heads: int, kv_heads: int | None, vocabulary: int) -> dict[str, Any]:
    return {
        **{"hidden_size": dim, "intermediate_size": inner, "num_hidden_layers": layers, "vocab_size": vocabulary},
        **{"num_attention_heads": heads, "num_key_value_heads": kv_heads},
    }


GEMMA = {"model_type": "gemma3_text", "head_dim": 256, "sliding_window": 512, "query_pre_attn_scalar": 256}
LLAMA3 = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
LONGROPE = {"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [4.0] * 48}
GEMMA_4B = {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
PUBLISHED: dict[str, dict[str, Any]] = {
    "Gemma 3 270M": {**GEMMA, **sizes(640, 2048, 18, 4, 1, 262_144), "_sliding_window_pattern": 6},
    "Gemma 3 1B": {**GEMMA, **sizes(1152, 6912, 26, 4, 1, 262_144), "sliding_window_pattern": 6},
    "Gemma 3 4B": {
        "model_type": "gemma3",
        "text_config": {**GEMMA_4B, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
        "vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 2},
    },
    "Llama 3.2 1B": {
        "model_type": "llama",
        **sizes(2048, 8192, 16, 32, 8, 128_256),
        **{"head_dim": 64, "rope_theta": 500_000.0, "rope_scaling": {"rope_type": "llama3", **LLAMA3}},
        "tie_word_embeddings": True,
    },
    "Mistral 7B v0.1": {"model_type": "mistral", **sizes(4096, 14_336, 32, 32, 8, 32_000), "sliding_window": 4096},
    "Phi-3 mini 4k": {"model_type": "phi3", **sizes(3072, 8192, 32, 32, 32, 32_064), "sliding_window": 2047},
    "Phi-4 mini": {
        "model_type": "phi3",
        **sizes(3072, 8192, 32, 24, 8, 200_064),
        **{"partial_rotary_factor": 0.75, "rope_scaling": LONGROPE, "tie_word_embeddings": True},
        **{"max_position_embeddings": 131_072, "original_max_position_embeddings": 4096, "sliding_window": 262_144},
    },
    "Phi-4": {"model_type": "phi3", **sizes(5120, 17_920, 40, 40, 10, 100_352), "max_position_embeddings": 16_384},
    "SmolLM3 3B": {"model_type": "smollm3", **sizes(2048, 11_008, 36, 16, 4, 128_256), "rope_theta": 5e6},
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_configs_give_the_weights_of_transformers(tmp_path: Path, model: str) -> None:
    config = PUBLISHED[model]
    (tmp_path / "config.json").write_text(json.dumps(config))
    shape = read_shape(config)
    names = Names(shape)
    with torch.device("meta"):
        mine = build(str(tmp_path / "config.json"), 1024)
        known = AutoConfig.from_pretrained(str(tmp_path))
        theirs = AutoModelForCausalLM.from_config(known)  # type: ignore[no-untyped-call]
    found = {names.to_huggingface(name): tensor.shape for name, tensor in mine.state_dict().items()}
    wanted = {name: tensor.shape for name, tensor in theirs.named_parameters() if not is_other_part(name)}
    assert found == wanted
    windows = [kind.window for kind in shape.kinds]
    rotated = sum(kind.rotary is not None for kind in shape.kinds)
    assert len(shape.kinds) == shape.layers
    if model.startswith("Gemma"):
        assert windows[:6] == [1024 if "4B" in model else 512] * 5 + [None]
    else:
        assert set(windows) == {config.get("sliding_window")}
    assert rotated == (27 if model.startswith("SmolLM3") else shape.layers)


def changed(folder: Path, to: Path, change: dict[str, Any]) -> Path:
    """A copy of a model with another config."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(config | change))
    return to


def yarn(**more: Any) -> dict[str, Any]:
    return {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 16, **more}


OLD_GEMMA = {
    **{"rope_parameters": None, "layer_types": None, "sliding_window_pattern": 2, "rope_theta": 5e5},
    **{"rope_local_base_freq": 2e4, "rope_scaling": {"factor": 4.0, "rope_type": "linear"}},
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("qwen3", {"rope_parameters": yarn()}),
    ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}),
    ("qwen2.5", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1, "layer_types": None}),
    ("mistral", {"sliding_window": None, "rope_parameters": yarn(mscale=1.0, mscale_all_dim=0.5)}),
    ("phi3", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}}),
    ("gemma3", OLD_GEMMA),
]


@pytest.mark.parametrize(("name", "change"), VARIANTS, ids=[name for name, _ in VARIANTS])
def test_variants_give_the_logits_of_transformers(
    models: dict[str, Path], tmp_path: Path, name: str, change: dict[str, Any]
) -> None:
    folder = changed(models[name], tmp_path / "model", change)
    got, tokens = logits(ours(folder), some_tokens()), some_tokens()
    torch.testing.assert_close(got, logits(reference(folder), tokens), atol=1e-5, rtol=1e-5)
    assert (got - logits(ours(models[name]), tokens)).abs().max() > 0.01


def test_rows_beyond_the_first_range_of_longrope_are_an_error(models: dict[str, Path]) -> None:
    shape = read_shape(json.loads((models["phi3"] / "config.json").read_text()))
    shape.check_length(1024)
    with pytest.raises(StepFailed) as failure:
        shape.check_length(1025)
    assert failure.value.code == "max-length" and "1024" in str(failure.value.help)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gemma3", "text_config": {"model_type": "llama"}},
        {"model_type": "qwen3_5", "text_config": {"model_type": "qwen3_5_text"}},
        {**PUBLISHED["Gemma 3 1B"], "use_bidirectional_attention": True},
        {**PUBLISHED["Gemma 3 1B"], "final_logit_softcapping": 30.0},
        {**PUBLISHED["Llama 3.2 1B"], "num_attention_heads": "many"},
    ],
)
def test_other_decoders_are_an_error(config: dict[str, Any]) -> None:
    with pytest.raises(StepFailed) as failure:
        read_shape(config)
    assert failure.value.code == "unsupported-model"
