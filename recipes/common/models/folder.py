"""The files in a base model's folder: which ones belong to the model, whether all are present, and model.json.

A base is a bundled model, a commit of a Hugging Face repository, or a local folder. Its weights are safetensors in the
layout that transformers loads: `model.safetensors`, or shards with `model.safetensors.index.json`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from recipes.common.files import read_json
from recipes.common.protocol import StepFailed

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_SHARDS = "model-*-of-*.safetensors"
_COMPANIONS = ("*.json", "*.txt", "*.jinja", "tokenizer.model", "LICENSE*")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.h5", "*.msgpack")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_CHUNK = 1 << 22
_FETCH = "Fetch the model again."


def select_files(names: Iterable[str]) -> list[str]:
    """The files of a repository or folder that make up a base, sorted: weights, config, tokenizer, licence. Files in
    subfolders are excluded: they hold other formats of the same model. Fails without safetensors weights."""
    top = sorted(name for name in names if "/" not in name)
    weights = [WEIGHTS] if WEIGHTS in top else [name for name in top if fnmatch.fnmatchcase(name, _SHARDS)]
    if not weights:
        raise _no_weights(top)
    if "config.json" not in top:
        raise StepFailed("no-config", "the model has no config.json", "Choose a model in the layout of transformers.")
    companions = {name for name in top if is_companion(name)} - {"model.json"}
    if weights == [WEIGHTS]:
        companions.discard(INDEX)
    return sorted({*weights, *companions})


def is_companion(name: str) -> bool:
    """Whether a file of a base is also valid for a model trained from it: config, tokenizer, licence, but no
    weights."""
    return _matches(name, _COMPANIONS)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds the files of a tokenizer."""
    return any((folder / name).is_file() for name in _TOKENIZERS)


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a config and every weight file of the model."""
    if not (folder / WEIGHTS).is_file() and not (folder / INDEX).is_file():
        return False
    return all(file.is_file() for file in [folder / "config.json", *_listed_weights(folder)])


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a config, a tokenizer and every weight file of the model."""
    return has_tokenizer(folder) and has_weights(folder)


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a model's folder, all of them present. Fails if one is missing, for weights that are only
    available as pickles, because loading a pickle can run code, and for a folder that also holds an adapter, because
    transformers would apply it."""
    if (folder / "adapter_config.json").exists():
        raise StepFailed(
            "adapter-in-model-folder",
            "the model's folder holds an adapter as well as weights, and loading it would apply both",
            "Keep adapters and full weights in separate folders.",
        )
    files = _listed_weights(folder)
    missing = [file.name for file in files if not file.is_file()]
    if not missing:
        return files
    if files == [folder / WEIGHTS] and folder.is_dir():
        pickles = sorted(file.name for file in folder.iterdir() if _matches(file.name, _PICKLES))
        if pickles:
            raise _pickled(pickles)
    raise StepFailed("no-weights", f"the model's folder has no {', '.join(missing[:3])}", _FETCH)


def decoder_section(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a config.json that describes the text decoder."""
    nested: Mapping[str, Any] | None = config.get("text_config")
    return config if nested is None else nested


def copy_companions(source: Path, target: Path) -> None:
    """Copy the config, tokenizer and licence of a base for a model trained from it."""
    for file in sorted(source.iterdir()):
        if file.is_file() and is_companion(file.name) and file.name not in (INDEX, "model.json"):
            shutil.copyfile(file, target / file.name)


def describe_model(
    base: str, revision: str | None, folder: Path, names: Iterable[str], on_bytes: Callable[[int], None]
) -> dict[str, Any]:
    """Content of model.json: the SHA-256 and size in bytes of every file, the config, and the number of parameters. It
    does not depend on the folder's path. `on_bytes` is called with the number of bytes read since the last call."""
    files = {}
    parameters = 0
    for name in sorted(names):
        path = folder / name
        files[name] = {"sha256": _sha256(path, on_bytes), "size": path.stat().st_size}
        if name.endswith(".safetensors"):
            parameters += _count_parameters(path)
    config = read_json(folder / "config.json")
    return {"base": base, "revision": revision, "files": files, "config": config, "parameters": parameters}


def _listed_weights(folder: Path) -> list[Path]:
    """The weight files that transformers loads from a folder, present or not.

    If a folder holds both `model.safetensors` and an index, the single file wins and the index is ignored, because
    transformers resolves them in this order (`_get_resolved_checkpoint_files`). Generation loads weights through
    transformers, so training and merging must read the same ones.
    """
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return [folder / WEIGHTS]
    names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
    if any(Path(name).name != name for name in names):
        raise StepFailed("weights-mismatch", f"{INDEX} names a file outside the model's folder", _FETCH)
    return [folder / name for name in names]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _no_weights(names: list[str]) -> StepFailed:
    if "adapter_model.safetensors" in names or "adapter_config.json" in names:
        return StepFailed(
            "base-is-adapter", "the model is an adapter, not a base model", "Name the base that it was trained on."
        )
    pickles = [name for name in names if _matches(name, _PICKLES)]
    if pickles:
        return _pickled(pickles)
    return StepFailed(
        "no-weights", "the model has no safetensors weights", "Choose a model in the layout of transformers."
    )


def _pickled(names: list[str]) -> StepFailed:
    return StepFailed(
        "pickled-weights",
        f"the model's weights are pickles ({', '.join(names[:3])}), and loading a pickle can run code",
        "Choose a model or a revision with safetensors weights.",
    )


def _sha256(path: Path, on_bytes: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()


def _count_parameters(path: Path) -> int:
    """Number of values in a safetensors file, from its header alone."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= 100_000_000:
            raise StepFailed("damaged-weights", f"{path.name} is not a safetensors file", _FETCH)
        header = json.loads(file.read(size))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
