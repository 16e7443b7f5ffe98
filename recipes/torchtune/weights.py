"""Weights in and adapters out: Hugging Face safetensors to torchtune's names, trained adapters to PEFT's form."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from recipes.common.models import INDEX, is_beside
from recipes.common.protocol import StepFailed, write_json
from recipes.torchtune.model import PROJECTIONS, Shape

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
_BACK = {ours: theirs for theirs, ours in _MODULES.items()}
_TOP_BACK = {ours: theirs for theirs, ours in _TOP.items()}
_SHARD = 5 * 10**9
"""Bytes after which the weights go on in another file."""
_ADAPTER = {"lora_a.weight": "lora_A.weight", "lora_b.weight": "lora_B.weight", "magnitude": "lora_magnitude_vector"}
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}


def to_torchtune(name: str) -> str | None:
    """torchtune's name of a Hugging Face weight; none for one that is not in these families."""
    if name in _TOP:
        return _TOP[name]
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if match is None or match[2] not in _MODULES:
        return None
    kind = "scale" if match[2].endswith("norm") else match[3]
    return f"layers.{match[1]}.{_MODULES[match[2]]}.{kind}"


def to_huggingface(name: str) -> str:
    """The Hugging Face name of a weight: `to_torchtune` backwards."""
    if name in _TOP_BACK:
        return _TOP_BACK[name]
    match = re.fullmatch(r"layers\.(\d+)\.(.+)\.(weight|bias|scale)", name)
    if match is None:
        raise KeyError(name)
    return f"model.layers.{match[1]}.{_BACK[match[2]]}.{'bias' if match[3] == 'bias' else 'weight'}"


def to_peft(name: str) -> str:
    """PEFT's name of one of our adapter tensors. The rows of q and k stay where they are: these families' weights are
    in Hugging Face's order already, and torchtune's own export would permute them as for Llama."""
    match = re.fullmatch(r"layers\.(\d+)\.(.+?)\.(lora_[ab]\.weight|magnitude)", name)
    if match is None:
        raise KeyError(name)
    return f"base_model.model.model.layers.{match[1]}.{_BACK[match[2]]}.{_ADAPTER[match[3]]}"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model's folder, by its index where it is sharded. Pickles are refused, and so is a
    folder that holds an adapter too: transformers would apply it without being asked."""
    if (folder / "adapter_config.json").exists():
        raise StepFailed(
            "adapter-in-model-folder",
            "the model's folder holds an adapter beside the weights; loading it would apply both",
            "Keep adapters and full weights in separate folders.",
        )
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        if any(Path(name).name != name for name in names):
            raise StepFailed("weights-mismatch", "the weights' index names a file outside the model's folder")
        files = [folder / name for name in names]
    else:
        files = [folder / "model.safetensors"]
    missing = [file.name for file in files if not file.exists()]
    if not missing:
        return files
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLES)
    if pickles and not index.exists():
        raise StepFailed(
            "pickle-weights",
            f"the model has its weights as pickles only ({', '.join(pickles[:3])}); loading one can run any code",
            "Choose a revision with safetensors, or convert the weights in a place where you trust them.",
        )
    raise StepFailed("no-weights", f"the model's folder has no {', '.join(missing[:3])}", "Fetch the model again.")


def load_base(folder: Path, shape: Shape, dtype: torch.dtype) -> dict[str, Tensor]:
    """All base weights under torchtune's names: matrices in `dtype`, norms in fp32 (they cost nothing and keep the
    normalisation exact)."""
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
        raise StepFailed("weights-mismatch", f"weights that the model's config does not explain: {_some(unknown)}")
    return state


def put_base(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give the model its base weights, taking the tensors over without a copy. Fails where one is missing, left over
    or of another shape."""
    wanted = {name: tensor for name, tensor in model.state_dict().items() if not _is_adapter(name)}
    missing, left = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    other = [name for name in wanted.keys() & state.keys() if wanted[name].shape != state[name].shape]
    for what, names in (("missing", missing), ("not in the model", left), ("of another shape", sorted(other))):
        if names:
            raise StepFailed("weights-mismatch", f"weights {what}: {_some(names)}", "Is config.json the weights' own?")
    model.load_state_dict(dict(state), strict=False, assign=True)


def save_model(folder: Path, base: Path, state: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Write a whole model as transformers reads it: the weights `state` (torchtune's names) in `dtype`, in shards with
    an index where they are large, and the base's config, tokenizer and license."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(base.iterdir()):
        if file.is_file() and is_beside(file.name) and file.name not in (INDEX, "config.json", "model.json"):
            shutil.copyfile(file, folder / file.name)
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


def save_adapter(
    folder: Path,
    adapter: Mapping[str, Tensor],
    *,
    base: str,
    revision: str | None,
    rank: int,
    alpha: float,
    dropout: float,
    targets: tuple[str, ...],
    layers: range,
    of_layers: int,
    rslora: bool = False,
) -> None:
    """Write adapter_model.safetensors and adapter_config.json as `peft` reads them. `base` is the model's public name,
    never a path of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {to_peft(name): tensor.detach().cpu().float().contiguous() for name, tensor in adapter.items()}
    save_file(tensors, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "revision": revision,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": dropout,
        "use_rslora": rslora,
        "use_dora": any(name.endswith("magnitude") for name in adapter),
        "target_modules": [name for name in PROJECTIONS if name in targets],
        "layers_to_transform": list(layers) if len(layers) < of_layers else None,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    write_json(folder / "adapter_config.json", config)


def _is_adapter(name: str) -> bool:
    return name.endswith(tuple(_ADAPTER))


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
