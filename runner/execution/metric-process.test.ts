import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type OwnMetricFacts, ownMetric } from "../plugins/metrics/own-metric.ts";
import type { UserError } from "../util/user-error.ts";
import { type MetricStart, startMetric } from "./metric-process.ts";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metric-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The process of a JavaScript metric. */
function start(text: string, limits: Partial<MetricStart> = {}, name = "m.mjs") {
  const file = join(folder, name);
  writeFileSync(file, text);
  const python = (): never => {
    throw new Error("a JavaScript metric needs no Python");
  };
  return startMetric({ file, shown: "m.mjs", timeout: 10, memory: "1GB", python, packageRoot, ...limits });
}

/** Calls both functions, and gives the error. */
function failure(text: string, limits?: Partial<MetricStart>): string {
  try {
    const served = start(text, limits);
    const metric = ownMetric({ name: "m", higher_is_better: true }, { file: "m.mjs", open: () => served });
    try {
      const counting = metric.counters.open(undefined);
      counting.contribute(["a"], ["b"], () => {});
      const value = metric.value(counting.reader(new Float64Array(counting.size()))(new Float64Array(counting.size())));
      return `value ${value}`;
    } finally {
      served.close();
    }
  } catch (error) {
    return `${(error as UserError).code}: ${(error as Error).message}`;
  }
}

const value = "export const value = () => 1;\n";
const writes = 'import { writeSync } from "node:fs";\n';

describe("the process of a metric", () => {
  it("runs no package that another user put next to the temporary files", () => {
    const canary = join(folder, "canary");
    mkdirSync(join(folder, "node_modules/planted"), { recursive: true });
    const planted = `require("node:fs").writeFileSync(${JSON.stringify(canary)}, ""); exports.n = 1;`;
    writeFileSync(join(folder, "node_modules/planted/index.js"), planted);
    const required =
      'import { createRequire } from "node:module";\nconst planted = createRequire(import.meta.url)("planted");\n';
    vi.stubEnv("TMPDIR", folder);
    for (const head of ['import planted from "planted";\n', required]) {
      const text = `${head}export const contribute = () => ({ n: planted.n });\n${value}`;
      expect(failure(text)).toContain("Cannot find module 'planted'");
    }
    vi.unstubAllEnvs();
    expect(existsSync(canary)).toBe(false);
    expect(failure(`import "node:path";\nimport "fs";\nexport const contribute = () => ({ n: 1 });\n${value}`)).toBe(
      "value 1",
    );
  });

  it("refuses what the code of a metric itself writes to the pipe of answers, also without an end", () => {
    for (const body of [
      'writeSync(4, "garbage\\n")',
      'writeSync(4, "null\\n")',
      'for (;;) writeSync(4, "x".repeat(60000))',
    ])
      expect(failure(`${writes}export const contribute = () => { ${body}; return { n: 1 }; };\n${value}`)).toBe(
        "metric-failed: m.mjs: contribute writes to the pipe of its answers",
      );
  });

  it("runs TypeScript under any version of Node.js, with the lines of its file in errors", () => {
    const typed = `type Sums = { readonly n: number };

enum Weight { Hit = 2 }

export const contribute = (target: readonly string[], _prediction: unknown): Sums => {
  if (target.includes("bad")) throw new Error("a bad target");
  return { n: target.length * Weight.Hit };
};
export const value = ({ n }: Sums): number => n satisfies number;
`;
    for (const name of ["m.ts", "m.mts"]) {
      const served = start(typed, {}, name);
      expect(served.call("contribute", [["a", "b"], null]).result).toEqual({ n: 4 });
      expect(() => served.call("contribute", [["bad"], null])).toThrow("m.mjs:6: Error: a bad target");
    }
    expect(() => start(typed.replace("satisfies number;", "satisfies;"), {}, "m.ts")).toThrow(/^m\.mjs:9: SyntaxError/);
  });

  it("answers calls without the variables of this process, from another folder", () => {
    process.env.METRIC_TEST_TOKEN = "x";
    const temporary = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    const served = start(
      `export const contribute = (target, prediction) => ({ n: target.length, none: prediction === null ? 1 : 0,
         secret: process.env.METRIC_TEST_TOKEN === undefined ? 0 : 1 });
       export const value = ({ n }) => n / 0;`,
    );
    expect(served.call("contribute", [["é\n"], null])).toEqual({ result: { n: 1, none: 1, secret: 0 }, nan: false });
    expect(served.call("contribute", [Array(100_000).fill("long"), ["a"]]).result).toMatchObject({ n: 100_000 });
    expect(served.call("value", [{ n: 0 }])).toEqual({ result: null, nan: true });
    expect(served.call("value", [{ n: 1 }]).result).toBe("Infinity");
    served.close();
    expect(readdirSync(folder)).toEqual(["m.mjs"]);
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
    delete process.env.METRIC_TEST_TOKEN;
  });

  it.each([
    [
      "an exception",
      `export function contribute() {\n  return null.x;\n}\n${value}`,
      "metric-failed: m.mjs:2: TypeError",
    ],
    [
      "a wrong file",
      `${value}export function contribute() {\n  return { a: 1 ;\n}\n`,
      "metric-failed: m.mjs:3: SyntaxError",
    ],
    ["a missing function", value, "metric-failed: m.mjs: TypeError: the file exports no function contribute"],
    ["another file", `import "./other.mjs";\n${value}`, "metric-failed: m.mjs: Error: Cannot find module"],
    [
      "an end of the process",
      `export const contribute = () => process.exit(0);\n${value}`,
      "metric-ended: m.mjs: the process ended during contribute",
    ],
    [
      "a promise",
      `export const contribute = async () => ({});\n${value}`,
      'metric-result: m.mjs: contribute returns "a promise" for target ["a"]',
    ],
    [
      "NaN in a map",
      `export const contribute = () => ({ a: NaN });\n${value}`,
      'metric-result: m.mjs: contribute returns {"a":"NaN"}',
    ],
    [
      "undefined",
      "export const contribute = () => ({ a: 1 });\nexport const value = () => undefined;",
      'metric-result: m.mjs: value returns "undefined"',
    ],
    ["chance", `export const contribute = () => ({ a: Math.random() });\n${value}`, "metric-not-deterministic: m.mjs"],
    [
      "a state",
      `let n = 0;\nexport const contribute = () => ({ a: 1 });\nexport const value = () => n++;`,
      "metric-not-deterministic: m.mjs",
    ],
    ["NaN", "export const contribute = () => ({ a: 1 });\nexport const value = () => NaN;", "value NaN"],
  ])("has an answer to %s", (_, text, expected) => {
    expect(failure(text).slice(0, expected.length)).toBe(expected);
  });

  it("ends a call that takes too long", () => {
    const text = `export const contribute = () => { for (;;); };\n${value}`;
    expect(failure(text, { timeout: 0.2 })).toBe(
      "metric-too-slow: m.mjs: contribute takes longer than 0.2 s for one call",
    );
  });

  it("ends a process that needs too much memory", () => {
    const text = `const all = [];\nexport const contribute = () => { for (;;) all.push(new Array(1e5).fill(all.length)); };\n${value}`;
    expect(failure(text, { memory: "40MB", timeout: 100 })).toContain("metric-ended");
  });
});

