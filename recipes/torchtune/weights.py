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
from recipes.common.models.tensors import Stored, read_headers
from recipes.common.models.text_decoder import NESTED, is_other_part, module_name
from recipes.common.protocol import StepFailed, write_json
from recipes.torchtune.shape import Shape

_MODULES = {
    "self_attn.q_proj": "attn.q_proj",
    "self_attn.k_proj": "attn.k_proj",
    "self_attn.v_proj": "attn.v_proj",
    "self_attn.qkv_proj": "attn.qkv_proj",
    "self_attn.o_proj": "attn.output_proj",
    "self_attn.q_norm": "attn.q_norm",
    "self_attn.k_norm": "attn.k_norm",
    "mlp.gate_proj": "mlp.w1",
    "mlp.up_proj": "mlp.w3",
    "mlp.gate_up_proj": "mlp.gate_up_proj",
    "mlp.down_proj": "mlp.w2",
    "input_layernorm": "sa_norm",
}
_NORMS = {"post_attention_layernorm": "mlp_norm"}
_GEMMA_NORMS = {
    "post_attention_layernorm": "sa_scale",
    "pre_feedforward_layernorm": "mlp_norm",
    "post_feedforward_layernorm": "mlp_scale",
}
_TOP = {"embed_tokens.weight": "tok_embeddings.weight", "norm.weight": "norm.scale"}
_OUTPUT = ("lm_head.weight", "output.weight")
_SHARD = 5 * 10**9
"""Maximum size of a weights file, in bytes."""
_ADAPTER = {"lora_a.weight": "lora_A.weight", "lora_b.weight": "lora_B.weight", "magnitude": "lora_magnitude_vector"}


class Names:
    """The names of the decoder's weights in the model of transformers, in torchtune and in PEFT."""

    def __init__(self, shape: Shape) -> None:
        self._root = shape.root
        self._ours = _MODULES | (_GEMMA_NORMS if shape.gemma_norms else _NORMS)
        self._theirs = {ours: theirs for theirs, ours in self._ours.items()}
        self._top = {f"{shape.root}{theirs}": ours for theirs, ours in _TOP.items()} | dict([_OUTPUT])
        self._their_top = {ours: theirs for theirs, ours in self._top.items()}

    def to_torchtune(self, name: str) -> str | None:
        """torchtune's name of a weight; None for a weight that the decoder does not have."""
        if name in self._top:
            return self._top[name]
        match = re.fullmatch(rf"{re.escape(self._root)}layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if match is None or match[2] not in self._ours:
            return None
        kind = "scale" if match[2].endswith("norm") else match[3]
        return f"layers.{match[1]}.{self._ours[match[2]]}.{kind}"

    def to_huggingface(self, name: str) -> str:
        """The name of a torchtune weight in the model of transformers: the inverse of `to_torchtune`."""
        if name in self._their_top:
            return self._their_top[name]
        match = re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias|scale)", name)
        if match is None:
            raise KeyError(name)
        kind = "bias" if match[3] == "bias" else "weight"
        return f"{self._root}layers.{match[1]}.{self._theirs[match[2]]}.{kind}"

    def to_peft(self, name: str) -> str:
        """PEFT's name of an adapter tensor. The rows of q and k are not permuted: `load_base` keeps them in Hugging
        Face's order. torchtune's own export would permute them as for Llama."""
        match = re.fullmatch(r"layers\.(\d+)\.(.+?)\.(lora_[ab]\.weight|magnitude)", name)
        if match is None:
            raise KeyError(name)
        module = f"{self._root}layers.{match[1]}.{self._theirs[match[2]]}"
        return f"base_model.model.{module}.{_ADAPTER[match[3]]}"


def load_base(folder: Path, shape: Shape, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """All base weights of the text decoder under torchtune's names: matrices in `dtype` (None: as stored), norms in
    fp32. The norms are small, and fp32 keeps the normalisation exact."""
    names = Names(shape)
    nested = shape.root == NESTED
    state: dict[str, Tensor] = {}
    unknown: list[str] = []
    for file in weight_files(folder):
        try:
            with safe_open(str(file), framework="pt") as tensors:
                for stored in tensors.keys():  # noqa: SIM118
                    name = module_name(stored)
                    ours = names.to_torchtune(name)
                    if ours is None:
                        unknown += [] if nested and is_other_part(name) else [name]
                    elif not (shape.tied and name == "lm_head.weight"):
                        state[ours] = tensors.get_tensor(stored).to(torch.float32 if ours.endswith("scale") else dtype)
        except SafetensorError as error:
            raise StepFailed("damaged-weights", f"{file.name}: {error}", "Fetch the model again.") from error
    unknown = [name for name in unknown if not name.endswith("rotary_emb.inv_freq")]
    if unknown:
        raise StepFailed("weights-mismatch", f"weights without a place in the model: {_first(unknown)}")
    return state


def assign_base(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Assign the base weights to the model without a copy. Fails with `weights-mismatch` if a tensor is missing, left
    over or of another shape."""
    expected = {name: tensor for name, tensor in model.state_dict().items() if not is_adapter(name)}
    missing, extra = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    other = [name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape]
    for what, names in (("missing", missing), ("not in the model", extra), ("of another shape", sorted(other))):
        if names:
            raise StepFailed(
                "weights-mismatch", f"weights {what}: {_first(names)}", "Check that config.json belongs to them."
            )
    model.load_state_dict(dict(state), strict=False, assign=True)


def save_model(folder: Path, base: Path, shape: Shape, state: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Write a whole model as transformers reads it: the weights `state` (torchtune's names) in `dtype`, with an index
    if there are several files, and the base's config, tokenizer and licence. The base's other parts stay as they
    are."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_companions(base, folder)
    config = json.loads((base / "config.json").read_text())
    config.pop("torch_dtype", None)
    write_json(folder / "config.json", config | {"dtype": str(dtype).removeprefix("torch.")})
    names = Names(shape)
    headers = {module_name(stored.name): stored for stored in read_headers(base).values()}
    tensors: dict[str, Tensor | Stored] = {names.to_huggingface(ours): tensor for ours, tensor in state.items()}
    tensors |= {name: stored for name, stored in headers.items() if is_other_part(name)}
    shards: list[dict[str, Tensor | Stored]] = [{}]
    size = total = 0
    for name, tensor in tensors.items():
        bytes_ = tensor.numel() * dtype.itemsize if isinstance(tensor, Tensor) else tensor.end - tensor.begin
        if shards[-1] and size + bytes_ > _SHARD:
            shards.append({})
            size = 0
        shards[-1][headers[name].name if name in headers else name] = tensor
        size, total = size + bytes_, total + bytes_
    index: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file_name = "model.safetensors" if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        index |= dict.fromkeys(shard, file_name)
        content = {
            name: tensor.detach().to("cpu", dtype).contiguous() if isinstance(tensor, Tensor) else tensor.read()
            for name, tensor in shard.items()
        }
        save_file(content, str(folder / file_name), metadata={"format": "pt"})
    if len(shards) > 1:
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": index})


def is_adapter(name: str) -> bool:
    return name.endswith(tuple(_ADAPTER))


def _first(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
