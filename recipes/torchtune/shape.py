"""Sizes and switches of a dense decoder, read from a Hugging Face config.json.

Any architecture that families.json does not name is an error. A model with a small difference would train without an
error and give wrong answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from recipes.common.files import read_json
from recipes.common.models.folder import decoder_section
from recipes.common.models.text_decoder import NESTED, read_text_config
from recipes.common.protocol import StepFailed
from recipes.common.training.request import check_max_length

FAMILIES: Mapping[str, Any] = read_json(Path(__file__).with_name("families.json"))
"""The supported architectures, by `model_type` of config.json: "models" are examples, "rope" the types of the rotary
embedding, and "text" the architecture of a text decoder that is a part of the model. The runner reads the same file."""

_ACTIVATIONS = ("silu", "gelu_pytorch_tanh")


@dataclass(frozen=True)
class Rotary:
    """A rotary embedding."""

    frequencies: tuple[float, ...]
    """Radians per position. Dimensions of a head beyond twice their number are not rotated."""
    scale: float
    """Factor of cosine and sine."""


@dataclass(frozen=True)
class LayerKind:
    """What can differ between the decoder layers of a model."""

    rotary: str | None
    """Key of `Shape.rotary`; None for a layer without a rotary embedding."""
    window: int | None
    """Number of tokens that a token attends to: itself and those before it. None for all."""


@dataclass(frozen=True)
class Shape:
    """The text decoder of a model."""

    family: str
    root: str
    """Prefix of the decoder's modules in the model of transformers."""
    dim: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int
    is_extendable: bool
    """Whether the model also works beyond `positions`, with another rotary embedding."""
    eps: float
    rotary: Mapping[str, Rotary]
    kinds: tuple[LayerKind, ...]
    """One for each layer."""
    score_scale: float
    """Factor of the attention scores."""
    embedding_scale: float
    """Factor of the input embeddings."""
    activation: str
    tied: bool
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    fused: bool
    """Whether q, k and v are one projection, and gate and up another."""
    gemma_norms: bool
    """Whether norms multiply by 1 + weight, and also follow attention and MLP."""

    def check_length(self, max_length: int) -> None:
        """Fail with `max-length` if rows may be longer than the positions, in tokens."""
        if self.is_extendable and max_length > self.positions:
            raise StepFailed(
                "max-length",
                f"train.max_length is {max_length}, but the model has another rotary embedding for rows of more than "
                f"{self.positions} tokens, which the torchtune backend does not support",
                f"Lower train.max_length to {self.positions}, or use backend: axolotl.",
            )
        check_max_length(max_length, self.positions)


