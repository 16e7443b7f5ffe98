"""Conversion of weights between Hugging Face's and torchtune's names, and the names of PEFT's adapter tensors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from recipes.common.models.folder import INDEX, copy_companions, weight_files
from recipes.common.protocol import StepFailed, write_json
from recipes.torchtune.model import Shape

_MODULES = {
    "self_attn.q_proj": "attn.q_proj",
    "self_attn.k_proj": "attn.k_proj",
    "self_attn.v_proj": "attn.v_proj",
    "self_attn.o_proj": "attn.output_proj",
    "self_attn.q_norm": "attn.q_norm",
    "self_attn.k_norm": "attn.k_norm",
    "mlp.gate_proj": "mlp.w1",
    "mlp.up_proj": "mlp.w3",
    "mlp.down_proj": "mlp.w2",
    "input_layernorm": "sa_norm",
    "post_attention_layernorm": "mlp_norm",
}
_TOP = {
    "model.embed_tokens.weight": "tok_embeddings.weight",
    "model.norm.weight": "norm.scale",
    "lm_head.weight": "output.weight",
}
_HF_MODULES = {ours: theirs for theirs, ours in _MODULES.items()}
_HF_TOP = {ours: theirs for theirs, ours in _TOP.items()}
_SHARD = 5 * 10**9
"""Maximum size of a weights file, in bytes."""
_ADAPTER = {"lora_a.weight": "lora_A.weight", "lora_b.weight": "lora_B.weight", "magnitude": "lora_magnitude_vector"}


def to_torchtune(name: str) -> str | None:
    """torchtune's name of a Hugging Face weight; None for a weight that the supported families do not have."""
    if name in _TOP:
        return _TOP[name]
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if match is None or match[2] not in _MODULES:
        return None
    kind = "scale" if match[2].endswith("norm") else match[3]
    return f"layers.{match[1]}.{_MODULES[match[2]]}.{kind}"


def to_huggingface(name: str) -> str:
    """The Hugging Face name of a torchtune weight: the inverse of `to_torchtune`."""
    if name in _HF_TOP:
        return _HF_TOP[name]
    match = re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias|scale)", name)
    if match is None:
        raise KeyError(name)
    return f"model.layers.{match[1]}.{_HF_MODULES[match[2]]}.{'bias' if match[3] == 'bias' else 'weight'}"


def to_peft(name: str) -> str:
    """PEFT's name of an adapter tensor. The rows of q and k are not permuted: `load_base` keeps them in Hugging Face's
    order. torchtune's own export would permute them as for Llama."""
    match = re.fullmatch(r"layers\.(\d+)\.(.+?)\.(lora_[ab]\.weight|magnitude)", name)
    if match is None:
        raise KeyError(name)
    return f"base_model.model.model.layers.{match[1]}.{_HF_MODULES[match[2]]}.{_ADAPTER[match[3]]}"


def load_base(folder: Path, shape: Shape, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """All base weights under torchtune's names: matrices in `dtype` (None: as stored), norms in fp32. The norms are
    small, and fp32 keeps the normalisation exact."""
    state: dict[str, Tensor] = {}
    unknown = []
    for file in weight_files(folder):
        try:
            with safe_open(str(file), framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118
                    ours = to_torchtune(name)
                    if ours is None:
                        unknown.append(name)
                    elif not (shape.tied and name == "lm_head.weight"):
                        state[ours] = tensors.get_tensor(name).to(torch.float32 if ours.endswith("scale") else dtype)
        except SafetensorError as error:
            raise StepFailed("damaged-weights", f"{file.name}: {error}", "Fetch the model again.") from error
    unknown = [name for name in unknown if not name.endswith("rotary_emb.inv_freq")]
    if unknown:
        raise StepFailed("weights-mismatch", f"weights without a place in the model: {_first(unknown)}")
    return state


def assign_base(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Assign the base weights to the model without a copy. Fails with `weights-mismatch` if a tensor is missing, left
    over or of another shape."""
    expected = {name: tensor for name, tensor in model.state_dict().items() if not _is_adapter(name)}
    missing, extra = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    other = [name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape]
    for what, names in (("missing", missing), ("not in the model", extra), ("of another shape", sorted(other))):
        if names:
            raise StepFailed(
                "weights-mismatch", f"weights {what}: {_first(names)}", "Check that config.json belongs to them."
            )
    model.load_state_dict(dict(state), strict=False, assign=True)


def save_model(folder: Path, base: Path, state: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Write a whole model as transformers reads it: the weights `state` (torchtune's names) in `dtype`, with an index
    if there are several files, and the base's config, tokenizer and licence."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_companions(base, folder)
    config = json.loads((base / "config.json").read_text())
    config.pop("torch_dtype", None)
    write_json(folder / "config.json", config | {"dtype": str(dtype).removeprefix("torch.")})
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in state.items():
        bytes_ = tensor.numel() * dtype.itemsize
        if shards[-1] and size + bytes_ > _SHARD:
            shards.append({})
            size = 0
        shards[-1][to_huggingface(name)] = tensor
        size += bytes_
    index: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file_name = "model.safetensors" if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        index |= dict.fromkeys(shard, file_name)
        tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in shard.items()}
        save_file(tensors, str(folder / file_name), metadata={"format": "pt"})
    if len(shards) > 1:
        total = sum(tensor.numel() for tensor in state.values()) * dtype.itemsize
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": index})


def _is_adapter(name: str) -> bool:
    return name.endswith(tuple(_ADAPTER))


def _first(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
