"""Export to GGUF with llama.cpp: logits and answers equal those of transformers, and what differs is refused. Needs the
environment of `exp setup gguf`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("conversion")

import gguf
from gguf import GGMLQuantizationType as Type

from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import Step, StepFailed
from recipes.gguf import convert, export, generate
from recipes.gguf.llama import Model, free_threads
from recipes.gguf.quantise import is_quantised, type_of
from recipes.tools.tiny_models import Family, make_tiny_model

ROWS = [
    {
        "id": str(at),
        "messages": [
            {"role": "system", "content": "Name the finding."},
            {"role": "user", "content": f"bada kilo {at}23 it's\n\n ok éé? I'LL {'mona ' * at}"},
        ],
        "target": "x",
    }
    for at in range(5)
]
ANSWERS = {"max_new_tokens": 12, "temperature": 0, "precision": "fp32", "thinking": False}
EDITS: dict[str, tuple[int, dict[str, Any]]] = {
    "mistral": (2, {"sliding_window": None}),
    "smollm3": (4, {"no_rope_layers": [1, 1, 1, 0]}),
    "gemma3": (6, {"query_pre_attn_scalar": 32, "layer_types": ["sliding_attention"] * 5 + ["full_attention"]}),
    "phi3": (2, {"sliding_window": None}),
}
"""Family -> layers and keys of config.json, of a tiny model with the layers that llama.cpp expects of the family."""


def make_step(model: Path, kind: str = "f32", **more: Any) -> Step:
    folder = model.parent
    names = select_files(path.name for path in model.iterdir())
    (folder / "model.json").write_text(json.dumps(describe_model("tiny", None, model, names, lambda _: None)))
    rows = [{**row, "messages": row["messages"][1:]} for row in ROWS] if "gemma" in model.name else ROWS
    (folder / "eval.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    output, work = folder / "output", folder / "work"
    for each in (output, work):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir()
    params = {"type": kind, "thinking": False, "generation": {"temperature": 0, "max_new_tokens": 12}, **more}
    inputs = {"model": folder / "model.json", "prompts": folder / "eval.jsonl"}
    return Step("export", params, inputs, {"model": model}, output, work, folder / "progress.jsonl", 1)


def tiny(tmp_path: Path, family: Family, *, tied: bool = True) -> Path:
    layers, keys = EDITS.get(family, (2, {}))
    model = make_tiny_model(tmp_path / family, family, tied=tied, layers=layers)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | keys))
    if family == "phi3":
        # The class of Phi-4's tokenizer. That of Phi-3 has a SentencePiece model.
        settings = json.loads((model / "tokenizer_config.json").read_text())
        (model / "tokenizer_config.json").write_text(json.dumps(settings | {"tokenizer_class": "GPT2Tokenizer"}))
    return model


@pytest.mark.parametrize("family", ["llama", "llama3.1", "qwen2.5", "mistral", "phi3", "smollm3", "gemma3"])
def test_logits_equal_those_of_transformers(tmp_path: Path, family: Family) -> None:
    step = make_step(tiny(tmp_path, family))
    export.run(step)
    report = json.loads((step.output / "exported/export.json").read_text())["check"]
    assert report["prompts"] == 4 and 0 < report["relative"] < 0.005 and report["same_token"] > 0.9


@pytest.mark.parametrize(("family", "tied"), [("qwen3", True), ("llama", False)])
def test_greedy_answers_equal_those_of_transformers(tmp_path: Path, family: Family, tied: bool) -> None:
    from recipes.transformers import generate as reference

    step = make_step(tiny(tmp_path, family, tied=tied))
    export.run(step)
    exported = tmp_path / "exported"
    shutil.move(step.output / "exported", exported)
    step.params = {**ANSWERS, "batch_size": 1}
    reference.run(step)
    wanted = (step.output / "responses.jsonl").read_text().splitlines()
    (step.work / "partial.jsonl").unlink()
    step.params, step.inputs = ANSWERS, {**step.inputs, "export": exported}
    evidence = generate.run(step)
    assert evidence["new_tokens"] > 0 and evidence["tokens_per_second"] > 0
    found = (step.output / "responses.jsonl").read_text().splitlines()
    for left, right in zip(map(json.loads, found), map(json.loads, wanted), strict=True):
        assert left["logprob"] == pytest.approx(right["logprob"], abs=0.05)
        assert {**left, "logprob": 0} == {**right, "logprob": 0}

    # A resumed run gives the same answers to the last bit, although other prompts are computed before them.
    kept = (step.work / "partial.jsonl").read_text().splitlines(keepends=True)
    (step.work / "partial.jsonl").write_text("".join(kept[:2]))
    assert generate.run(step)["resumed"] == 2
    assert (step.output / "responses.jsonl").read_text().splitlines() == found


def test_a_constraint_and_a_seed_apply_as_in_the_other_engines(tmp_path: Path) -> None:
    step = make_step(tiny(tmp_path, "qwen3"), "q8_0")
    export.run(step)
    (tmp_path / "answers.json").write_text(
        json.dumps({"labels": ["bada", "kilo mona"], "between": ", ", "none": None, "single": True})
    )
    step.inputs |= {"export": step.output / "exported", "answers": tmp_path / "answers.json"}
    step.params = {**ANSWERS, "constrain": "labels", "temperature": 1.0, "seed": 3, "samples": 4}

    def answers() -> list[str]:
        (step.work / "partial.jsonl").unlink(missing_ok=True)
        generate.run(step)
        lines = (step.output / "responses.jsonl").read_text().splitlines()
        return [sample["text"] for line in lines for sample in json.loads(line)["samples"]]

    first = answers()
    assert set(first) == {"bada", "kilo mona"} and len(first) == 20 and first == answers()
    step.params["seed"] = 4
    assert first != answers()


def test_only_idle_cores_get_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = tmp_path / "stat"
    zeros = " 0" * 6

    def threads(busy: int, idle: int, cores: int = 4) -> int:
        each = "".join(f"cpu{at} 0 0 0 0{zeros}\n" for at in range(4))
        stat.write_text(f"cpu 100 0 0 100{zeros}\n{each}intr 5\n")
        after = f"cpu {100 + busy} 0 0 {100 + idle}{zeros}\n{each}intr 9\n"
        monkeypatch.setattr("time.sleep", lambda _: stat.write_text(after))
        return free_threads(cores, stat=stat)

    assert [threads(0, 100), threads(50, 50), threads(100, 0), threads(0, 0)] == [4, 2, 1, 1]
    assert threads(0, 100, cores=2) == 2
    assert free_threads(3, stat=tmp_path / "none") == 3


def test_the_types_of_weights_are_those_of_llama_cpp() -> None:
    """SmolLM2-135M: 30 layers, rows of 576 and 1536 weights; Llama-8B: 32 layers."""

    def types(kind: str, name: str, columns: int, layers: int) -> Counter[str]:
        return Counter(
            type_of(f"blk.{at}.{name}.weight", columns, kind, layers=layers, tied=True).name for at in range(layers)
        )

    assert types("q4_k_m", "attn_v", 4096, 32) == types("q4_k_m", "ffn_down", 14336, 32) == {"Q6_K": 16, "Q4_K": 16}
    assert types("q4_k_m", "attn_q", 4096, 32) == {"Q4_K": 32}
    assert types("q5_k_m", "attn_v", 4096, 32) == {"Q6_K": 16, "Q5_K": 16}
    assert types("q6_k", "attn_v", 4096, 32) == {"Q6_K": 32}
    assert types("q4_k_m", "attn_v", 576, 30) == {"Q8_0": 14, "Q5_0": 16}
    assert types("q4_k_m", "attn_v", 8192, 80)["Q5_K"] > 0
    assert type_of("output.weight", 4096, "q4_k_m", layers=32, tied=False) == Type.Q6_K
    assert type_of("token_embd.weight", 4096, "q4_k_m", layers=32, tied=True) == Type.Q6_K
    assert type_of("token_embd.weight", 4096, "q4_k_m", layers=32, tied=False) == Type.Q4_K
    assert type_of("token_embd.weight", 576, "q4_k_m", layers=32, tied=True) == Type.Q8_0
    assert type_of("blk.0.attn_q.weight", 24, "q8_0", layers=2, tied=True) == Type.F16
    assert not is_quantised("blk.0.attn_norm.weight", 2) and not is_quantised("blk.0.attn_q.bias", 1)


@pytest.mark.parametrize(("kind", "bits"), [("q4_k_m", 4), ("q8_0", 8)])
def test_a_quantised_file_holds_the_weights_and_settings(tmp_path: Path, kind: str, bits: int) -> None:
    model = make_tiny_model(
        tmp_path / "wide", "qwen3", tied=False, config={"hidden_size": 256, "intermediate_size": 512}
    )
    plain = make_step(model, "f32")
    export.run(plain)
    whole: Any = gguf.GGUFReader(shutil.move(plain.output / "exported/model.gguf", tmp_path / "plain.gguf"))
    step = make_step(model, kind)
    export.run(step)
    small: Any = gguf.GGUFReader(step.output / "exported/model.gguf")
    differing = {name for name in whole.fields if not name.startswith("GGUF.")} ^ {
        name for name in small.fields if not name.startswith("GGUF.")
    }
    assert differing <= {"general.quantization_version"}
    for name in ("tokenizer.chat_template", "tokenizer.ggml.tokens", "qwen3.rope.freq_base"):
        assert small.fields[name].contents() == whole.fields[name].contents()
    for left, right in zip(small.tensors, whole.tensors, strict=True):
        assert left.name == right.name
        values, wanted = (gguf.quants.dequantize(one.data, one.tensor_type) for one in (left, right))
        assert values.shape == wanted.shape
        error = float(((values - wanted) ** 2).mean() ** 0.5 / wanted.std())
        assert error < (0.12 if bits == 4 else 0.01), left.name
    assert (step.output / "exported/model.gguf").stat().st_size < 0.4 * (tmp_path / "plain.gguf").stat().st_size
    report = json.loads((step.output / "exported/export.json").read_text())
    assert report["type"] == kind and report["size"] < report["original_size"] and report["original_type"] == "f32"
    assert not list(step.work.glob("*.gguf"))


def fails(code: str, step: Step, match: str | None = None) -> None:
    with pytest.raises(StepFailed, match=match) as caught:
        export.run(step)
    assert caught.value.code == code


def test_a_model_that_llama_cpp_computes_otherwise_is_refused(tmp_path: Path) -> None:
    """llama.cpp ignores the window of Mistral's attention, which the prompts exceed."""
    fails("gguf-differs", make_step(make_tiny_model(tmp_path / "model", "mistral", tied=True)))


