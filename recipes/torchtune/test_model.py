"""Models from the builder equal those of transformers, and exported adapters equal the trained ones through peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model_state_dict
from torch import Tensor, nn
from torchtune.modules.peft import get_adapter_params
from transformers import AutoModelForCausalLM

from recipes.common.adapters.config import AdapterSettings, write_adapter
from recipes.common.adapters.targets import model_targets
from recipes.common.protocol import StepFailed
from recipes.tools.tiny_models import make_tiny_model
from recipes.torchtune.conftest import FAMILIES
from recipes.torchtune.decoder import Decoder, Layout
from recipes.torchtune.model import build, build_adapted
from recipes.torchtune.shape import Shape, read_shape
from recipes.torchtune.weights import Names, assign_base, load_base

ALL = list(FAMILIES)


def reference(folder: Path) -> nn.Module:
    model: nn.Module = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    return model.eval()


def shape_of(folder: Path) -> Shape:
    return read_shape(json.loads((folder / "config.json").read_text()))


def ours(folder: Path, **adapters: Any) -> Decoder:
    config = str(folder / "config.json")
    model = build_adapted(config, 256, **adapters) if adapters else build(config, 256)
    assign_base(model, load_base(folder, shape_of(folder), torch.float32))
    for module in model.modules():
        if hasattr(module, "initialize_dora_magnitude"):
            module.initialize_dora_magnitude()
    model.eval()
    return model


def logits(model: nn.Module, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        out = model(tokens)
    return out if isinstance(out, Tensor) else out.logits


def some_tokens() -> Tensor:
    return torch.randint(0, 600, (3, 40), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ALL)
def test_logits_equal_transformers(models: dict[str, Path], name: str) -> None:
    want = logits(reference(models[name]), some_tokens())
    torch.testing.assert_close(logits(ours(models[name]), some_tokens()), want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_a_shared_prefix_gives_the_same_logits(models: dict[str, Path], name: str) -> None:
    tokens = some_tokens()
    tokens[:, :15] = tokens[0, :15]
    packed = torch.cat([tokens[:1, :15], tokens[:, 15:].reshape(1, -1)], dim=1)
    model = ours(models[name])
    with torch.no_grad():
        got = model(packed, layout=Layout(15, 3, 25), answers=torch.arange(15, packed.shape[1]))
    want = logits(model, tokens)[:, 15:].reshape(1, 75, -1)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


ADAPTERS: list[tuple[str, str, int | None]] = [(name, kind, None) for name in ALL for kind in ("lora", "dora")]
ADAPTERS += [("qwen2.5", "rs", 1), ("qwen3", "rs", None), ("phi3", "lora", 1), ("gemma3-images", "dora", 1)]


@pytest.mark.parametrize(("name", "kind", "last"), ADAPTERS)
def test_exported_adapter_equals_the_model_through_peft(
    models: dict[str, Path], tmp_path: Path, name: str, kind: str, last: int | None
) -> None:
    folder, dora, rslora = models[name], kind != "lora", kind == "rs"
    targets = model_targets(folder, "all-linear")[:: 2 if last else 1]
    size = {"lora_rank": 4, "lora_alpha": 12.0}
    model = ours(folder, targets=targets, last_layers=last, use_dora=dora, use_rslora=rslora, **size)
    tokens = some_tokens()
    torch.testing.assert_close(logits(model, tokens), logits(ours(folder), tokens), atol=1e-5, rtol=1e-5)
    adapter = get_adapter_params(model)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapter.values():
            parameter.add_(torch.randn(parameter.shape, generator=random) * 0.1)
    layers, shape = [1] if last else None, shape_of(folder)
    kinds = {"use_dora": dora, "use_rslora": rslora, "root": shape.root}
    settings = AdapterSettings(rank=4, alpha=12.0, dropout=0.0, targets=targets, layers=layers, **kinds)  # type: ignore[arg-type]
    tensors = {Names(shape).to_peft(name): tensor for name, tensor in adapter.items()}
    write_adapter(tmp_path, tensors, settings, base="tiny/model", revision=None)
    through_peft = PeftModel.from_pretrained(reference(folder), str(tmp_path)).eval()
    loaded = get_peft_model_state_dict(through_peft)  # type: ignore[no-untyped-call]
    assert {key: tensor.shape for key, tensor in loaded.items()} == {key: each.shape for key, each in tensors.items()}
    want = logits(through_peft, tokens)
    torch.testing.assert_close(logits(model, tokens), want, atol=1e-4, rtol=1e-4)
    assert (want - logits(reference(folder), tokens)).abs().max() > 0.1
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["use_dora"] is dora and config["use_rslora"] is rslora
    assert config["base_model_name_or_path"] == "tiny/model"
    if name != "gemma3-images":
        assert config["layers_to_transform"] == layers
        assert config["target_modules"] == list(targets)


def test_a_target_without_a_layer_is_an_error(models: dict[str, Path]) -> None:
    for name, targets in (("phi3", ["q_proj"]), ("llama", ["q_proj", "qkv_proj"]), ("llama", [])):
        with pytest.raises(StepFailed) as failure:
            ours(models[name], targets=targets, lora_rank=4, lora_alpha=12.0)
        assert failure.value.code == "unsupported-target"


def test_both_forms_of_the_rope_config_give_the_same_shape(tmp_path: Path) -> None:
    make_tiny_model(tmp_path, "qwen3", tied=True, head_dim=16)
    config = json.loads((tmp_path / "config.json").read_text())
    new = read_shape(config)
    old = dict(config)
    theta = old.pop("rope_parameters")["rope_theta"]
    assert read_shape(old | {"rope_theta": theta, "rope_scaling": None}) == new
    assert new.head_dim == 16 and new.tied
    assert new.rotary[""].frequencies[-1] == pytest.approx(1e6 ** (-14 / 16))


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gemma"},
        {"num_experts": 8},
        {"layer_types": ["full_attention", "linear_attention"]},
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e6, "factor": 4.0}},
        {"rope_scaling": {"type": "dynamic", "factor": 2.0}, "rope_parameters": None},
        {"hidden_act": "gelu"},
        {"quantization_config": {"bits": 4}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_unsupported_architecture_is_an_error(models: dict[str, Path], change: dict[str, Any]) -> None:
    config = json.loads((models["qwen3"] / "config.json").read_text())
    with pytest.raises(StepFailed) as failure:
        read_shape(config | change)
    assert failure.value.code == "unsupported-model"
