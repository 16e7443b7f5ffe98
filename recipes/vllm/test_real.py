"""The vLLM step with a real vLLM against the transformers step, in fp32 on a tiny model. Runs in vLLM's environment."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.auto import modeling_auto

from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import Interrupted, Step
from recipes.tools.tiny_models import make_tiny_model
from recipes.transformers.generate import run as run_transformers
from recipes.vllm import generate
from recipes.vllm.engine import load_engine
from recipes.vllm.generate import run, structured_outputs

pytest.importorskip("vllm")

CASES = 64
WORDS = ["bane", "dori", "kifa", "lupo", "mesa", "nobu", "pira", "rudo", "sote", "tami"]
LABELS: dict[str, Any] = {
    "labels": ["bane", "dori kifa", "lupo", "mesa (nobu)"],
    "between": ", ",
    "none": "none",
    "single": False,
}
PARAMS: dict[str, Any] = {
    "max_new_tokens": 16,
    "temperature": 0,
    "precision": "fp32",
    "batch_size": 32,
    "thinking": False,
}
Rows = list[dict[str, Any]]


class Workspace:
    """A tiny model, a LoRA adapter of it, and one engine for all tests: an engine is loaded once in a process."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.model = make_tiny_model(tmp / "model", "qwen3", tied=True)
        names = select_files(path.name for path in self.model.iterdir())
        described = describe_model("tiny", None, self.model, names, lambda _: None)
        (tmp / "model.json").write_text(json.dumps(described))
        (tmp / "answers.json").write_text(json.dumps(LABELS))
        (tmp / "single.json").write_text(json.dumps({**LABELS, "single": True}))
        with (tmp / "eval.jsonl").open("w") as file:
            for at in range(CASES):
                words = " ".join(WORDS[(at * 7 + k) % 10] for k in range(1 + (at * 5) % 17))
                messages = [
                    {"role": "system", "content": "banana dodo kiru " * 12},
                    {"role": "user", "content": words},
                ]
                file.write(json.dumps({"id": f"case-{at}", "messages": messages, "target": "x"}) + "\n")
        self.adapter, self.merged = self._adapt()
        self.engine = load_engine(self.step("load", {"adapter": self.adapter}), 512, CASES)

    def _adapt(self) -> tuple[Path, Path]:
        """A random LoRA adapter of rank 4 and scale 2, and the base with the adapter merged."""
        adapter, merged = self.tmp / "adapter", self.tmp / "merged"
        adapter.mkdir()
        shutil.copytree(self.model, merged)
        weights = load_file(self.model / "model.safetensors")
        generator = torch.Generator().manual_seed(3)
        pairs: dict[str, torch.Tensor] = {}
        for name in [name for name in weights if name.endswith(("q_proj.weight", "down_proj.weight"))]:
            to, source = weights[name].shape
            a = torch.randn(4, source, generator=generator) * 0.1
            b = torch.randn(to, 4, generator=generator) * 0.1
            prefix = f"base_model.model.{name.removesuffix('.weight')}"
            pairs |= {f"{prefix}.lora_A.weight": a, f"{prefix}.lora_B.weight": b}
            weights[name] = weights[name] + 2 * b @ a
        save_file(pairs, adapter / "adapter_model.safetensors")
        config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]}
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        save_file(weights, merged / "model.safetensors", {"format": "pt"})
        return adapter, merged

    def step(self, name: str, more: dict[str, Path] | None = None, **params: Any) -> Step:
        """A step with a folder of its own. A step of the same name resumes."""
        folder = self.tmp / name
        for each in ("output", "work"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        return Step(
            name=name,
            params={**PARAMS, **params},
            inputs={"prompts": self.tmp / "eval.jsonl", "model": self.tmp / "model.json", **(more or {})},
            local_paths={"model": self.model},
            output=folder / "output",
            work=folder / "work",
            progress_path=folder / "progress.jsonl",
            cores=1,
        )

    def rows(self, name: str) -> Rows:
        """The responses of a step."""
        return [json.loads(line) for line in (self.tmp / name / "output" / "responses.jsonl").read_text().splitlines()]

    def vllm(self, name: str, more: dict[str, Path] | None = None, **params: Any) -> Rows:
        """The responses of vLLM."""
        run(self.step(name, more, **params))
        return self.rows(name)

    def reference(self, name: str, more: dict[str, Path] | None = None, **params: Any) -> Rows:
        """The responses of transformers."""
        run_transformers(self.step(f"{name}-reference", more, **params))
        return self.rows(f"{name}-reference")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The steps of the tests use its engine. vLLM has one build for the CPU and one for GPUs, and the answers of a GPU
    differ from those of transformers by rounding. `npm run gpu-check` generates with the second."""
    if torch.cuda.is_available():
        pytest.skip("the answers are compared on the CPU, where this build of vLLM does not run")
    made = Workspace(tmp_path_factory.mktemp("vllm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "load_engine", lambda *_: made.engine)
        yield made


def assert_equal(given: Rows, expected: Rows) -> None:
    """The same answers with the same log-probabilities."""
    assert len(given) == CASES
    for one, other in zip(given, expected, strict=True):
        assert one.pop("logprob") == pytest.approx(other.pop("logprob"), abs=2e-3)
        assert one == other


def test_the_committed_model_types_match_the_locked_vllm() -> None:
    """Types whose class vLLM implements, itself or with that of transformers."""
    from vllm import ModelRegistry

    known = set(ModelRegistry.get_supported_archs())
    text, images = (
        modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    )
    types = {name for name, architecture in [*text.items(), *images.items()] if architecture in known}
    assert json.loads(Path(__file__).with_name("model_types.json").read_text()) == sorted(types)


def test_greedy_answers_equal_those_of_transformers(workspace: Workspace) -> None:
    assert_equal(workspace.vllm("greedy"), workspace.reference("greedy"))


def test_an_adapter_over_the_base_gives_the_answers_of_the_merged_model(workspace: Workspace) -> None:
    tuned = workspace.vllm("adapter", {"adapter": workspace.adapter})
    expected = workspace.reference("adapter", {"weights": workspace.merged})
    assert [row["text"] for row in tuned] != [row["text"] for row in workspace.vllm("base")]
    assert_equal(tuned, expected)


def test_one_label_has_the_answers_and_log_probabilities_of_transformers(workspace: Workspace) -> None:
    """Both are log-probabilities among the tokens that the constraint allows."""
    inputs = {"answers": workspace.tmp / "single.json"}
    given = workspace.vllm("single", inputs, constrain="labels")
    assert {row["text"] for row in given} <= {*LABELS["labels"], "none"}
    assert_equal(given, workspace.reference("single", inputs, constrain="labels"))


def test_constrained_answers_have_the_form_of_the_constraint(workspace: Workspace) -> None:
    inputs = {"answers": workspace.tmp / "answers.json"}
    pattern = structured_outputs("labels", LABELS)
    assert pattern is not None
    given = workspace.vllm("labels", inputs, constrain="labels")
    stopped = [row["text"] for row in given if row["finish"] == "stop"]
    assert all(re.fullmatch(pattern["regex"], text) for text in stopped)
    cut = [row["text"] for row in given if row["finish"] == "length"]
    assert all(any(text.startswith(label) for label in LABELS["labels"]) for text in cut)


def test_json_answers_are_those_of_transformers_up_to_the_last_tokens(workspace: Workspace) -> None:
    """At `max_new_tokens` transformers closes the array, and vLLM does not."""
    inputs = {"answers": workspace.tmp / "answers.json"}
    given = workspace.vllm("json", inputs, constrain="json")
    for one, other in zip(given, workspace.reference("json", inputs, constrain="json"), strict=True):
        json.loads(other["text"])
        if one["finish"] == "stop":
            assert one["text"] == other["text"]
        else:
            assert one["text"].startswith("[") and one["text"][:8] == other["text"][:8]


def test_answers_are_objects_of_the_schema(workspace: Workspace) -> None:
    """At `max_new_tokens` transformers closes the object, and vLLM does not."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "ok": {"type": "boolean"},
            "kind": {"enum": ["a", "b c"]},
            "more": {"type": ["null", "integer"]},
        },
        "required": ["ok", "kind", "more"],
        "additionalProperties": False,
    }
    answers = workspace.tmp / "schema.json"
    answers.write_text(json.dumps({"schema": schema}))
    given = workspace.vllm("schema", {"answers": answers}, constrain="schema", max_new_tokens=64)
    reference = workspace.reference("schema", {"answers": answers}, constrain="schema", max_new_tokens=64)
    stopped = [row["text"] for row in given if row["finish"] == "stop"]
    assert stopped
    for text in [*stopped, *(row["text"] for row in reference)]:
        answer = json.loads(text)
        assert list(answer) == ["ok", "kind", "more"] and answer["kind"] in ("a", "b c")


def test_votes_are_repeatable_and_samples_differ(workspace: Workspace) -> None:
    params: dict[str, Any] = {"samples": 3, "temperature": 0.8, "top_p": 0.9, "seed": 5}
    given = workspace.vllm("votes", **params)
    assert given == workspace.vllm("again", **params)
    texts = [[sample["text"] for sample in row["samples"]] for row in given]
    assert all(len(one) == 3 for one in texts) and any(len(set(one)) > 1 for one in texts)
    assert given != workspace.vllm("other", **{**params, "seed": 6})


def test_an_interrupted_step_resumes(workspace: Workspace) -> None:
    step = workspace.step("interrupted")
    answered = 0

    def progress(**values: Any) -> None:
        nonlocal answered
        answered = values.get("done", answered)
        step.stopping = answered >= 3

    step.progress = progress  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        run(step)
    workspace.engine.abort_request([f"case-{at}" for at in range(CASES)])
    evidence = run(workspace.step("interrupted"))
    assert answered >= 3 and evidence["resumed"] == answered < CASES
    assert workspace.rows("interrupted") == workspace.vllm("whole")
