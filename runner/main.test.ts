import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { main } from "./main.ts";

const clone = fileURLToPath(new URL("..", import.meta.url));

/** Runs a command line in this process, in the clone. */
async function exp(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(argv, {
    cwd: clone,
    env: process.env,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
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
