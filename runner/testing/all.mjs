/**
 * Runs all checks and tests: `npm test`, and `npm run soak` with ten times as many injected faults. The last line is
 * "N passed, N failed"; each step of `npm run check` counts as one. Exits with 1 if any failed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
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

/** Runs a program and shows its output. Returns whether it succeeded. */
function run(command, args, options = {}) {
  console.log(`\n$ ${[command, ...args].join(" ")}`);
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env, stdio: "inherit", ...options });
  if (error || signal) console.error(`${command} did not exit: ${error ?? signal}`);
  return status === 0;
}

/** Runs a program that counts as one check. */
function check(command, args, options) {
  const passed = run(command, args, options);
  counts[passed ? "passed" : "failed"] += 1;
  return passed;
}

/** Adds the counts of a test runner. A runner that fails without a failed test counts as one failure. */
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
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => ({ file: basename(name), ...test })),
  );
}

/** Runs the Python tests of a folder in an environment. */
function pytest(environment, folder) {
  const report = join(scratch, `pytest-${environment}.xml`);
  const ended = run(pythonOf(environment), ["-m", "pytest", "-q", `--junitxml=${report}`, folder]);
  const suite = /<testsuite [^>]*>/.exec(readReport(report))?.[0] ?? "";
  const number = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  count(number("tests") - failed - number("skipped"), failed, ended);
}

/** The tests that inject faults. */
const faultFiles = ["concurrency", "file-systems", "large-store", "mirror", "read-only", "slurm-soak", "store-faults"];

/** Writes the results of the tests that inject faults into docs/reference/soak.md. */
function writeSoak(tests) {
  const faults = tests.filter(({ file }) => faultFiles.includes(file.replace(".test.ts", "")));
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
const gguf = check("node", ["dist/cli.js", "setup", "gguf", "--dev"]);
if (soak) check("node", ["dist/cli.js", "setup", "smollm2-135m"]);
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
if (gguf) pytest("gguf", "recipes/gguf");
// vLLM's build for the CPU exists for Linux only.
if (process.platform === "linux" && check("node", ["dist/cli.js", "setup", "vllm", "--dev"]))
  pytest("vllm", "recipes/vllm");
rmSync(scratch, { recursive: true, force: true });
if (soak) writeSoak(tests);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
