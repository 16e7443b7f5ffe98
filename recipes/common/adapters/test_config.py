"""The projections and layers that an adapter changes, and its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipes.common.adapters.config import AdapterSettings, adapted_layers, select_targets, write_adapter
from recipes.common.adapters.files import check_base
from recipes.common.protocol import StepFailed


def test_targets_are_in_the_order_of_the_model() -> None:
    layers = ["q_proj", "k_proj", "v_proj"]
    assert select_targets(["v_proj", "q_proj"], layers) == ["q_proj", "v_proj"]
    for targets in (["q_proj", "lm_head"], []):
        with pytest.raises(StepFailed) as failure:
            select_targets(targets, layers)
        assert failure.value.code == "unsupported-target"


def test_layers_are_none_if_all_are_adapted() -> None:
    assert adapted_layers(4, None) is adapted_layers(4, 4) is None
    assert adapted_layers(4, 1) == [3]
    for last in (0, 5):
        with pytest.raises(StepFailed) as failure:
            adapted_layers(4, last)
        assert failure.value.code == "bad-layers"


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    settings = AdapterSettings(4, 8, 0.0, ["q_proj"], None, use_dora=False, use_rslora=False)
    tensors = {"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": torch.tensor([1.0, float("nan")])}
    with pytest.raises(StepFailed) as failure:
        write_adapter(tmp_path / "adapter", tensors, settings, base="tiny", revision=None)
    assert failure.value.code == "weights-not-finite" and not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("changed", ["base", "revision"])
def test_an_adapter_of_another_base_or_commit_is_an_error(changed: str) -> None:
    described = {"base": "org/model", "revision": "0" * 40}
    config = {"base_model_name_or_path": "org/model", "revision": "0" * 40}
    check_base(config, described)
    with pytest.raises(StepFailed) as failure:
        check_base(config, described | {changed: "other"})
    assert failure.value.code == "adapter-base"
