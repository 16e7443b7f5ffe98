import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { dvcEnvironment, initDvc } from "./chains.mjs";

/** Hashing and storing one large file. */
export const files = {
  name: "files",
  async groups(bench) {
    const { folder, quick } = bench;
    const gigabytes = quick ? 0.25 : 2;
    const large = { path: join(folder("large"), "weights.bin"), bytes: gigabytes * 2 ** 30, size: `${gigabytes} GiB` };
    writeLarge(large);
    try {
      return [...(await hashing(large, bench)), await storing(large, bench)];
    } finally {
      rmSync(large.path, { force: true });
    }
  },
};

/** Writes bytes that no filesystem can compress, and flushes them. */
function writeLarge({ path, bytes }) {
  const block = Buffer.alloc(1 << 20);
  let state = 1;
  for (let at = 0; at < block.length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    block.writeUInt32LE(state, at);
  }
  const file = openSync(path, "w");
  for (let written = 0; written < bytes; written += block.length) {
    block.writeUInt32LE(written / block.length, 0);
    writeSync(file, block);
  }
  fsyncSync(file);
  closeSync(file);
}

async function hashing({ path, bytes, size }, { bundle, compare, folder }) {
  const cwd = folder("hashing");
  const digests = await bundle(
    "digests",
    `import { openDigests } from "./runner/store/digest.ts";
const [cache, path] = process.argv.slice(2);
const digests = openDigests(cache);
const started = performance.now();
digests.file(path);
console.log(performance.now() - started);
digests.flush();`,
  );
  const plain = await bundle(
    "create-hash",
    `import { createHash } from "node:crypto";
import { openSync, readSync } from "node:fs";
const hash = createHash("sha256");
const file = openSync(process.argv[2], "r");
const buffer = Buffer.allocUnsafeSlow(1 << 20);
for (let length; (length = readSync(file, buffer, 0, buffer.length, null)) > 0; ) hash.update(buffer.subarray(0, length));
console.log(hash.digest("hex"));`,
  );
  const each = { name: "GB per CPU s", rate: bytes / 1e9 };
  const cache = join(cwd, "cache");
  const read = await compare([
    {
      who: "exp",
      command: [process.execPath, digests, cache, path],
      cwd,
      before: () => rmSync(cache, { recursive: true, force: true }),
      target: { rate: 1.2 },
    },
    { who: "node createHash", command: [process.execPath, plain, path], cwd },
    { who: "sha256sum", command: ["sha256sum", path], cwd },
  ]);

  const took = [];
  const known = await compare([
    {
      who: "exp, the whole process",
      command: [process.execPath, digests, cache, path],
      cwd,
      after: (stdout) => took.push(Number(stdout)),
    },
    { who: "node -e 0", command: [process.execPath, "-e", "0"], cwd },
  ]);
  const note = `A digest took ${Math.min(...took).toFixed(2)} ms at least, including the read of the remembered digests (target: 1 ms).`;
  return [
    { title: `Hashing a file of ${size}`, each, rows: read },
    { title: `The same file again, unchanged`, rows: known, note },
  ];
}

async function storing({ path, size }, { bundle, compare, folder, anchors }) {
  const cwd = folder("storing");
  const commit = await bundle(
    "commit",
    `import { renameSync, readFileSync, existsSync } from "node:fs";
import { openDigests } from "./runner/store/digest.ts";
import { openStore } from "./runner/store/store.ts";
import { keyOf } from "./runner/pipeline/plan/identity.ts";
const [cache, artifacts, path] = process.argv.slice(2);
const ingredients = { kind: "train", version: 1, params: { at: Date.now() }, sources: {}, inputs: {} };
const store = openStore(artifacts, openDigests(cache));
const staged = store.stage(keyOf(ingredients));
renameSync(path, staged.dir + "/weights.bin");
const traffic = () => existsSync("/proc/self/io") ? readFileSync("/proc/self/io", "utf8").match(/[rw]char: (\\d+)/g).map((line) => Number(line.slice(7))) : [0, 0];
const before = traffic();
const record = await store.commit(staged, { ingredients, outputs: ["weights.bin"], evidence: {}, seconds: 0 });
const [read, wrote] = traffic().map((bytes, at) => bytes - before[at]);
console.log(JSON.stringify({ read, wrote, path: store.objectDir(record.object) + "/weights.bin" }));
store.close();`,
  );
  const artifacts = join(cwd, "artifacts");
  let traffic;
  const dvc = join(cwd, "dvc");
  const added = join(folder(join("storing", "dvc")), "weights.bin");
  const rows = await compare([
    {
      who: "exp, store.commit",
      command: [process.execPath, commit, join(cwd, "cache"), artifacts, path],
      cwd,
      before: () => rmSync(join(cwd, "cache"), { recursive: true, force: true }),
      after(stdout) {
        traffic = JSON.parse(stdout);
        renameSync(traffic.path, path);
        rmSync(artifacts, { recursive: true, force: true });
      },
      rounds: 3,
    },
    {
      who: "dvc add",
      command: [anchors.python("dvc"), "add", "-q", "weights.bin"],
      cwd: dvc,
      env: dvcEnvironment,
      before() {
        for (const name of [".dvc", "weights.bin.dvc"]) rmSync(join(dvc, name), { recursive: true, force: true });
        initDvc(dvc);
        if (existsSync(path)) renameSync(path, added);
      },
      after: () => renameSync(added, path),
      rounds: 2,
    },
  ]);
  rmSync(dvc, { recursive: true, force: true });
  const gibibytes = (bytes) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const note = `exp read ${gibibytes(traffic.read)} and wrote ${gibibytes(traffic.wrote)} to store the file: one read for the digest, a rename, no copy.`;
  return { title: `Storing an output of ${size}`, rows, note };
}
