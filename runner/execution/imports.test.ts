import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { namedModules, pythonSources } from "./imports.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "exp-imports-"));
  roots.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test("the sources of a module are its imports, also indirect ones, and the packages above", () => {
  const root = tree({
    "recipes/__init__.py": "",
    "recipes/torchtune/__init__.py": "",
    "recipes/torchtune/train.py": "import torch\nfrom recipes.common import rows\nfrom . import builders\n",
    "recipes/torchtune/builders.py": "from ..common.precision import pick\n",
    "recipes/torchtune/unused.py": "",
    "recipes/torchtune/test_train.py": "from recipes.torchtune import train\n",
    "recipes/common/__init__.py": "",
    "recipes/common/rows.py": "def read():\n    import recipes.common.protocol as protocol, json\n",
    "recipes/common/protocol.py": "import recipes.common.rows\n",
    "recipes/common/precision.py": "",
  });
  const sources = pythonSources(root, "recipes.torchtune.train");
  expect(Object.keys(sources)).toEqual([
    "recipes/__init__.py",
    "recipes/common/__init__.py",
    "recipes/common/precision.py",
    "recipes/common/protocol.py",
    "recipes/common/rows.py",
    "recipes/torchtune/__init__.py",
    "recipes/torchtune/builders.py",
    "recipes/torchtune/train.py",
  ]);
  expect(sources["recipes/common/rows.py"]).toBe(join(root, "recipes/common/rows.py"));
  expect(pythonSources(root, "recipes.torchtune.train")).toBe(sources);
  expect(() => pythonSources(root, "recipes.torchtune.absent")).toThrow("no Python module recipes.torchtune.absent");
});

test("includes modules and data files that string literals name", () => {
  const root = tree({
    "recipes/__init__.py": "",
    "recipes/a.py": 'component = "recipes.models.build_qwen3"\nTABLE = Path(__file__).with_name("table.json")\n',
    "recipes/models/__init__.py": "from .qwen3 import build_qwen3\n",
    "recipes/models/qwen3.py": 'OTHER = "absent.json"\n',
    "recipes/table.json": "{}",
  });
  expect(Object.keys(pythonSources(root, "recipes.a"))).toEqual([
    "recipes/__init__.py",
    "recipes/a.py",
    "recipes/models/__init__.py",
    "recipes/models/qwen3.py",
    "recipes/table.json",
  ]);
});

test.each([
  ["import recipes.x", ["recipes.x"]],
  ["import json, recipes.x as y  # recipes.z", ["json", "recipes.x"]],
  ["    from recipes.x import (\n  a,  # why\n  b as c,\n)", ["recipes.x", "recipes.x.a", "recipes.x.b"]],
  ["from recipes.x import a, \\\n  b", ["recipes.x", "recipes.x.a", "recipes.x.b"]],
  ["from recipes.x import *", ["recipes.x"]],
  ["from . import a", ["recipes.room", "recipes.room.a"]],
  ["from .. import common", ["recipes", "recipes.common"]],
  ["from ..common.rows import read", ["recipes.common.rows", "recipes.common.rows.read"]],
  ["# import recipes.x", []],
  ["x = important; y = 'recipes.a.b'", ["recipes.a.b"]],
])("names in %j", (source, expected) => {
  expect(namedModules(source, "recipes.room")).toEqual(expected);
});
