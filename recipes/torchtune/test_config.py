"""The config of a request, and the committed list of override keys."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from recipes.common.files import read_json
from recipes.common.protocol import StepFailed
from recipes.common.training.request import TrainingInputs
from recipes.testing import write_rows
from recipes.torchtune.config import build_config, check_config, override_keys, read_keys
from recipes.torchtune.conftest import PARAMS
from recipes.torchtune.recipe import Recipe


def keys_read(recipe: type) -> set[str]:
    """Top-level config keys that the recipe and torchtune's recipe read: cfg.x, cfg.get("x"), self._cfg.x."""
    found = set()
    for kind in recipe.__mro__[:2]:
        for node in ast.walk(ast.parse(Path(inspect.getfile(kind)).read_text())):
            if not isinstance(node, ast.Attribute):
                continue
            owner = node.value
            if (isinstance(owner, ast.Name) and owner.id == "cfg") or (
                isinstance(owner, ast.Attribute) and owner.attr == "_cfg"
            ):
                found.add(node.attr)
        for node in ast.walk(ast.parse(Path(inspect.getfile(kind)).read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "cfg"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


@pytest.fixture
def config(models: dict[str, Path], tmp_path: Path) -> dict[str, object]:
    model = models["llama"]
    inputs = TrainingInputs(
        model=model,
        config=read_json(model / "config.json"),
        base="tiny/model",
        revision=None,
        train=write_rows(tmp_path / "train.jsonl", 5),
        validation=None,
        rows=5,
    )
    return build_config(PARAMS, inputs=inputs, work=tmp_path / "work")


def test_the_committed_keys_match_the_locked_torchtune() -> None:
    assert read_keys() == override_keys() == sorted(read_keys())


def test_every_key_is_read_by_the_recipe_or_its_component(config: dict[str, object]) -> None:
    read = keys_read(Recipe)
    assert {key.split(".")[0] for key in read_keys()} <= read
    assert set(config) - read <= {"checkpoints"}
    signature = set(inspect.signature(torch.optim.AdamW).parameters)
    assert {key.split(".")[1] for key in read_keys() if key.startswith("optimizer.")} <= signature


def test_an_unknown_key_is_an_error(config: dict[str, object]) -> None:
    check_config(config)
    with pytest.raises(StepFailed, match="learning_rate"):
        check_config(config | {"learning_rate": 1.0})
    with pytest.raises(StepFailed, match=r"checkpoints\.every"):
        check_config(config | {"checkpoints": {"every": 1}})


def test_small_and_large_numbers_round_trip_through_the_file(config: dict[str, object], tmp_path: Path) -> None:
    config["optimizer"] = {"lr": 1e-07, "eps": 1e-08, "weight_decay": 1e16}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert OmegaConf.to_container(OmegaConf.load(tmp_path / "config.json")) == config
