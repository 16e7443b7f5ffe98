"""Step `fetch`: downloads the files of a base model if they are missing, and writes model.json. The runner has then
checked config.json, which `recipes.steps.fetch_config` downloads.

params: {"base", "revision": commit or null, "origin": "bundled" | "hub" | "local"}; local_paths: {"model": folder}. The
folder of a hub model is its snapshot in the Hugging Face cache, `<cache>/models--<org>--<name>/snapshots/<commit>`.
<cache> is $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or
~/.cache/huggingface/hub. Only safetensors, configuration and tokenizer files are downloaded. Code of a model is neither
downloaded nor run.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipes.common.models.folder import describe_model, is_complete, select_files
from recipes.common.models.hub import explain, guard_names, pinned_commit
from recipes.common.protocol import Step, StepFailed, main, write_json

_SPARE = 200_000_000
"""Bytes of disk space that a download must leave free."""


def run(step: Step) -> dict[str, Any]:
    """Download missing files, then hash every file."""
    base: str = step.params["base"]
    revision: str | None = step.params["revision"]
    folder = step.local_paths["model"]
    published: dict[str, str] = {}
    if step.params["origin"] == "hub":
        names, published = _from_hub(step, base, pinned_commit(base, revision), folder)
    else:
        names = _present(folder, base, bundled=step.params["origin"] == "bundled")
    model = describe_model(base, revision, folder, names, _hashing(step, folder, names))
    for file, sha256 in published.items():
        if model["files"][file]["sha256"] != sha256:
            raise StepFailed(
                "download-damaged",
                f"{file} of {base} does not have the digest that the hub lists for this commit",
                f"Delete {folder.parents[1]} and run again.",
            )
    write_json(step.output / "model.json", model)
    size = sum(file["size"] for file in model["files"].values())
    return {"bytes": size, "parameters": model["parameters"], "own_code_ignored": "auto_map" in model["config"]}


def _present(folder: Path, base: str, *, bundled: bool) -> list[str]:
    if not folder.is_dir():
        help = "Run exp setup." if bundled else "Set model.base to a hub id (org/name), a folder, or a bundled name."
        raise StepFailed("model-missing", f"the folder of the model {base} does not exist", help)
    names = select_files(path.name for path in folder.iterdir() if path.is_file())
    if not is_complete(folder):
        help = "Run exp setup." if bundled else "Copy the whole model: config, tokenizer and every weight file."
        raise StepFailed("model-incomplete", f"files of the model {base} are missing from its folder", help)
    return names


def _from_hub(step: Step, base: str, commit: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Names of the base's files, which are present afterwards, and the SHA-256 that the hub lists for the large ones.
    If the hub cannot be reached, a complete snapshot is used without these digests."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    guard_names()
    try:
        siblings = HfApi().model_info(base, revision=commit, files_metadata=True, timeout=20).siblings or []
    except StepFailed:
        raise
    except Exception as error:
        rejected = isinstance(error, HfHubHTTPError) and error.response.status_code < 500
        if rejected or not is_complete(folder):
            raise explain(error, base, commit) from error
        return select_files(path.name for path in folder.iterdir() if path.is_file()), {}
    listed = {sibling.rfilename: sibling for sibling in siblings}
    names = select_files(listed)
    missing = {name: listed[name].size or 0 for name in names if not (folder / name).is_file()}
    if missing:
        _check_disk(folder, sum(missing.values()), base)
        _download(step, base, commit, folder, missing)
    large = {name: listed[name].lfs for name in names}
    return names, {name: lfs.sha256 for name, lfs in large.items() if lfs is not None}


def _download(step: Step, base: str, commit: str, folder: Path, sizes: dict[str, int]) -> None:
    """Download in a thread, so that the main thread can report progress and handle an interrupt."""
    from huggingface_hub import snapshot_download

    failure: list[Exception] = []
    cache = folder.parents[2]

    def work() -> None:
        try:
            snapshot_download(base, revision=commit, cache_dir=cache, allow_patterns=sorted(sizes), max_workers=4)
        except Exception as error:
            failure.append(error)

    total = sum(sizes.values())
    blobs = folder.parents[1] / "blobs"
    before = _bytes_in(blobs)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
        step.progress(done=min(total, _bytes_in(blobs) - before), total=total, unit="bytes", message="download")
        step.check_interrupt()
    if failure:
        raise explain(failure[0], base, commit) from failure[0]
    step.progress(force=True, done=total, total=total, unit="bytes", message="download")


def _bytes_in(folder: Path) -> int:
    size = 0
    for path in folder.glob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size


def _check_disk(folder: Path, needed: int, base: str) -> None:
    existing = next(path for path in folder.parents if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed + _SPARE:
        raise StepFailed(
            "disk-full",
            f"{base} needs {needed / 1e9:.1f} GB, but {existing} has {free / 1e9:.1f} GB free",
            "Free disk space, or set HF_HOME to a folder on a larger disk.",
        )


def _hashing(step: Step, folder: Path, names: list[str]) -> Callable[[int], None]:
    total = sum((folder / name).stat().st_size for name in names)
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        step.progress(done=done, total=total, unit="bytes", message="hash")
        step.check_interrupt()

    return more


if __name__ == "__main__":
    main(run)
