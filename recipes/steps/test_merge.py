"""A merged model equals the base with its adapter by PEFT's weights and logits, and damaged files are found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from recipes.common.adapters import logit_comparison
from recipes.common.adapters.weights import Delta, read_adapter
from recipes.common.encode import load_tokenizer, prompt_ids
from recipes.common.models.folder import INDEX, describe_model, select_files
from recipes.common.models.text_decoder import module_name
from recipes.common.protocol import Step, StepFailed
from recipes.steps import merge
from recipes.testing import make_hybrid, make_mixture
from recipes.tools.tiny_models import Family, make_tiny_model
from recipes.transformers.model import load_model

KINDS: dict[str, dict[str, Any]] = {"lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}}
ROWS = [
    {"id": f"case {at}", "messages": [{"role": "user", "content": "dori kifa " * (at + 3)}], "target": "kiru, dodo"}
    for at in range(3)
]


FAMILIES: dict[str, tuple[Family, Any]] = {
    "phi3": ("phi3", ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]),
    "smollm3": ("smollm3", ["q_proj", "down_proj"]),
    "gemma3": ("gemma3", ["q_proj", "o_proj", "down_proj"]),
    "gemma3-images": ("gemma3-images", r".*language_model.*\.(k_proj|o_proj|up_proj)"),
}
"""Family and adapted modules. The fixture `base`, a Qwen3, has the layers of the other families."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model", "qwen3", tied=True)


def sharded_bf16(folder: Path, to: Path) -> Path:
    """The same model with its weights in bf16, in two shards."""
    shutil.copytree(folder, to)
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(to / "model.safetensors").items()}
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, some in shards.items():
        save_file({name: tensors[name] for name in some}, to / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, some in shards.items() for name in some}}
    (to / INDEX).write_text(json.dumps(index))
    (to / "model.safetensors").unlink()
    return to


def adapt(base: Path, to: Path, targets: Any = ("q_proj", "o_proj", "down_proj"), **kind: Any) -> Path:
    """An adapter by PEFT with random weights, as after a training."""
    torch.manual_seed(1)
    modules = targets if isinstance(targets, str) else list(targets)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=modules, task_type="CAUSAL_LM", **kind)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.05)
            if "magnitude" in name:
                parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
    model.save_pretrained(str(to))
    written = json.loads((to / "adapter_config.json").read_text())
    (to / "adapter_config.json").write_text(json.dumps(written | {"base_model_name_or_path": "tiny"}))
    return to


def step(tmp: Path, model: Path, adapter: Path, **params: Any) -> Step:
    names = select_files(path.name for path in model.iterdir())
    (tmp / "model.json").write_text(json.dumps(describe_model("tiny", None, model, names, lambda _: None)))
    (tmp / "eval.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return Step(
        name="merge",
        params={"method": "lora", "thinking": False, **params},
        inputs={"model": tmp / "model.json", "adapter": adapter, "prompts": tmp / "eval.jsonl"},
        local_paths={"model": model},
        output=tmp,
        work=tmp,
        progress_path=tmp / "progress.jsonl",
        cores=1,
    )


def failure(of: Step) -> str:
    with pytest.raises(StepFailed) as error:
        merge.run(of)
    assert error.value.help
    return error.value.code


@pytest.mark.parametrize("kind", [*KINDS, *FAMILIES])
def test_weights_and_logits_equal_those_of_peft(tmp_path: Path, base: Path, kind: str) -> None:
    if kind in FAMILIES:
        family, targets = FAMILIES[kind]
        base = make_tiny_model(tmp_path / "base", family, tied=family != "phi3")
        adapter = adapt(base, tmp_path / "adapter", targets, use_dora=True)
    else:
        adapter = adapt(base, tmp_path / "adapter", **KINDS[kind])
    merge.run(step(tmp_path, base, adapter))
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(str(base)), str(adapter)).eval()
    rows = [prompt_ids(load_tokenizer(base), row["messages"], False) for row in ROWS]  # type: ignore[arg-type]
    ours = logit_comparison.logits_of(
        base,
        tmp_path / "merged",
        read_adapter(adapter, {"base": "tiny", "revision": None}),
        rows,
        four_bit=False,
        chunk=5_000,
        on_weight=lambda: None,
    )
    for at, row in enumerate(rows):
        with torch.inference_mode():
            wanted = peft(input_ids=torch.tensor([row])).logits[0, -9:-1]
        assert torch.allclose(ours["adapter"][at], wanted, atol=1e-4)
    wanted_weights = peft.merge_and_unload().state_dict()
    found = load_file(tmp_path / "merged" / "model.safetensors")
    assert all(torch.allclose(found[name], wanted_weights[module_name(name)], atol=1e-5) for name in found)
    report = json.loads((tmp_path / "merge.json").read_text())
    assert report["equal"] and report["merged"]["relative"] < 1e-4 < report["adapter_effect"]["relative"]
    loaded = AutoModelForCausalLM.from_pretrained(str(tmp_path / "merged"))
    original = json.loads((base / "config.json").read_text())
    assert load_tokenizer(tmp_path / "merged") and loaded.config.model_type == original["model_type"]


