"""Loading base weights under torchtune's names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from recipes.common.protocol import StepFailed
from recipes.torchtune.model import build
from recipes.torchtune.shape import read_shape
from recipes.torchtune.weights import assign_base, load_base


@pytest.fixture
def folder(models: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a model that a test may change."""
    return Path(shutil.copytree(models["qwen3-untied"], tmp_path / "model"))


def load(folder: Path) -> dict[str, torch.Tensor]:
    return load_base(folder, read_shape(json.loads((folder / "config.json").read_text())), torch.float32)


def code(folder: Path) -> str:
    with pytest.raises(StepFailed) as failure:
        assign_base(build(str(folder / "config.json"), 64), load(folder))
    return failure.value.code


def test_sharded_weights_equal_those_of_one_file(folder: Path) -> None:
    single = load(folder)
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, some in shards.items():
        save_file({name: tensors[name] for name in some}, folder / file)
    index = {"weight_map": {name: file for file, some in shards.items() for name in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    sharded = load(folder)
    assert sharded.keys() == single.keys()
    assert all(torch.equal(sharded[name], single[name]) for name in single)
    (folder / "b.safetensors").unlink()
    assert code(folder) == "no-weights"


def test_missing_unknown_and_damaged_weights_fail(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    kept = tensors.pop("model.layers.1.self_attn.q_norm.weight")
    save_file(tensors, folder / "model.safetensors")
    assert code(folder) == "weights-mismatch"
    tensors |= {"model.layers.1.self_attn.q_norm.weight": kept[:-1].clone()}
    save_file(tensors, folder / "model.safetensors")
    assert code(folder) == "weights-mismatch"
    save_file(tensors | {"model.vision.weight": kept}, folder / "model.safetensors")
    assert code(folder) == "weights-mismatch"
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    assert code(folder) == "damaged-weights"


def test_norms_stay_in_fp32(folder: Path) -> None:
    shape = read_shape(json.loads((folder / "config.json").read_text()))
    state = load_base(folder, shape, torch.bfloat16)
    assert {tensor.dtype for name, tensor in state.items() if name.endswith("scale")} == {torch.float32}
    assert {tensor.dtype for name, tensor in state.items() if not name.endswith("scale")} == {torch.bfloat16}
