/** Prepares a fresh clone for `node dist/cli.js`: npm ci and a build, each only if something has changed. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`exp needs Node.js 20.19 or newer; this is ${process.versions.node}`);
  process.exit(2);
}

const lock = createHash("sha256")
  .update(readFileSync(`${root}package-lock.json`))
  .digest("hex");
const stamp = `${root}node_modules/.exp-lock`;
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  run("ci", "--loglevel=error");
  writeFileSync(stamp, lock);
}

const built = existsSync(`${root}dist/cli.js`) ? statSync(`${root}dist/cli.js`).mtimeMs : 0;
const newest = Math.max(
  ...readdirSync(`${root}runner`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(`${entry.parentPath}/${entry.name}`).mtimeMs),
  statSync(`${root}package.json`).mtimeMs,
);
if (newest > built) run("run", "--silent", "build");

/** Runs npm and shows its output, which explains a failure. */
function run(...args) {
  const { status } = spawnSync("npm", args, { cwd: root, stdio: "inherit" });
  if (status === 0) return;
  console.error(`npm ${args.join(" ")} failed: read the lines above`);
  process.exit(1);
}