@pytest.mark.parametrize("make", [make_mixture, make_hybrid])
def test_models_whose_files_name_weights_differently_are_merged(tmp_path: Path, make: Any) -> None:
    model = make(tmp_path / "base")
    adapter = adapt(model, tmp_path / "adapter", ("q_proj", "o_proj"))
    merge.run(step(tmp_path, model, adapter))
    report = json.loads((tmp_path / "merge.json").read_text())
    assert report["equal"] and report["merged"]["relative"] < 1e-4 < report["adapter_effect"]["relative"]
    row = prompt_ids(load_tokenizer(model), ROWS[0]["messages"], False)  # type: ignore[arg-type]
    ours = logit_comparison.logits_of(
        model, tmp_path / "merged", {}, [row], four_bit=False, chunk=5_000, on_weight=lambda: None
    )
    for folder, variant in ((model, "base"), (tmp_path / "merged", "merged")):
        plain: Any = AutoModelForCausalLM.from_pretrained(str(folder))
        with torch.inference_mode():
            wanted = plain.eval()(input_ids=torch.tensor([row])).logits[0, -9:-1]
        assert torch.allclose(ours[variant][0], wanted, atol=1e-4)


def test_a_sharded_16_bit_base_gives_16_bit_shards(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sharded_bf16(base, tmp_path / "model")
    adapter = adapt(base, tmp_path / "adapter", use_dora=True)
    monkeypatch.setattr(merge, "_SHARD", 60_000)
    merge.run(step(tmp_path, model, adapter, method="qdora"))
    index = json.loads((tmp_path / "merged" / INDEX).read_text())
    files = sorted(set(index["weight_map"].values()))
    assert len(files) > 2 and all((tmp_path / "merged" / file).stat().st_size < 85_000 for file in files)
    assert {tensor.dtype for file in files for tensor in load_file(tmp_path / "merged" / file).values()} == {
        torch.bfloat16
    }
    AutoModelForCausalLM.from_pretrained(str(tmp_path / "merged"))
    report = json.loads((tmp_path / "merge.json").read_text())
    assert report["equal"] and report["four_bit"]["relative"] > report["merged"]["relative"] > 0


def test_the_4_bit_comparison_quantises_every_linear_layer_of_the_decoder(tmp_path: Path, base: Path) -> None:
    """As QLoRA's base: with an adapter on three of seven projections, all seven are in 4 bit."""
    adapter = adapt(base, tmp_path / "adapter")
    request = step(tmp_path, base, adapter)
    described = json.loads((tmp_path / "model.json").read_text())
    model = load_model(base, described, "4bit", compute="fp32").ready(adapter, described)
    merge.run(request)
    rows = [prompt_ids(load_tokenizer(base), row["messages"], False) for row in ROWS]  # type: ignore[arg-type]
    logits = logit_comparison.logits_of(
        base,
        tmp_path / "merged",
        read_adapter(adapter, described),
        rows,
        four_bit=True,
        chunk=10_000_000,
        on_weight=lambda: None,
    )
    with torch.inference_mode():
        wanted = torch.stack([model(input_ids=torch.tensor([row])).logits[0, -9:-1] for row in rows])
    assert logit_comparison.compare(logits["four_bit"], wanted)["relative"] < 1e-4
    assert logit_comparison.compare(logits["adapter"], wanted)["relative"] > 0.01


def test_the_report_states_what_rounding_costs(tmp_path: Path, base: Path) -> None:
    """A small change of 16-bit weights is partly lost; in fp32 nothing is."""
    for name, model in (("fp32", base), ("bf16", sharded_bf16(base, tmp_path / "sharded"))):
        adapter = adapt(model, tmp_path / f"{name}-adapter")
        file = adapter / "adapter_model.safetensors"
        tensors = load_file(file)
        save_file({key: each * (0.05 if "lora_B" in key else 1) for key, each in tensors.items()}, file)
        (tmp_path / name).mkdir()
        evidence = merge.run(step(tmp_path / name, model, adapter))
        report = json.loads((tmp_path / name / "merge.json").read_text())
        share = report["merged"]["relative"] / report["adapter_effect"]["relative"]
        assert evidence["rounding"] == report["rounding"] == pytest.approx(share, abs=1e-4)
        assert report["rounding"] < 0.001 if name == "fp32" else report["rounding"] > 0.1
    messages = (tmp_path / "bf16" / "progress.jsonl").read_text()
    assert "of the adapter's effect" in messages


def test_damaged_weights_are_found(tmp_path: Path, base: Path) -> None:
    model = sharded_bf16(base, tmp_path / "model")
    adapter = adapt(base, tmp_path / "adapter")
    shard = model / "model-00002-of-00002.safetensors"
    content = shard.read_bytes()
    request = step(tmp_path, model, adapter)
    changes = {"truncated": content[:-100], "flipped": content[:-1] + bytes([content[-1] ^ 1]), "no header": b"\0" * 4}
    for name, data in changes.items():
        shard.write_bytes(data)
        shutil.rmtree(tmp_path / "merged", ignore_errors=True)
        assert failure(request) == "damaged-weights", name
    shard.unlink()
    assert failure(request) == "no-weights"


def test_an_adapter_of_another_base_or_kind_is_an_error(tmp_path: Path, base: Path) -> None:
    adapter = adapt(base, tmp_path / "adapter")
    file = adapter / "adapter_config.json"
    config = json.loads(file.read_text())
    for key, value, code in (
        ("base_model_name_or_path", "other", "adapter-base"),
        ("rank_pattern", {"q_proj": 8}, "adapter-kind"),
        ("use_dora", True, "adapter-keys"),
    ):
        file.write_text(json.dumps(config | {key: value}))
        assert failure(step(tmp_path, base, adapter)) == code
    file.write_text(json.dumps(config))
    larger = make_tiny_model(tmp_path / "larger", "qwen3", tied=True, head_dim=16)
    assert failure(step(tmp_path, larger, adapter)) == "adapter-shape"
    (adapter / "adapter_model.safetensors").unlink()
    assert failure(step(tmp_path, base, adapter)) == "adapter-missing"


def test_a_wrong_merge_fails(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = adapt(base, tmp_path / "adapter")

    def twice(self: Delta, weight: Tensor, start: int, stop: int) -> Tensor:
        return weight + 2 * self.scale * (self.b[start:stop] @ self.a)

    monkeypatch.setattr(Delta, "merge_into", twice)
    assert failure(step(tmp_path, base, adapter)) == "merge-differs"
    assert not json.loads((tmp_path / "merge.json").read_text())["equal"]


def test_too_little_memory_fails(tmp_path: Path, base: Path) -> None:
    assert failure(step(tmp_path, base, adapt(base, tmp_path / "adapter"), memory=100_000_000)) == "memory-short"


GROWTH = """
import resource, sys, types
from pathlib import Path
import torch
from recipes.steps import merge
from recipes.steps.test_merge import ROWS, step
folder, adapter, out = map(Path, sys.argv[1:])
request = step(out, folder, adapter)
merge._PIECE = (1_000_000, 1_000_000)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
merge._check = lambda *_: {"equal": True, "rounding": 0.0}
before = peak()
merge.run(request)
print(peak() - before)
"""


def test_the_whole_model_is_never_in_memory(tmp_path: Path, base: Path) -> None:
    model = Path(shutil.copytree(base, tmp_path / "model"))
    tensors = load_file(model / "model.safetensors")
    tensors["model.layers.0.mlp.large.weight"] = torch.zeros(20_000, 5_000)
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    adapter = adapt(base, tmp_path / "adapter")
    out = tmp_path / "out"
    out.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", GROWTH, str(model), str(adapter), str(out)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert int(ran.stdout.split()[-1]) < 100_000_000 < (model / "model.safetensors").stat().st_size