describe("a metric of a study", () => {
  const counted = (facts: Partial<OwnMetricFacts>, result: number) => {
    const calls: string[] = [];
    const metric = ownMetric(
      { name: "m", higher_is_better: false, ...facts },
      {
        file: "m.py",
        open: () => ({
          call(name) {
            calls.push(name);
            return { result: name === "contribute" ? { n: 2, zero: 0 } : result };
          },
          close() {},
        }),
      },
    );
    return { metric, calls };
  };

  it("computes equal cases and equal sums once, after a second call that checks the first", () => {
    const { metric, calls } = counted({}, 4);
    const counting = metric.counters.open(undefined);
    const added: number[][] = [];
    for (let at = 0; at < 3; at++)
      counting.contribute("a", "b", (counter, amount = 1) => added.push([counter, amount]));
    expect(added).toEqual([
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
    const read = counting.reader(new Float64Array(counting.size()));
    expect(read(Float64Array.of(6, 0))).toEqual({ n: 6, zero: 0 });
    for (let at = 0; at < 3; at++) expect(metric.value(read(Float64Array.of(6, 0)))).toBe(4);
    expect(calls).toEqual(["contribute", "contribute", "value", "value"]);
  });

  it("refuses a value outside its range", () => {
    const { metric } = counted({ range: [0, 1] }, 4);
    expect(() => metric.value({})).toThrow("m.py: value returns 4, outside its range 0 to 1");
  });
});
