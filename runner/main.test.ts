import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { argumentUsage, optionUsage } from "./commands/command.ts";
import { commands } from "./commands/index.ts";
import { type Io, main } from "./main.ts";

const clone = fileURLToPath(new URL("..", import.meta.url));

/** Runs a command line in this process, in the clone. */
async function exp(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return run(argv, {});
}

async function run(argv: readonly string[], io: Partial<Io>): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(argv, {
    cwd: clone,
    env: process.env,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    ...io,
  });
  return { code, out: out.join(""), err: err.join("") };
}

test("--version prints the version of package.json", async () => {
  const { version } = JSON.parse(readFileSync(`${clone}package.json`, "utf8")) as { version: string };
  expect(await exp("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
});

test("an unknown command exits with 2 and suggests one", async () => {
  const { code, out, err } = await exp("chek");
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(/unknown command 'chek'[\s\S]*check/);
});

test("a command runs in the process, with the streams that it was given", async () => {
  expect(await exp("check", "experiments/quickstart.yaml")).toEqual({ code: 0, out: "quickstart: ok\n", err: "" });
});

test("a command runs more than once in one process", async () => {
  for (const path of ["experiments/quickstart.yaml", "experiments/missing.yaml"]) await exp("check", path);
  expect((await exp("check", "experiments/missing.yaml")).code).toBe(2);
  expect((await exp("check", "experiments/quickstart.yaml")).code).toBe(0);
});

test("an error goes to stderr with its code and help, or with --json to stdout as one object", async () => {
  const folder = mkdtempSync(join(tmpdir(), "exp-main-"));
  try {
    const people = await run(["show", "nothing"], { cwd: folder });
    expect([people.code, people.out]).toEqual([2, ""]);
    expect(people.err).toMatch(/^exp show: .*\[run-not-found\]\n {2}help: .*\n$/);
    const programs = await run(["show", "nothing", "--json"], { cwd: folder });
    expect([programs.code, programs.err]).toEqual([2, ""]);
    expect(JSON.parse(programs.out)).toMatchObject({ severity: "error", code: "run-not-found" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("an error after an interrupt gives the exit code 130", async () => {
  const stop = AbortSignal.abort();
  const { code, err } = await run(["show", "nothing"], { cwd: tmpdir(), stop });
  expect(code).toBe(130);
  expect(err).toContain("interrupted");
});

test("a bug after an interrupt is no interruption", async () => {
  const bug = new TypeError("a bug");
  const out = (): never => {
    throw bug;
  };
  await expect(run(["schema"], { out, stop: AbortSignal.abort() })).rejects.toBe(bug);
});

test("an aborted call, also within the error of a library, is an interruption", async () => {
  const stop = AbortSignal.abort();
  for (const error of [stop.reason as Error, new TypeError("fetch failed", { cause: stop.reason })]) {
    const out = (): never => {
      throw error;
    };
    expect((await run(["schema"], { out, stop })).code).toBe(130);
  }
});

test("an error hides the secrets of the environment", async () => {
  const secret = "not-for-anybody-to-read";
  const { err } = await run(["show", secret], { cwd: tmpdir(), env: { ...process.env, SOME_TOKEN: secret } });
  expect(err).toContain("[redacted]");
  expect(err).not.toContain(secret);
});

test("--help lists commands; help COMMAND prints the help of one", async () => {
  const all = await exp("--help");
  expect(all.code).toBe(0);
  expect(all.out).toMatch(/^ {2}run {2,}\S/m);
  expect(all.out).not.toMatch(/^ {2}job\b/m);
  expect((await exp("help", "run")).out).toBe((await exp("run", "--help")).out);
});

test("the help of every command shows its arguments and options", async () => {
  for (const [name, { load }] of Object.entries(commands)) {
    const { command } = await load();
    const { code, out } = await exp(name, "--help");
    expect(code, name).toBe(0);
    for (const argument of Object.values(command.arguments)) expect(out, name).toContain(argumentUsage(argument));
    for (const [key, option] of Object.entries(command.options))
      expect(out, name).toContain(`  ${optionUsage(key, option)} `);
  }
});

test("a command without plugins imports no registry", async () => {
  const filesBelow = (file: string, known = new Set<string>()): ReadonlySet<string> => {
    if (known.has(file)) return known;
    known.add(file);
    const imports = readFileSync(file, "utf8").matchAll(
      /^(?:import|export) (?!type\b)[^;]*? from "(\.[^"]+)"|import\("(\.[^"]+)"\)/gm,
    );
    for (const [, path, lazy] of imports) filesBelow(resolve(dirname(file), path ?? (lazy as string)), known);
    return known;
  };
  const registry = join(clone, "runner/plugins/registry.ts");
  const withoutPlugins: string[] = [];
  for (const [name, { load }] of Object.entries(commands)) {
    if ((await load()).command.usesPlugins !== false) continue;
    withoutPlugins.push(name);
    expect(filesBelow(join(clone, `runner/commands/${name}.ts`)).has(registry), name).toBe(false);
  }
  expect(withoutPlugins).toContain("ls");
  expect(filesBelow(join(clone, "runner/commands/show.ts")).has(registry)).toBe(true);
});
