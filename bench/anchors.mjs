import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The programs that exp is compared with. They are installed into one folder on first use; later benches reuse them.
 */
export class Anchors {
  #folder;
  #python;

  constructor(folder, python) {
    this.#folder = folder;
    this.#python = python;
  }

  /** Path of a program of a Python package, in an environment of its own. `python` is one of them. */
  python(name, program = name) {
    const folder = join(this.#folder, name);
    const done = join(folder, "installed");
    if (!existsSync(done)) {
      console.error(`installing ${name}`);
      execFileSync(this.#python, ["-m", "venv", folder]);
      execFileSync(join(folder, "bin", "python"), ["-m", "pip", "install", "--quiet", name], { stdio: "pipe" });
      writeFileSync(done, "");
    }
    return join(folder, "bin", program);
  }

  /** Folder of an installed npm package. */
  node(name) {
    const folder = join(this.#folder, "npm", name);
    const installed = join(folder, "node_modules", name);
    if (!existsSync(installed)) {
      console.error(`installing ${name}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), '{"private": true}');
      execFileSync("npm", ["install", "--silent", name], { cwd: folder, stdio: "pipe" });
    }
    return installed;
  }
}
