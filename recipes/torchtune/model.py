"""Builds a torchtune model from a Hugging Face config.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor, nn
from torchtune.models.gemma.rms_norm import GemmaRMSNorm
from torchtune.modules import FeedForward, RMSNorm, TiedLinear, TransformerSelfAttentionLayer

from recipes.common.adapters.config import adapted_layers, select_targets
from recipes.common.files import read_json
from recipes.torchtune.decoder import Attention, Decoder
from recipes.torchtune.lora_layers import DoRA, Frozen, LoRA
from recipes.torchtune.shape import Shape, read_shape

Linear = Callable[[int, str, int, int, bool], nn.Module]
"""Makes a projection of a layer: index of the layer, Hugging Face name, widths of input and output, bias."""


def build(hf_config: str, max_seq_len: int) -> Decoder:
    """The model without adapters, for full fine-tuning (a torchtune component)."""

    def linear(_layer: int, _name: str, inputs: int, outputs: int, bias: bool) -> nn.Module:
        return nn.Linear(inputs, outputs, bias=bias)

    return _build(read_shape(read_json(Path(hf_config))), max_seq_len, linear)


def build_adapted(
    hf_config: str,
    max_seq_len: int,
    targets: Sequence[str],
    lora_rank: int,
    lora_alpha: float,
    lora_dropout: float = 0.0,
    use_dora: bool = False,
    use_rslora: bool = False,
    quantize_base: bool = False,
    last_layers: int | None = None,
) -> Decoder:
    """The model with LoRA or DoRA on some projections of all layers, or of the last ones (a torchtune component).

    `targets` are Hugging Face names. Fails with `unsupported-target` for a name that the model does not have. The scale
    of the adapter is alpha / rank, with rsLoRA alpha / sqrt(rank). The weights are not initialised. `quantize_base` has
    no effect here: `model_setup` quantises the weights.
    """
    shape = read_shape(read_json(Path(hf_config)))
    layers = adapted_layers(shape.layers, last_layers)
    kind = DoRA if use_dora else LoRA
    # torchtune's layers divide by the rank.
    alpha = lora_alpha * lora_rank**0.5 if use_rslora else lora_alpha
    found: list[str] = []

    def linear(layer: int, name: str, inputs: int, outputs: int, bias: bool) -> nn.Module:
        found.append(name)
        if name not in targets or (layers is not None and layer not in layers):
            return Frozen(inputs, outputs, bias=bias)
        return kind(inputs, outputs, rank=lora_rank, alpha=alpha, dropout=lora_dropout, use_bias=bias)

    model = _build(shape, max_seq_len, linear)
    select_targets(targets, list(dict.fromkeys(found)))
    return model


def is_quantised(name: str) -> bool:
    """Whether QLoRA quantises a base weight, by torchtune's name: the linear weights of the decoder layers."""
    return name.startswith("layers.") and name.endswith(".weight")


class FusedFeedForward(nn.Module):
    """An MLP whose gate and up projections are one linear layer, as in Phi-3."""

    def __init__(self, gate_up_proj: nn.Module, down_proj: nn.Module, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.gate_up_proj = gate_up_proj
        self.w2 = down_proj
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """x [..., dim] -> the same shape."""
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        out: Tensor = self.w2(self.activation(gate) * up)
        return out


def _build(shape: Shape, max_seq_len: int, linear: Linear) -> Decoder:
    shape.check_length(max_seq_len)
    layers = nn.ModuleList([_layer(shape, i, max_seq_len, linear) for i in range(shape.layers)])
    embedding = nn.Embedding(shape.vocabulary, shape.dim)
    decoder = Decoder(
        tok_embeddings=embedding,
        layers=layers,
        max_seq_len=max_seq_len,
        num_heads=shape.heads,
        head_dim=shape.head_dim,
        norm=_norm(shape, shape.dim),
        output=TiedLinear(embedding) if shape.tied else nn.Linear(shape.dim, shape.vocabulary, bias=False),
    )
    decoder.rotary = shape.rotary
    decoder.windows = frozenset(kind.window for kind in shape.kinds)
    decoder.embedding_scale = shape.embedding_scale
    return decoder


def _layer(shape: Shape, i: int, max_seq_len: int, linear: Linear) -> nn.Module:
    dim, inner, bias = shape.dim, shape.inner, shape.mlp_bias
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    if shape.fused:
        fused = linear(i, "qkv_proj", dim, queries + 2 * keys, shape.qkv_bias)
        projections = {"qkv_proj": fused, "q_proj": None, "k_proj": None, "v_proj": None}
    else:
        outputs = {"q_proj": queries, "k_proj": keys, "v_proj": keys}
        projections = {name: linear(i, name, dim, out, shape.qkv_bias) for name, out in outputs.items()}
    attention = Attention(
        embed_dim=dim,
        num_heads=shape.heads,
        num_kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        **projections,
        output_proj=linear(i, "o_proj", queries, dim, shape.output_bias),
        q_norm=_norm(shape, shape.head_dim) if shape.qk_norm else None,
        k_norm=_norm(shape, shape.head_dim) if shape.qk_norm else None,
        max_seq_len=max_seq_len,
        kind=shape.kinds[i],
        score_scale=shape.score_scale,
    )
    activation: nn.Module = nn.SiLU() if shape.activation == "silu" else nn.GELU(approximate="tanh")
    mlp: nn.Module
    if shape.fused:
        gate_up = linear(i, "gate_up_proj", dim, 2 * inner, bias)
        mlp = FusedFeedForward(gate_up, linear(i, "down_proj", inner, dim, bias), activation)
    else:
        mlp = FeedForward(
            gate_proj=linear(i, "gate_proj", dim, inner, bias),
            up_proj=linear(i, "up_proj", dim, inner, bias),
            down_proj=linear(i, "down_proj", inner, dim, bias),
            activation=activation,
        )
    # torchtune's layer calls what follows attention and MLP a scale.
    places = ("sa_norm", "mlp_norm", *(("sa_scale", "mlp_scale") if shape.gemma_norms else ()))
    layer: nn.Module = TransformerSelfAttentionLayer(
        attn=attention, mlp=mlp, **{place: _norm(shape, dim) for place in places}
    )
    return layer


def _norm(shape: Shape, width: int) -> nn.Module:
    norm: nn.Module = (GemmaRMSNorm if shape.gemma_norms else RMSNorm)(width, shape.eps)
    return norm
