/**
 * Every check and test of exp, after the bootstrap: `npm test`, and `npm run soak` with as many faults as a release takes.
 * The last line is "N passed, N failed"; each step of `npm run check` counts as one. Exits with 1 if any failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withSection } from "../../bench/page.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const soak = process.argv.includes("--soak");
const scratch = mkdtempSync(join(tmpdir(), "exp-all-"));
const env = { ...process.env, ...(soak ? { EXP_FAULTS: "200", EXP_SOAK: "1" } : {}) };
const cache = env.EXP_CACHE || join(env.XDG_CACHE_HOME || join(env.HOME, ".cache"), "exp");
const pythonOf = (environment) => join(cache, "envs", environment, "bin/python");
const python = pythonOf("torchtune");
const counts = { passed: 0, failed: 0 };

/** Runs a program with its output shown; says whether it ended well. */
function run(command, args, options = {}) {
  console.log(`\n$ ${[command, ...args].join(" ")}`);
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: "inherit", ...options });
  if (error || signal) console.error(`${command} did not end by itself: ${error ?? signal}`);
  return status === 0;
}

/** A check that is one thing: it passes or fails. */
function check(command, args, options) {
  const passed = run(command, args, options);
  counts[passed ? "passed" : "failed"] += 1;
  return passed;
}

/** Adds what a test runner counted; a runner that counted nothing has failed. */
function count(passed, failed, ended) {
  counts.passed += passed;
  counts.failed += failed;
  if (!ended && failed === 0) counts.failed += 1;
}

function readReport(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function vitest() {
  const report = join(scratch, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const ended = run("npx", ["vitest", "run", ...reporters]);
  const { numPassedTests = 0, numFailedTests = 0, testResults = [] } = JSON.parse(readReport(report) || "{}");
  count(numPassedTests, numFailedTests, ended);
  return testResults.flatMap(({ assertionResults }) => assertionResults);
}

/** The Python tests of an environment: each trainer's run in its own, all others in torchtune's. */
function pytest(environment, folder) {
  const report = join(scratch, `pytest-${environment}.xml`);
  const ended = run(pythonOf(environment), ["-m", "pytest", "-q", `--junitxml=${report}`, folder]);
  const suite = /<testsuite [^>]*>/.exec(readReport(report))?.[0] ?? "";
  const number = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  count(number("tests") - failed - number("skipped"), failed, ended);
}

/** Writes what the tests that inject faults have found into its place in docs/reference/soak.md. */
function writeSoak(tests) {
  const faults = tests.filter(({ fullName }) =>
    /killed|at once|full|quota|no space|read-only|edit|truncated|symlink|by case|entries of others/.test(fullName),
  );
  const rows = faults.map(
    ({ fullName, status, duration }) =>
      `| ${fullName.trim().replaceAll("|", "\\|")} | ${status} | ${((duration ?? 0) / 1000).toFixed(1)} |`,
  );
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const page = join(root, "docs/reference/soak.md");
  const text = `exp ${version}, Node ${process.versions.node}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}: ${counts.passed} passed, ${counts.failed} failed.

| test | result | seconds |
|---|---|---|
${rows.join("\n")}`;
  writeFileSync(page, withSection(readFileSync(page, "utf8"), "soak", text));
}

const setUp = check("node", ["dist/cli.js", "setup", "torchtune", "--dev"]);
for (const step of ["format:check", "types", "layers", "dead-code", "schema:check"])
  check("npm", ["run", "--silent", step]);
const tests = vitest();
if (setUp) {
  check(python, ["-m", "ruff", "check", "recipes"]);
  check(python, ["-m", "ruff", "format", "--check", "--config", "recipes/pyproject.toml", "recipes"]);
  check(python, ["-m", "mypy", "--config-file", "recipes/pyproject.toml", "recipes"]);
  pytest("torchtune", "recipes");
}
if (check("node", ["dist/cli.js", "setup", "axolotl", "--dev"])) pytest("axolotl", "recipes/axolotl");
rmSync(scratch, { recursive: true, force: true });
if (soak) writeSoak(tests);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
