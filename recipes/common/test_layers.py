"""Modules of `common/` and `steps/` belong to no backend and no engine, so they import none. The README names what they
have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ("common", "steps")
IMPLEMENTATIONS = {file.parent.name for name in ("train", "generate") for file in ROOT.glob(f"*/{name}.py")}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_shared_modules_import_no_implementation() -> None:
    assert {"torchtune", "transformers"} <= IMPLEMENTATIONS
    files = [file for folder in SHARED for file in (ROOT / folder).rglob("*.py") if not file.name.startswith("test_")]
    found = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in imports(file)
        if name.startswith("recipes.") and name.split(".")[1] in IMPLEMENTATIONS
    ]
    assert len(files) > 20 and found == []


def test_the_helpers_that_the_readme_names_exist() -> None:
    """Rows of the table of duties: `module.name` in common/, or `name` in the module before it."""
    rows = re.findall(r"^\| [A-Z][^|]*\. \| (`.*`) \|$", (ROOT / "README.md").read_text(), re.M)
    absent = []
    for row in rows:
        module = ""
        for helper in re.findall(r"`([\w.]+)`", row):
            parent, _, name = helper.rpartition(".")
            module = parent or module
            file = ROOT / "common" / f"{module.replace('.', '/')}.py"
            whole = ROOT / "common" / f"{helper.replace('.', '/')}.py"
            if not whole.exists() and not (
                file.exists() and re.search(rf"^(?:def|class) {name}\b", file.read_text(), re.M)
            ):
                absent.append(helper)
    assert len(rows) > 10 and absent == []
