"""Builds a torchtune model from a Hugging Face config.json, for three families of dense decoders: Llama-like (no bias,
no q/k-norm), Qwen2.5 (bias on q, k and v) and Qwen3 (q/k-norm before the rotary embedding).

Any other architecture is an error. A model with a small difference would train without an error and give wrong answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torchtune.modules import FeedForward, RMSNorm, TiedLinear, TransformerSelfAttentionLayer

from recipes.common.adapters.config import adapted_layers, resolve_targets
from recipes.common.files import read_json
from recipes.common.protocol import StepFailed
from recipes.common.training.request import check_max_length
from recipes.torchtune.decoder import Attention, Decoder
from recipes.torchtune.lora_layers import DoRA, Frozen, LoRA

FAMILIES: Mapping[str, Any] = read_json(Path(__file__).with_name("families.json"))
"""The architectures that `build` knows, by `model_type` of config.json. The runner reads the same file."""


@dataclass(frozen=True)
class Shape:
    """Sizes and switches of a dense decoder, read from config.json."""

    family: str
    dim: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int
    eps: float
    rope_theta: float
    tied: bool
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool


def read_shape(config: Mapping[str, Any]) -> Shape:
    """The shape in a Hugging Face config. Fails with `unsupported-model` for an architecture that `build` lacks."""
    family = config.get("model_type")
    if family not in FAMILIES:
        raise _unsupported(f"model_type is {family!r}")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    sliding = "sliding_attention" in (config.get("layer_types") or ())
    refused = {
        "a mixture of experts": config.get("num_experts") or config.get("num_local_experts"),
        "a sliding window": sliding or (config.get("use_sliding_window") and config.get("sliding_window")),
        f"rotary scaling of type {kind!r}": kind not in FAMILIES[family]["rope"],
        "a partial rotary embedding": config.get("partial_rotary_factor", rope.get("partial_rotary_factor", 1.0))
        != 1.0,
        f"the activation {config.get('hidden_act')!r}": config.get("hidden_act", "silu") != "silu",
        "quantised weights": config.get("quantization_config"),
    }
    for what, present in refused.items():
        if present:
            raise _unsupported(f"it has {what}")
    try:
        heads = config["num_attention_heads"]
        attention_bias = bool(config.get("attention_bias", False))
        return Shape(
            family=family,
            dim=config["hidden_size"],
            inner=config["intermediate_size"],
            layers=config["num_hidden_layers"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            vocabulary=config["vocab_size"],
            positions=config["max_position_embeddings"],
            eps=config["rms_norm_eps"],
            rope_theta=float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0),
            tied=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=family == "qwen2" or attention_bias,
            output_bias=family != "qwen2" and attention_bias,
            mlp_bias=family == "llama" and bool(config.get("mlp_bias", False)),
            qk_norm=family == "qwen3",
        )
    except KeyError as error:
        raise _unsupported(f"its config.json lacks {error}") from error


def build(hf_config: str, max_seq_len: int) -> Decoder:
    """The model without adapters, for full fine-tuning (a torchtune component)."""
    return _build(read_shape(read_json(Path(hf_config))), max_seq_len, _plain)


def build_adapted(
    hf_config: str,
    max_seq_len: int,
    targets: str | Sequence[str],
    lora_rank: int,
    lora_alpha: float,
    lora_dropout: float = 0.0,
    use_dora: bool = False,
    use_rslora: bool = False,
    quantize_base: bool = False,
    last_layers: int | None = None,
) -> Decoder:
    """The model with LoRA or DoRA on some projections of all layers, or of the last ones (a torchtune component).

    `targets` are Hugging Face names. The scale of the adapter is alpha / rank, with rsLoRA alpha / sqrt(rank). The
    weights are not initialised. `quantize_base` has no effect here: `model_setup` quantises the weights.
    """
    shape = read_shape(read_json(Path(hf_config)))
    names = set(resolve_targets(targets if isinstance(targets, str) else list(targets)))
    layers = adapted_layers(shape.layers, last_layers)
    kind = DoRA if use_dora else LoRA
    # torchtune's layers divide by the rank.
    alpha = lora_alpha * lora_rank**0.5 if use_rslora else lora_alpha

    def linear(layer: int, name: str, inputs: int, outputs: int, bias: bool) -> nn.Module:
        if name not in names or (layers is not None and layer not in layers):
            return Frozen(inputs, outputs, bias=bias)
        return kind(inputs, outputs, rank=lora_rank, alpha=alpha, dropout=lora_dropout, use_bias=bias)

    return _build(shape, max_seq_len, linear)


def is_quantised(name: str) -> bool:
    """Whether QLoRA quantises a base weight, by torchtune's name: the linear weights of the decoder layers."""
    return name.startswith("layers.") and name.endswith(".weight")


def _plain(_layer: int, _name: str, inputs: int, outputs: int, bias: bool) -> nn.Module:
    return nn.Linear(inputs, outputs, bias=bias)


def _build(shape: Shape, max_seq_len: int, linear: Callable[[int, str, int, int, bool], nn.Module]) -> Decoder:
    check_max_length(max_seq_len, shape.positions)
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    layers = []
    for i in range(shape.layers):
        attention = Attention(
            embed_dim=shape.dim,
            num_heads=shape.heads,
            num_kv_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            q_proj=linear(i, "q_proj", shape.dim, queries, shape.qkv_bias),
            k_proj=linear(i, "k_proj", shape.dim, keys, shape.qkv_bias),
            v_proj=linear(i, "v_proj", shape.dim, keys, shape.qkv_bias),
            output_proj=linear(i, "o_proj", queries, shape.dim, shape.output_bias),
            q_norm=RMSNorm(shape.head_dim, shape.eps) if shape.qk_norm else None,
            k_norm=RMSNorm(shape.head_dim, shape.eps) if shape.qk_norm else None,
            max_seq_len=max_seq_len,
        )
        mlp = FeedForward(
            gate_proj=linear(i, "gate_proj", shape.dim, shape.inner, shape.mlp_bias),
            up_proj=linear(i, "up_proj", shape.dim, shape.inner, shape.mlp_bias),
            down_proj=linear(i, "down_proj", shape.inner, shape.dim, shape.mlp_bias),
        )
        norms = {"sa_norm": RMSNorm(shape.dim, shape.eps), "mlp_norm": RMSNorm(shape.dim, shape.eps)}
        layers.append(TransformerSelfAttentionLayer(attn=attention, mlp=mlp, **norms))
    embedding = nn.Embedding(shape.vocabulary, shape.dim)
    decoder = Decoder(
        tok_embeddings=embedding,
        layers=nn.ModuleList(layers),
        max_seq_len=max_seq_len,
        num_heads=shape.heads,
        head_dim=shape.head_dim,
        norm=RMSNorm(shape.dim, shape.eps),
        output=TiedLinear(embedding) if shape.tied else nn.Linear(shape.dim, shape.vocabulary, bias=False),
    )
    decoder.rope_theta = shape.rope_theta
    return decoder


def _unsupported(why: str) -> StepFailed:
    return StepFailed(
        "unsupported-model",
        f"the torchtune backend does not support the model: {why}",
        "It supports dense Llama-like, Qwen2.5 and Qwen3 models. Use one of them, or backend: axolotl.",
    )
