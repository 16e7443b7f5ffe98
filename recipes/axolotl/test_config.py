"""The configuration has only keys that axolotl has, and unsupported requests fail. No test starts a training."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import Phi3Config, Phi3ForCausalLM

from recipes.axolotl import checkpoints, data
from recipes.axolotl.config import (
    PLUGIN_SECTION,
    Device,
    build_config,
    check_config,
    override_keys,
    read_reserved_keys,
)
from recipes.axolotl.conftest import PARAMS, Start
from recipes.axolotl.keys import installed_keys, read_keys, unknown_keys
from recipes.axolotl.train import prepare, run
from recipes.common.encode import load_tokenizer
from recipes.common.files import read_rows
from recipes.common.protocol import Step, StepFailed
from recipes.common.training.request import read_inputs, total_steps
from recipes.testing import write_rows
from recipes.tools.tiny_models import make_tiny_model

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CPU = Device("cpu")
T4 = Device("cuda", 1, (7, 5), "Tesla T4")
A100 = Device("cuda", 2, (8, 0), "A100")


def config(device: Device = CPU, **params: Any) -> dict[str, Any]:
    """The configuration for 40 rows and a model of 4 layers."""
    files = {"model": Path("/m"), "train": Path("/w/train.jsonl"), "validation": Path("/w/validation.jsonl")}
    return build_config(
        PARAMS | params, layers=4, targets=PROJECTIONS, rows=40, device=device, files=files, work=Path("/w")
    )


def failure(code: str, device: Device = CPU, **params: Any) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        config(device, **params)
    assert caught.value.code == code
    return caught.value


def test_the_committed_keys_match_the_locked_axolotl() -> None:
    assert read_keys() == installed_keys()


def test_the_schema_command_lists_no_other_sections() -> None:
    """`axolotl config-schema` lists the sections; keys.json also has the keys within them."""
    command = [sys.executable, "-c", "from axolotl.cli.main import cli; cli(['config-schema'])"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"AXOLOTL_DO_NOT_TRACK": "1"})
    schema = json.loads(done.stdout[done.stdout.index("\n{") if not done.stdout.startswith("{") else 0 :])
    assert set(schema["properties"]) <= {key.split(".")[0] for key in read_keys()}


@pytest.mark.parametrize("method", ["lora", "dora", "qlora", "qdora", "full"])
@pytest.mark.parametrize("device", [CPU, A100], ids=["cpu", "cuda"])
def test_every_key_is_known_and_round_trips_through_the_file(method: str, device: Device, tmp_path: Path) -> None:
    made = config(
        device,
        method=method,
        layers={"last": 2},
        rslora=True,
        max_steps=5,
        learning_rate=1e-7,
        report_to=["tensorboard", "wandb", "mlflow", "trackio"],
    )
    assert unknown_keys({k: v for k, v in made.items() if k != PLUGIN_SECTION}, read_keys()) == []
    assert yaml.safe_load(yaml.safe_dump(made)) == made


def test_reserved_keys_exist_and_cannot_be_overridden() -> None:
    assert set(read_reserved_keys()) <= set(read_keys())
    assert not set(read_reserved_keys()) & set(override_keys())
    assert {"adam_beta2", "lora_mlp_kernel", "lr_scheduler_kwargs.*", "fsdp_config.state_dict_type"} <= set(
        override_keys()
    )


def test_an_unknown_key_is_an_error() -> None:
    for key in ("lora_rank", "micro_batch_sizes", "fsdp_config.reshard"):
        assert key in failure("unknown-override", overrides={key: 1}).message
    failure("unknown-override", overrides={"learning_rate": 1.0})
    with pytest.raises(StepFailed, match="lora_rank"):
        check_config(config() | {"lora_rank": 8})
    assert config(overrides={"lr_scheduler_kwargs.num_cycles": 2})["lr_scheduler_kwargs"] == {"num_cycles": 2}


def test_methods_set_their_keys() -> None:
    assert {key: config(method="qdora")[key] for key in ("adapter", "load_in_4bit", "peft_use_dora")} == {
        "adapter": "qlora",
        "load_in_4bit": True,
        "peft_use_dora": True,
    }
    assert not [key for key in config(method="full") if key.startswith(("lora_", "peft_", "adapter"))]
    assert config(layers={"last": 1})["peft_layers_to_transform"] == [3]
    assert config(rslora=True)["peft_use_rslora"] is True
    assert len(config()["lora_target_modules"]) == 7


def test_precision_depends_on_the_device() -> None:
    assert {key: config(T4, precision="fp16")[key] for key in ("bf16", "fp16")} == {"bf16": False, "fp16": True}
    assert "bf16" in failure("capability", T4, precision="bf16").message
    failure("capability", precision="fp16")
    failure("capability", T4, precision="fp16", method="full")
    assert config(A100)["gradient_checkpointing"] and not config()["gradient_checkpointing"]


def test_several_gpus_share_the_accumulation() -> None:
    assert config(A100)["gradient_accumulation_steps"] == 1
    assert "gradient_accumulation 3" in failure("capability", A100, gradient_accumulation=3).message
    sharded = {"fsdp_config.state_dict_type": "FULL_STATE_DICT"}
    config(A100, overrides=sharded)
    failure("capability", A100, overrides=sharded, keep={"best": "loss"})


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("no-step", {"max_steps": 0}),
        ("no-step", {"epochs": 0}),
        ("capability", {"method": "prefix"}),
        ("capability", {"optimizer": "lion"}),
        ("capability", {"keep": {"best": "bleu"}}),
        ("bad-layers", {"layers": {"last": 9}}),
    ],
)
def test_an_unsupported_request_fails_with_its_code(code: str, params: dict[str, Any]) -> None:
    failure(code, **params)


def test_total_steps_count_whole_epochs() -> None:
    assert total_steps(PARAMS, 40) == 10
    assert total_steps(PARAMS, 3) == 2
    # Five epochs of 69.5 steps: 350 steps if each epoch is rounded up, 348 if only the total is.
    assert total_steps(PARAMS | {"epochs": 5, "gradient_accumulation": 4}, 1112) == 350
    for device in (CPU, A100):
        assert config(device)["max_steps"] == 10 and config(device, max_steps=3)["max_steps"] == 3
    with pytest.raises(StepFailed, match="0 rows"):
        total_steps(PARAMS, 0)


def failed(step: Step) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        run(step)
    assert not (step.output / "adapter").exists()
    return caught.value


def test_bad_inputs_fail_before_axolotl_starts(start: Start, tmp_path: Path, models: dict[str, Path]) -> None:
    assert failed(start(max_length=20)).code == "row-too-long"
    assert failed(start(max_length=100_000)).code == "max-length"
    if not torch.cuda.is_available():
        assert failed(start(gpus=1)).code == "no-device"
    step = start(keep={"best": "loss"})
    step.inputs["validation"].write_text("")
    assert failed(step).code == "no-validation"
    assert failed(start(targets=["lm_head"])).code == "unsupported-target"
    images = shutil.copytree(models["tied"], tmp_path / "images")
    config = json.loads((images / "config.json").read_text())
    (images / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
    assert failed(start(images)).code == "unsupported-model"
    shard = tmp_path / "shard"
    shard.mkdir()
    for file in models["tied"].iterdir():
        (shard / file.name).write_bytes(file.read_bytes())
    content = (shard / "model.safetensors").read_bytes()
    (shard / "model.safetensors").write_bytes(content[:-100])
    assert failed(start(shard)).code == "damaged-weights"
    (shard / "model.safetensors").unlink()
    assert failed(start(shard)).code == "no-weights"


def test_the_fused_projections_of_phi_are_adapted(start: Start, tmp_path: Path) -> None:
    step = start(make_fused_model(tmp_path / "phi3"))
    made, _ = prepare(step, read_inputs(step), tmp_path / "work")
    assert sorted(made["lora_target_modules"]) == ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"]
    step.params["targets"] = ["q_proj", "o_proj"]
    with pytest.raises(StepFailed, match="q_proj") as caught:
        prepare(step, read_inputs(step), tmp_path / "work")
    assert caught.value.code == "unsupported-target"


def make_fused_model(folder: Path) -> Path:
    """A tiny Phi-3 with the tokenizer of a tiny Qwen3."""
    make_tiny_model(folder, "qwen3", tied=False)
    size = {
        key: value
        for key, value in json.loads((folder / "config.json").read_text()).items()
        if key.startswith(("num_", "hidden_size", "intermediate", "vocab", "max_position")) or key.endswith("token_id")
    }
    Phi3ForCausalLM(Phi3Config(**size)).save_pretrained(str(folder))
    return folder


def test_the_encoded_rows_are_checked(start: Start, tmp_path: Path) -> None:
    step = start()
    prepare(step, read_inputs(step), tmp_path / "work")
    encoded = list(read_rows(tmp_path / "work" / "train.jsonl"))
    data.check_rows(encoded, encoded)
    for changed, code in (
        (encoded[:-1], "rows-lost"),
        ([*encoded[:-1], encoded[-1] | {"labels": encoded[-1]["labels"][:-1]}], "rows-changed"),
    ):
        with pytest.raises(StepFailed) as caught:
            data.check_rows(encoded, changed)
        assert caught.value.code == code
    blank = [row | {"labels": [-100] * len(row["labels"])} for row in encoded]
    with pytest.raises(StepFailed) as caught:
        data.check_rows(blank, blank)
    assert caught.value.code == "no-label"
    other = write_rows(tmp_path / "other.jsonl", 40, seed=9)
    tokenizer = load_tokenizer(step.local_paths["model"])
    with pytest.raises(StepFailed) as caught:
        data.check_prefixes(tokenizer, other, tmp_path / "work" / "train.jsonl", thinking=False)
    assert caught.value.code == "prefix-mismatch"


def test_incomplete_and_foreign_checkpoints_are_removed(tmp_path: Path) -> None:
    def make(step: int, fingerprint: str) -> Path:
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_text("weights")
        checkpoints.mark(folder, fingerprint, None)
        return folder

    make(3, "ours")
    make(6, "theirs")
    truncated = make(9, "ours")
    (truncated / "weights").write_text("weig")
    (tmp_path / "checkpoint-12").mkdir()
    assert checkpoints.remove_unusable(tmp_path, "ours") == 3
    assert [path.name for path in checkpoints.checkpoints(tmp_path)] == ["checkpoint-3"]
    make(15, "ours")
    for name in ("best-2.safetensors", "best-15.safetensors"):
        (tmp_path / name).touch()
    checkpoints.keep_newest(tmp_path, "ours", 1, "best-15.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-15.safetensors", "checkpoint-15"]
