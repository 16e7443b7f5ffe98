/**
 * Simulates studies with known true values and writes the coverage of intervals and the type I error of tests between the
 * markers of docs/explanation/statistics.md: `node bench/simulate-coverage.mjs [--studies N] [--write]`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { withSection } from "./page.mjs";

const { values: options } = parseArgs({
  options: { studies: { type: "string", default: "400" }, write: { type: "boolean", default: false } },
});
const size = { studies: Number(options.studies), resamples: 1000, seed: 1 };
const root = fileURLToPath(new URL("..", import.meta.url));
const temp = mkdtempSync(join(tmpdir(), "exp-coverage-"));
const sizes = [30, 80, 236];

/** The metrics whose intervals are simulated, by population. */
const metricsOf = (name) =>
  name === "one label"
    ? ["accuracy", "balanced_accuracy", "macro_f1", "cohen_kappa", "mcc"]
    : ["micro_f1", "macro_f1_min5", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"];

try {
  const outfile = join(temp, "simulation.mjs");
  const module = "runner/evaluation/statistics/simulation.ts";
  await build({ entryPoints: [join(root, module)], outfile, bundle: true, format: "esm", platform: "node" });
  const { coverage, falseAlarms, grouped, populations } = await import(pathToFileURL(outfile).href);
  const tables = [
    await coverageTable(coverage, populations),
    await alarmTable(falseAlarms, populations),
    await groupTable(coverage, falseAlarms, grouped),
  ];
  const circumstances = `${size.studies} studies for each number, ${size.resamples} resamples. A share of 95 % has a standard error of ${((100 * Math.sqrt(0.95 * 0.05)) / Math.sqrt(size.studies)).toFixed(1)} %.`;
  const text = [circumstances, ...tables.map(toMarkdown)].join("\n\n");
  console.log(text);
  const page = join(root, "docs/explanation/statistics.md");
  if (options.write) writeFileSync(page, withSection(readFileSync(page, "utf8"), "coverage", text));
} finally {
  rmSync(temp, { recursive: true, force: true });
}

async function coverageTable(coverage, populations) {
  const rows = [];
  for (const population of populations) {
    const names = metricsOf(population.name);
    const bySize = [];
    for (const n of sizes) bySize.push(await coverage(population, n, names, size));
    for (const name of names) {
      const shares = bySize.flatMap((found) => {
        const { expected, population: large, intervals, width } = found[name];
        if (intervals === 0) return ["none", "–", "–"];
        // A study of 20,000 cases averages macro_f1_min5 over more labels than a small one: another quantity.
        const isOther = population.name === "200 labels" && name === "macro_f1_min5";
        return [expected.toFixed(3), isOther ? "–" : large.toFixed(3), width.toFixed(2)];
      });
      rows.push([population.name, `\`${name}\``, ...shares]);
    }
  }
  const columns = sizes.flatMap((n) => [`n = ${n}: expected`, "population", "width"]);
  return { title: "Coverage of 95 % intervals", head: ["population", "metric", ...columns], rows };
}

async function alarmTable(falseAlarms, populations) {
  const rows = [];
  const named = (name) => populations.find((one) => one.name === name);
  const add = async (name, metrics, seeds) => {
    const bySize = [];
    for (const n of sizes) bySize.push(await falseAlarms(named(name), n, metrics, { ...size, resamples: 500 }, seeds));
    for (const test of Object.keys(bySize[0]))
      rows.push([name, String(seeds), test, ...bySize.map((found) => (found[test] ?? 0).toFixed(3))]);
  };
  await add("8 labels", ["micro_f1", "samples_f1", "exact_match"], 1);
  await add("200 labels", ["macro_f1", "macro_f1_min5"], 1);
  for (const seeds of [2, 3, 5]) await add("8 labels", ["micro_f1", "exact_match"], seeds);
  const head = ["population", "training seeds", "test or interval", ...sizes.map((n) => `n = ${n}`)];
  return { title: "Type I error at 5 %", head, rows };
}

/** Studies of groups of three cases, analysed as independent cases and as groups. */
async function groupTable(coverage, falseAlarms, population) {
  const numbers = [20, 80];
  const names = ["micro_f1", "macro_f1", "samples_f1", "exact_match"];
  const analyses = numbers.flatMap((groups) =>
    [true, false].map((asIndependent) => ({ groups, way: { ...size, asIndependent } })),
  );
  const found = [];
  for (const { groups, way } of analyses) {
    const covered = await coverage(population, 3 * groups, names, way);
    const alarms = await falseAlarms(population, 3 * groups, ["micro_f1", "exact_match"], { ...way, resamples: 500 });
    const exact = (test) => test.replace(/exact McNemar|exact randomisation of groups/, "exact test");
    found.push({
      ...Object.fromEntries(names.map((name) => [`\`${name}\`: coverage`, covered[name].expected])),
      ...Object.fromEntries(Object.entries(alarms).map(([test, share]) => [`${exact(test)}: type I error`, share])),
    });
  }
  const rows = Object.keys(found[0]).map((name) => [
    ...[population.name, name],
    // Few groups have no bootstrap.
    ...found.map((shares) => shares[name]?.toFixed(3) ?? "–"),
  ]);
  const columns = numbers.flatMap((groups) => [`${groups} groups: over cases`, "over groups"]);
  return { title: "Cases in groups", head: ["population", "metric and share", ...columns], rows };
}

/** A Markdown table with a title. Columns after the first two are numbers. */
function toMarkdown({ title, head, rows }) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, at) => (at < 2 ? "---" : "--:"));
  return [`### ${title}`, "", line(head), line(rule), ...rows.map(line)].join("\n");
}
