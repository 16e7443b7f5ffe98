import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gitIn } from "./git.ts";

let folder: string;

const git = (...args: readonly string[]): string =>
  execFileSync("git", ["-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.com", ...args], {
    encoding: "utf8",
    stdio: "pipe",
  }).trim();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exp-git-"));
  git("init", "-q");
  writeFileSync(join(folder, "file"), "a\n");
  git("add", ".");
  git("commit", "-qm", "x");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const owned = () => join(folder, "owned");
const act = () => `touch '${owned()}'`;

/** What a repository sets, so that its own git runs a program. */
const attacks: Readonly<Record<string, () => void>> = {
  "a filter": () => {
    git("config", "filter.e.clean", `${act()}; cat`);
    writeFileSync(join(folder, ".git/info/attributes"), "* filter=e\n");
  },
  "a required process, whose name has a =": () => {
    git("config", "filter.e=f.process", act());
    git("config", "filter.e=f.required", "true");
    writeFileSync(join(folder, ".git/info/attributes"), "* filter=e=f\n");
  },
  "a filter in an included file": () => {
    writeFileSync(join(folder, ".git/more"), `[filter "e"]\n clean = "${act()}; cat"\n`);
    git("config", "include.path", "more");
    writeFileSync(join(folder, ".git/info/attributes"), "* filter=e\n");
  },
  "a hook": () => {
    const hook = join(folder, ".git/hooks/post-index-change");
    writeFileSync(hook, `#!/bin/sh\n${act()}\n`);
    chmodSync(hook, 0o755);
  },
  "a monitor": () => void git("config", "core.fsmonitor", act()),
};

describe("git runs no program that the repository names", () => {
  it.each(Object.entries(attacks))("as %s", (_name, attack) => {
    attack();
    // The same content with other times: git reads it.
    rmSync(join(folder, "file"));
    writeFileSync(join(folder, "file"), "a\n");
    expect(gitIn(folder)("status", "--porcelain", "--untracked-files=no")).toBe("");
    expect(existsSync(owned())).toBe(false);
    try {
      git("status");
    } catch {
      // A process that is no filter ends git.
    }
    expect(existsSync(owned())).toBe(true);
  });

  it("as the transport of a partial clone", () => {
    const program = join(folder, ".git/upload");
    writeFileSync(program, `#!/bin/sh\n${act()}\nexit 1\n`);
    chmodSync(program, 0o755);
    git("config", "remote.origin.url", join(folder, ".git"));
    git("config", "remote.origin.uploadpack", program);
    git("config", "remote.origin.promisor", "true");
    const tree = git("rev-parse", "HEAD^{tree}");
    rmSync(join(folder, ".git/objects", tree.slice(0, 2), tree.slice(2)));
    expect(() => gitIn(folder)("log", "-1", "--format=%ae", "--", "file")).toThrow();
    expect(existsSync(owned())).toBe(false);
    expect(() => git("log", "-1", "--", "file")).toThrow();
    expect(existsSync(owned())).toBe(true);
  });
});

it("a filter of the user is used", () => {
  const global = join(folder, ".git/user");
  writeFileSync(global, '[filter "e"]\n clean = "tr b a"\n');
  git("config", "filter.e.clean", "cat");
  writeFileSync(join(folder, ".git/info/attributes"), "* filter=e\n");
  writeFileSync(join(folder, "file"), "b\n");
  const before = process.env.GIT_CONFIG_GLOBAL;
  process.env.GIT_CONFIG_GLOBAL = global;
  try {
    expect(gitIn(folder)("status", "--porcelain", "--untracked-files=no")).toBe("");
  } finally {
    if (before === undefined) delete process.env.GIT_CONFIG_GLOBAL;
    else process.env.GIT_CONFIG_GLOBAL = before;
  }
  expect(readFileSync(join(folder, "file"), "utf8")).toBe("b\n");
});

it("reads the repository of the folder, also if the environment names another one", () => {
  const head = git("rev-parse", "HEAD");
  for (const name of ["GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE"]) {
    vi.stubEnv(name, join(folder, "none"));
    expect([name, gitIn(folder)("rev-parse", "HEAD"), gitIn(folder)("ls-files")]).toEqual([name, head, "file"]);
    vi.unstubAllEnvs();
  }
});
