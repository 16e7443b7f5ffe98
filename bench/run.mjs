/**
 * exp beside the programs that do the same: `node bench/run.mjs [name...] [--quick] [--write] [--anchors DIR]`.
 * Installs those programs by their package names into a temporary folder, or into DIR, where they are found again.
 * `--write` puts the tables into docs/benchmarks.md. Nothing here passes or fails by the clock.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem, type } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { Anchors } from "./anchors.mjs";
import { audit } from "./audit.mjs";
import { files } from "./files.mjs";
import { listing } from "./listing.mjs";
import { live } from "./live.mjs";
import { inTurn } from "./measure.mjs";
import { pages } from "./pages.mjs";
import { scoring } from "./scoring.mjs";
import { startup } from "./startup.mjs";
import { steps } from "./steps.mjs";
import { submit } from "./submit.mjs";
import { sweep } from "./sweep.mjs";
import { toMarkdown } from "./table.mjs";
import { training } from "./training.mjs";
import { workbook } from "./workbook.mjs";

const benches = [startup, steps, sweep, files, scoring, workbook, training, audit, pages, listing, live, submit];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    anchors: { type: "string" },
  },
});
const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(", ")}; there are: ${benches.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const root = fileURLToPath(new URL("..", import.meta.url));
const python = "python3";
const temp = mkdtempSync(join(tmpdir(), "exp-bench-"));
const loadAtStart = loadavg()[0];

/** What every bench is given. */
const bench = {
  root,
  quick: options.quick,
  exp: [process.execPath, join(root, "dist", "cli.js")],
  anchors: new Anchors(resolve(options.anchors ?? join(temp, "anchors")), python),
  folder(name) {
    const path = join(temp, name);
    mkdirSync(path, { recursive: true });
    return path;
  },
  /** Subjects in turn, with a cache of their own. */
  compare: (subjects, { rounds = options.quick ? 2 : 5 } = {}) =>
    inTurn(
      subjects.map((subject) => ({ ...subject, env: { EXP_CACHE: join(temp, "cache"), ...subject.env } })),
      { rounds, temp, python },
    ),
  /** A script over modules of runner/, built as dist/ is; gives its path. */
  async bundle(name, code) {
    const outfile = join(temp, "scripts", `${name}.mjs`);
    await build({
      stdin: { contents: code, resolveDir: root, sourcefile: `${name}.ts`, loader: "ts" },
      outfile,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node20.19",
      external: ["exceljs"],
      banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    });
    return outfile;
  },
};

const written = [];
try {
  symlinkSync(join(root, "node_modules"), join(temp, "node_modules"));
  execFileSync(process.execPath, [join(root, "runner", "build.mjs")], { stdio: "inherit" });
  for (const { name, groups } of benches) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.error(`measuring ${name}`);
    for (const group of await groups(bench)) {
      const table = toMarkdown(group);
      console.log(table);
      written.push(table);
    }
  }
  if (options.write) writeFileSync(join(root, "docs", "benchmarks.md"), document(written));
} finally {
  rmSync(temp, { recursive: true, force: true });
}

function document(tables) {
  const [cpu] = cpus();
  const gigabytes = (totalmem() / 2 ** 30).toFixed(0);
  const pythonVersion = execFileSync(python, ["--version"], { encoding: "utf8" }).trim();
  const load = loadAtStart.toFixed(1);
  const busy =
    loadAtStart < 0.5
      ? `idle (load ${load} at the start)`
      : `noisy: other programs ran at the same time (load ${load} at the start)`;
  return `# Benchmarks

\`node bench/run.mjs --write\` measures exp beside the programs that do the same, which it installs itself, and writes this page.
CPU seconds are user + system of the whole process with its children, and the memory is that of the largest process among
them. Programs take turns, so that what else the machine does falls on all of them; compare ratios rather than seconds.
The last column but one compares least CPU times, with exp's row as 1.

- Measured on ${new Date().toISOString().slice(0, 10)}${options.quick ? ", quickly: few rounds, small sizes" : ""}
- ${cpus().length} cores (${cpu.model.trim()}), ${gigabytes} GB, ${type()}; ${busy}
- Node ${process.versions.node}, ${pythonVersion}

${tables.join("\n")}
## What is measured

- The steps are those of a sweep of replayed answers, four a point: rows are read, split and written; answers taken from a
  file; scored in three label views; and their errors analysed. The other tools copy a file of two bytes in each step, in chains of four. exp's steps do their work in its own process
  and each is flushed to the disk; the other tools start a shell or a process a step and flush nothing.
- dvc is measured once where the others are measured several times, and does not execute the largest graph: it would take many
  minutes. There its lock file is written for it.
- wireit is started as npm would start it, and npm's own time is not counted.
- Speed of training beside a bare loop is a bench of its own: \`bench/train_speed.py\`.
`;
}
