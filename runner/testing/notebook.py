"""Runs a notebook as Colab would, with other parameters: `python notebook.py NOTEBOOK FOLDER '{"name": "value"}'`.

Prints what the cells print. Ends with 1 and the cell's error where one fails.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main(notebook: str, folder: str, parameters: str) -> int:
    nb = nbformat.read(notebook, as_version=4)
    nbformat.validate(nb)
    cell = next(one for one in nb.cells if "parameters" in one.metadata.get("tags", []))
    for name, value in json.loads(parameters).items():
        if f"\n{name} = " not in f"\n{cell.source}":
            raise SystemExit(f"the notebook has no parameter {name}")
        cell.source += f"\n{name} = {value!r}"
    try:
        NotebookClient(nb, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
        return 0
    except CellExecutionError as error:
        print(error)
        return 1
    finally:
        for one in nb.cells:
            for output in one.get("outputs", []):
                print(output.get("text", ""), end="")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
