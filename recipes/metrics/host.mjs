/**
 * Calls the functions of a user's metric: `node host.mjs FILE SHOWN SECONDS`. The protocol is that of host.py. FILE is a copy of
 * SHOWN, whose path messages have. The types of a TypeScript file are removed and not checked.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import Module, { register } from "node:module";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const [requests, answers] = [3, 4];

/** Seconds that loading a file may take. */
const loading = 120;

/** Ends the process if a call exceeds its time limit. `state` counts the starts and ends of calls: odd during a call. */
function watch({ state, seconds }) {
  for (;;) {
    const seen = Atomics.load(state, 0);
    const isCalling = seen % 2 === 1;
    const limit = seen === 1 ? Math.max(seconds, loading) : seconds;
    if (Atomics.wait(state, 0, seen, isCalling ? limit * 1000 : undefined) !== "timed-out") continue;
    writeSync(answers, `${JSON.stringify({ error: { type: "TooSlow", message: "", slow: true } })}\n`);
    process.kill(process.pid, "SIGKILL");
  }
}

async function main() {
  const [file, , seconds] = process.argv.slice(2);
  const state = new Int32Array(new SharedArrayBuffer(4));
  const count = () => {
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
  };
  const watcher = new Worker(new URL(import.meta.url), { workerData: { state, seconds: Number(seconds) } });
  watcher.unref();
  const url = pathToFileURL(file).href;
  const reply = (answer) => writeAll(`${JSON.stringify(answer)}\n`);
  let functions;
  count();
  try {
    const address = /\.m?ts$/.test(file) ? await withoutTypes(file) : url;
    importNothingElse();
    functions = await import(address);
    for (const name of ["contribute", "value"])
      if (typeof functions[name] !== "function") throw new TypeError(`the file exports no function ${name}`);
    reply({ result: null });
  } catch (error) {
    const failure = described(error, url);
    // The stack of a syntax error does not name its line.
    const isUntyped = error instanceof SyntaxError && !/\.m?ts$/.test(file);
    reply({ error: { ...failure, line: error?.line ?? (isUntyped ? syntaxLine(file) : failure.line) } });
  }
  count();
  for (const line of lines()) {
    const [name, ...args] = JSON.parse(line);
    count();
    let answer;
    try {
      const result = functions[name](...args);
      // JSON has no NaN. A value without JSON form is the text of its type, which the other side refuses.
      answer = { result: typeof result === "number" && Number.isNaN(result) ? null : shown(result), nan: Number.isNaN(result) };
    } catch (error) {
      answer = { error: described(error, url) };
    }
    count();
    reply(answer);
  }
}

/**
 * Writes the JavaScript of a TypeScript file next to it, and gives its address. Errors have the lines of the TypeScript file.
 * esbuild is the same for every version of Node.js.
 */
async function withoutTypes(file) {
  const { transformSync } = await import("esbuild");
  process.setSourceMapsEnabled(true);
  const options = { loader: "ts", format: "esm", target: "node20", sourcemap: "inline", logLevel: "silent" };
  let code;
  try {
    code = transformSync(readFileSync(file, "utf8"), { ...options, sourcefile: basename(file) }).code;
  } catch (error) {
    const [first] = error.errors ?? [];
    if (first === undefined) throw error;
    throw Object.assign(new SyntaxError(first.text), { line: first.location?.line ?? null });
  }
  const plain = `${file}.mjs`;
  writeFileSync(plain, code);
  return pathToFileURL(plain).href;
}

/**
 * Restricts a metric to modules of Node.js. The copy of FILE lies in the folder of temporary files, where other users can write:
 * Node.js would run a package of theirs in /tmp/node_modules.
 */
function importNothingElse() {
  const hook = `export async function resolve(name, context, next) {
    const found = await next(name, context);
    if (context.parentURL === ${JSON.stringify(import.meta.url)} || /^(node|data):/.test(found.url)) return found;
    throw new Error("Cannot find module '" + name + "' among those of Node.js");
  }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
  Module._nodeModulePaths = () => [];
  Module.globalPaths.length = 0;
}

/** The line of a syntax error; null if it is unknown. */
function syntaxLine(file) {
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", timeout: 10_000 });
  const line = Number(/^.*metric\.\w+:(\d+)$/m.exec(stderr)?.[1]);
  return Number.isNaN(line) ? null : line;
}

/** A result with its values that JSON cannot hold as text: undefined, Infinity, a promise. */
function shown(result) {
  if (result instanceof Promise) return "a promise";
  if (result === undefined || typeof result === "function") return String(result);
  return JSON.parse(
    JSON.stringify(result, (_key, value) =>
      value === undefined || typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))
        ? String(value)
        : value,
    ),
  );
}

/** Type, message and line of an error, and of the file in which it occurred. */
function described(error, url) {
  if (!(error instanceof Error)) return { type: "thrown", message: String(error), line: null };
  const stack = String(error.stack);
  // A stack that a source map translates has a path in place of an address.
  const place = stack.includes(url) ? url : fileURLToPath(url);
  const at = stack.indexOf(place);
  const line = at < 0 ? null : Number(/^(?:\?[^:]*)?:(\d+)/.exec(stack.slice(at + place.length))?.[1] ?? Number.NaN);
  return { type: error.name, message: error.message, line: Number.isNaN(line) ? null : line };
}

function* lines() {
  const buffer = Buffer.alloc(65536);
  let rest = Buffer.alloc(0);
  for (;;) {
    const size = readSync(requests, buffer);
    if (size === 0) return;
    rest = Buffer.concat([rest, buffer.subarray(0, size)]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString("utf8");
      rest = rest.subarray(end + 1);
      yield line;
    }
  }
}

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(answers, bytes, at);
}

if (isMainThread) await main();
else watch(workerData);
process.exit(0);
