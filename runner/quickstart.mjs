/**
 * Installs the trainer and runs the quickstart. `--fast` takes few rows, so that every step is seen in two minutes; other
 * arguments are those of `exp run`.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const name = args.includes("--fast") ? "quickstart-fast" : "quickstart";
exp("setup", "torchtune");
exp("run", `experiments/${name}.yaml`, ...args.filter((argument) => argument !== "--fast"));

/** Runs a command of exp in the clone, and ends with its exit code if it fails. */
function exp(...command) {
  const { status } = spawnSync(process.execPath, ["dist/cli.js", ...command], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
