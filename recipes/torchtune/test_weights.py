"""What may be loaded as weights, and what may not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from recipes.common.protocol import StepFailed
from recipes.torchtune.model import build, read_shape
from recipes.torchtune.weights import load_base, put_base, weight_files


@pytest.fixture
def folder(models: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a model that a test may spoil."""
    return Path(shutil.copytree(models["qwen3-untied"], tmp_path / "model"))


def load(folder: Path) -> dict[str, torch.Tensor]:
    return load_base(folder, read_shape(json.loads((folder / "config.json").read_text())), torch.float32)


def code(folder: Path) -> str:
    with pytest.raises(StepFailed) as failure:
        put_base(build(str(folder / "config.json"), 64), load(folder))
    return failure.value.code


def test_sharded_weights_are_the_same_weights(folder: Path) -> None:
    whole = load(folder)
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, some in shards.items():
        save_file({name: tensors[name] for name in some}, folder / file)
    index = {"weight_map": {name: file for file, some in shards.items() for name in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    sharded = load(folder)
    assert sharded.keys() == whole.keys()
    assert all(torch.equal(sharded[name], whole[name]) for name in whole)
    (folder / "b.safetensors").unlink()
    assert code(folder) == "no-weights"


def test_an_index_may_not_lead_out_of_the_folder(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    assert code(folder) == "weights-mismatch"


def test_pickles_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    assert code(folder) == "no-weights"
    torch.save(tensors, folder / "pytorch_model.bin")
    assert code(folder) == "pickle-weights"


def test_a_folder_with_weights_and_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    assert code(folder) == "adapter-in-model-folder"


def test_missing_strange_and_damaged_weights_are_named(folder: Path) -> None:
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
    assert len(weight_files(folder)) == 1