def read_shape(config: Mapping[str, Any]) -> Shape:
    """The shape in a Hugging Face config. Fails with `unsupported-model` for an architecture that is not supported."""
    outer = str(config.get("model_type"))
    if outer not in FAMILIES:
        raise _unsupported(f"model_type is {outer!r}")
    text = read_text_config(config)
    family, wanted = text.model_type, FAMILIES[outer].get("text", outer)
    if family != wanted:
        raise _unsupported(f"its text decoder is of type {family!r}")
    get, given = text.to_dict().get, decoder_section(config)
    rope = _rope_parameters(text)
    layer_types = tuple(get("layer_types") or ("full_attention",) * text.num_hidden_layers)
    window = get("sliding_window")
    partial = any(each.get("partial_rotary_factor", 1.0) != 1.0 for each in rope.values())
    activation = get("hidden_activation") or get("hidden_act") or "silu"
    refused = {
        "a mixture of experts": given.get("num_experts") or given.get("num_local_experts"),
        "a layer type other than full and sliding attention": set(layer_types)
        - {"full_attention", "sliding_attention"},
        "a sliding window without a size": "sliding_attention" in layer_types and window is None,
        **{
            f"rotary scaling of type {each['rope_type']!r}": each["rope_type"] not in FAMILIES[family]["rope"]
            for each in rope.values()
        },
        "a partial rotary embedding": partial and family != "phi3",
        f"the activation {activation!r}": activation not in _ACTIVATIONS,
        "soft-capped logits": get("attn_logit_softcapping") or get("final_logit_softcapping"),
        "attention in both directions": get("use_bidirectional_attention"),
        "quantised weights": given.get("quantization_config") or config.get("quantization_config"),
    }
    for what, present in refused.items():
        if present:
            raise _unsupported(f"it has {what}")
    rotates = get("no_rope_layers") or [1] * text.num_hidden_layers
    everywhere = family in ("mistral", "phi3")
    kinds = tuple(
        LayerKind(
            rotary=(layer_type if layer_type in rope else "") if rotated else None,
            window=window if everywhere or layer_type == "sliding_attention" else None,
        )
        for layer_type, rotated in zip(layer_types, rotates, strict=False)
    )
    longrope = rope.get("", {}).get("rope_type") == "longrope"
    # The caller may build on the meta device.
    with torch.device("cpu"):
        rotary = {name: _rotary(text, name, each) for name, each in rope.items()}
    heads, head_dim = text.num_attention_heads, _head_dim(text)
    gemma = family == "gemma3_text"
    attention_bias = family not in ("mistral", "phi3", "qwen2") and bool(get("attention_bias"))
    return Shape(
        family=family,
        root=NESTED if "text" in FAMILIES[outer] else "model.",
        dim=text.hidden_size,
        inner=text.intermediate_size,
        layers=text.num_hidden_layers,
        heads=heads,
        kv_heads=text.num_key_value_heads or heads,
        head_dim=head_dim,
        vocabulary=text.vocab_size,
        positions=rope[""]["original_max_position_embeddings"] if longrope else text.max_position_embeddings,
        is_extendable=longrope,
        eps=text.rms_norm_eps,
        rotary=rotary,
        kinds=kinds,
        score_scale=(text.query_pre_attn_scalar if gemma else head_dim) ** -0.5,
        embedding_scale=text.hidden_size**0.5 if gemma else 1.0,
        activation=activation,
        tied=bool(text.tie_word_embeddings),
        qkv_bias=family == "qwen2" or attention_bias,
        output_bias=attention_bias,
        mlp_bias=family in ("llama", "smollm3") and bool(get("mlp_bias")),
        qk_norm=family in ("qwen3", "gemma3_text"),
        fused=family == "phi3",
        gemma_norms=gemma,
    )


def _rope_parameters(text: PreTrainedConfig) -> dict[str, dict[str, Any]]:
    """The parameters of the rotary embeddings: by type of layer where they differ, otherwise one under ""."""
    parameters = dict(text.rope_parameters or {"rope_type": "default", "rope_theta": 10_000.0})
    nested = {name: dict(each) for name, each in parameters.items() if isinstance(each, Mapping)}
    return nested if nested else {"": parameters}


def _rotary(text: PreTrainedConfig, name: str, parameters: Mapping[str, Any]) -> Rotary:
    kind = parameters["rope_type"]
    if kind == "default":
        width = int(_head_dim(text) * parameters.get("partial_rotary_factor", 1.0))
        share = torch.arange(0, width, 2).float() / width
        return Rotary(tuple((1.0 / parameters["rope_theta"] ** share).tolist()), 1.0)
    frequencies, scale = ROPE_INIT_FUNCTIONS[kind](text, torch.device("cpu"), layer_type=name or None)
    return Rotary(tuple(frequencies.tolist()), float(scale))


def _head_dim(text: PreTrainedConfig) -> int:
    size: int = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return size


def _unsupported(why: str) -> StepFailed:
    models = "; ".join(each["models"] for each in FAMILIES.values())
    return StepFailed(
        "unsupported-model",
        f"the torchtune backend does not support the model: {why}",
        f"Use backend: axolotl, or one of these models: {models}.",
    )
