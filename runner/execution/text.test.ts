import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lastLines } from "./log-tail.ts";
import { parseProgress } from "./progress.ts";
import { redactor } from "./redact.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "exp-text-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("secrets", () => {
  test("of the environment, and those that a step names, are redacted", () => {
    const env = {
      HF_HOME: root,
      MY_API_KEY: "sk-12345678",
      GITHUB_TOKEN: "ghp_123456789",
      NAMED: "by-the-step",
      LANG: "en_US.UTF-8",
    };
    const redact = redactor(env, ["NAMED"]);
    expect(redact("sk-12345678 ghp_123456789 by-the-step en_US.UTF-8")).toBe(
      "[redacted] [redacted] [redacted] en_US.UTF-8",
    );
  });

  test("are recognised by the name of the variable", () => {
    const names = ["MY_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASS", "PGPASSWORD", "DB_PWD", "GITHUB_PAT", "SLURM_JWT"];
    for (const name of names)
      expect(redactor({ HF_HOME: root, [name]: "a-long-value" })("a-long-value")).toBe("[redacted]");
    for (const name of ["PWD", "OLDPWD", "KEYBOARD", "TOKENIZERS_PARALLELISM", "MONKEY"])
      expect(redactor({ HF_HOME: root, [name]: "a-long-value" })("a-long-value")).toBe("a-long-value");
  });

  test("of the token file are redacted", () => {
    mkdirSync(join(root, "huggingface"));
    writeFileSync(join(root, "huggingface/token"), "token-in-a-file\n");
    expect(redactor({ XDG_CACHE_HOME: root })("a token-in-a-file")).toBe("a [redacted]");
    expect(redactor({ HF_HOME: join(root, "huggingface") })("a token-in-a-file")).toBe("a [redacted]");
    expect(redactor({ HF_TOKEN_PATH: join(root, "huggingface/token") })("a token-in-a-file")).toBe("a [redacted]");
  });

  test("are recognised by their form too", () => {
    const redact = redactor({ HF_HOME: root });
    expect(redact("hf_abcdefghijklmnopqrstuv http://me:pass@proxy:8080/x")).toBe(
      "[redacted] http://[redacted]@proxy:8080/x",
    );
    expect(redact("at 12:30: see http://localhost:8000/a@b")).toBe("at 12:30: see http://localhost:8000/a@b");
  });

  test("that contain each other are redacted whole; short values are not redacted", () => {
    const redact = redactor({ HF_HOME: root, A_TOKEN: "12345678", B_TOKEN: "12345678-more", C_TOKEN: "true" });
    expect(redact("12345678-more 12345678 true")).toBe("[redacted] [redacted] true");
  });
});

describe("the last lines of a log", () => {
  test("leave out empty lines, and reduce a progress bar to its last state", () => {
    writeFileSync(join(root, "log"), "one\n\n  two  \r\n10%\r50%\r100%\nfour");
    expect(lastLines(join(root, "log"), 3)).toEqual(["  two", "100%", "four"]);
    expect(lastLines(join(root, "none"), 3)).toEqual([]);
  });

  test("are read from the end of a long log", () => {
    writeFileSync(join(root, "log"), `${"é".repeat(100_000)}\nlast\n`);
    expect(lastLines(join(root, "log"), 5)).toEqual(["last"]);
    writeFileSync(join(root, "bar"), "x".repeat(200_000));
    expect(lastLines(join(root, "bar"), 5)[0]?.length).toBe(65536);
  });
});

test("a progress line keeps the fields of the protocol with valid types", () => {
  expect(parseProgress('{"at": 1, "done": 3, "loss": null, "unit": "steps", "message": 7, "more": 1}')).toEqual({
    done: 3,
    unit: "steps",
  });
  expect(parseProgress('{"at": 1}')).toBeUndefined();
});
