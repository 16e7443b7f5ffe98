/** Builds exp once for all behaviour tests and installs it in a temporary folder, as npm does. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of the installed package. Edits of the clone do not change it. */
    package: string;
  }
}

const clone = fileURLToPath(new URL("../..", import.meta.url));

/** Runs before the first test; the returned function runs after the last. EXP_TEST_PACKAGE is the folder of an existing package. */
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

/** Copies the files that package.json lists. Dependencies are linked. */
export function install(from: string, to: string): void {
  const { files } = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as { files: readonly string[] };
  for (const name of ["package.json", ...files.filter((file) => !file.startsWith("!"))]) {
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
