/** Builds exp once for all CLI tests and sets it up in a temp folder as npm would install it. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of the installed package, which no edit of the clone reaches. */
    package: string;
  }
}

const clone = fileURLToPath(new URL("../..", import.meta.url));

/** Called by vitest before the first test; what it returns is called after the last. EXP_TEST_PACKAGE names a package that is there. */
export default function setup(project: TestProject): (() => void) | undefined {
  const installed = process.env.EXP_TEST_PACKAGE;
  if (installed !== undefined) {
    project.provide("package", installed);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "exp-package-"));
  if (isStale()) execFileSync("npm", ["run", "--silent", "build"], { cwd: clone, stdio: "inherit" });
  install(clone, folder);
  project.provide("package", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}

/** Copies what package.json says the package consists of; dependencies stay where they are. */
export function install(from: string, to: string): void {
  const { files } = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as { files: readonly string[] };
  for (const name of ["package.json", ...files]) {
    cpSync(join(from, name), join(to, name), {
      recursive: true,
      filter: (path) => !["__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"].includes(basename(path)),
    });
  }
  symlinkSync(join(clone, "node_modules"), join(to, "node_modules"));
}

function isStale(): boolean {
  const built = join(clone, "dist/cli.js");
  if (!existsSync(built)) return true;
  const sources = readdirSync(join(clone, "runner"), { recursive: true, withFileTypes: true });
  const newest = Math.max(
    ...sources
      .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(clone, "runner/testing")))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
  return newest > statSync(built).mtimeMs;
}
