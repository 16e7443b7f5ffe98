/**
 * Compares exp with similar programs: `node bench/run.mjs [name...] [--full] [--write] [--anchors DIR]`.
 * Without `--full` it uses few rounds and small sizes. It installs the other programs into a temporary folder, or into DIR,
 * where later runs reuse them. `--write` writes each bench's tables into docs/reference/benchmarks.md. No time limit fails.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem, type } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { Anchors } from "./anchors.mjs";
import { audit } from "./audit.mjs";
import { entries } from "./entries.mjs";
import { files } from "./files.mjs";
import { listing } from "./listing.mjs";
import { live } from "./live.mjs";
import { inTurn } from "./measure.mjs";
import { withSection } from "./page.mjs";
import { pages } from "./pages.mjs";
import { scoring } from "./scoring.mjs";
import { startup } from "./startup.mjs";
import { steps } from "./steps.mjs";
import { submit } from "./submit.mjs";
import { sweep } from "./sweep.mjs";
import { toMarkdown } from "./table.mjs";
import { training } from "./training.mjs";
import { workbook } from "./workbook.mjs";

const benches = [
  startup,
  steps,
  sweep,
  files,
  scoring,
  workbook,
  training,
  audit,
  pages,
  listing,
  entries,
  live,
  submit,
];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: "boolean", default: false },
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

/** The tools that each bench receives. */
const bench = {
  root,
  quick: !options.full,
  exp: [process.execPath, join(root, "dist", "cli.js")],
  anchors: new Anchors(resolve(options.anchors ?? join(temp, "anchors")), python),
  folder(name) {
    const path = join(temp, name);
    mkdirSync(path, { recursive: true });
    return path;
  },
  /** Measures subjects in turn, with a cache of their own. */
  compare: (subjects, { rounds = !options.full ? 2 : 5 } = {}) =>
    inTurn(
      subjects.map((subject) => ({ ...subject, env: { EXP_CACHE: join(temp, "cache"), ...subject.env } })),
      { rounds, temp, python },
    ),
  /** Bundles a script that imports modules of runner/, as dist/ is bundled. Returns its path. */
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

const page = join(root, "docs/reference/benchmarks.md");
try {
  symlinkSync(join(root, "node_modules"), join(temp, "node_modules"));
  execFileSync(process.execPath, [join(root, "runner", "build.mjs")], { stdio: "inherit" });
  for (const { name, groups } of benches) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.error(`measuring ${name}`);
    const circumstances = circumstancesNow();
    const tables = (await groups(bench)).map(toMarkdown);
    console.log(tables.join("\n"));
    // Write at once, so that a later failure loses nothing.
    if (options.write)
      writeFileSync(page, withSection(readFileSync(page, "utf8"), name, [circumstances, ...tables].join("\n")));
  }
} finally {
  rmSync(temp, { recursive: true, force: true });
}

/** Date, machine and load of a bench, as one line. */
function circumstancesNow() {
  const [cpu] = cpus();
  const gigabytes = (totalmem() / 2 ** 30).toFixed(0);
  const version = execFileSync(python, ["--version"], { encoding: "utf8" }).trim();
  const date = new Date().toISOString().slice(0, 10);
  const extent = !options.full ? ", quickly: few rounds, small sizes" : "";
  return `Measured ${date}${extent}; ${cpus().length} cores (${cpu.model.trim()}), ${gigabytes} GB, ${type()}, load ${loadavg()[0].toFixed(1)} at the start; Node ${process.versions.node}, ${version}.
`;
}
