/** A process that uses the store. Tests kill it or run several of it. It appends each key that it builds to `log`. */
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { keyOf } from "../pipeline/plan/identity.ts";
import { openDigests } from "../store/digest.ts";
import { openStore, type Store } from "../store/store.ts";

/**
 * `each`: builds every key once, with its lock. `race`: builds every key without locks. `digest`: only reads files.
 * `turns`: takes one lock repeatedly, and leaves it in the state of an ended process.
 */
type Task = {
  readonly mode: "each" | "race" | "digest" | "turns";
  readonly root: string;
  readonly cache: string;
  readonly log: string;
  /** Numbers of the keys, in the order of this process. */
  readonly numbers: readonly number[];
  /** Duration of a build in ms. */
  readonly pause: number;
};

const ingredients = (number: number) => ({ kind: "train", version: 1, params: { number }, sources: {}, inputs: {} });

async function build(store: Store, number: number, salt: string): Promise<string> {
  const staged = store.stage(keyOf(ingredients(number)));
  mkdirSync(join(staged.dir, "adapter"));
  writeFileSync(join(staged.dir, "adapter", "weights.bin"), Buffer.alloc(20_000, `${number}${salt} `));
  await sleep(task.pause);
  writeFileSync(join(staged.dir, "train.json"), JSON.stringify({ number }));
  const outputs = ["adapter/", "train.json"];
  return (await store.commit(staged, { ingredients: ingredients(number), outputs, evidence: {}, seconds: 0 })).object;
}

const task = JSON.parse(process.argv[2] as string) as Task;
const digests = openDigests(task.cache);
const store = openStore(task.root, digests);
store.removeAbandoned();
process.stdout.write("ready\n");
for (const number of task.numbers) {
  const key = keyOf(ingredients(number));
  if (task.mode === "digest") {
    digests.file(join(task.root, String(number)));
  } else if (task.mode === "turns") {
    const lock = await store.lock("turns");
    // Fails if another process has the lock.
    closeSync(openSync(`${task.log}.inside`, "wx"));
    rmSync(`${task.log}.inside`);
    writeFileSync(lock.path, readFileSync(lock.path, "utf8").replace(/"start":"\d+"/, '"start":"1"'));
    appendFileSync(task.log, "turn\n");
  } else if (task.mode === "race") {
    appendFileSync(task.log, `${number} ${await build(store, number, String(process.pid))}\n`);
  } else {
    const lock = await store.lock(key);
    if ("miss" in store.find(key)) appendFileSync(task.log, `${number} ${await build(store, number, "")}\n`);
    lock.release();
  }
}
store.close();