def test_other_tokens_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = make_step(tiny(tmp_path, "qwen3"))
    tokens = Model.tokens
    with monkeypatch.context() as patched:
        patched.setattr(Model, "tokens", lambda self, text: tokens(self, text.replace("kilo", "mona")))
        fails("gguf-tokens-differ", step, "from token")
    monkeypatch.setattr(convert, "split_rules", lambda _: None)
    fails("gguf-unsupported", make_step(tiny(tmp_path, "qwen3")), "pre-tokenizer")


def test_a_full_disk_is_found_before_the_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = make_step(tiny(tmp_path, "qwen3"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    fails("disk-full", step, "0.0 GB are free")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    step = make_step(tiny(tmp_path, "qwen3"))
    with (step.local_paths["model"] / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\0\0\0")
    fails("model-changed", step)


def test_code_in_the_folder_of_a_model_never_runs(tmp_path: Path) -> None:
    """The converter lets transformers run the code of some tokenizers."""
    model = tiny(tmp_path, "llama")
    (model / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    settings = json.loads((model / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "HybridDNATokenizer", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    step = make_step(model)
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    staged = export._staged(model, model, tmp_path / "staged")
    assert not (staged / "own.py").exists() and "auto_map" not in (staged / "tokenizer_config.json").read_text()
    with pytest.raises(StepFailed):
        convert.convert(staged, tmp_path / "model.gguf", "f32")
    assert not (tmp_path / "ran").exists() and step.output.exists()


def test_the_rules_of_a_tokenizer_are_recognised(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model", "qwen3", tied=True)
    assert convert.split_rules(json.loads((model / "tokenizer.json").read_text())) == "qwen2"
    digits = {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel"}],
    }
    assert convert.split_rules({"pre_tokenizer": digits}) == "smollm"
    assert convert.split_rules({"pre_tokenizer": {"type": "Metaspace"}}) is None
