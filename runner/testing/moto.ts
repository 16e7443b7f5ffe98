/** A server that speaks S3, of the Python package moto, for tests; behind a door that counts requests and can break them off. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { request as ask, createServer, type Server } from "node:http";
import { join } from "node:path";
import { cacheRoot } from "../setup/cache.ts";

const version = "5.1.18";

export class S3Server {
  /** "METHOD path?query" of every request. */
  requests: string[] = [];
  /** Requests that are broken off while this matches. */
  broken: RegExp | undefined;
  #server: ChildProcess | undefined;
  #door: Server | undefined;

  /** Variables with which exp finds it. */
  get env(): Readonly<Record<string, string>> {
    const credentials = { AWS_ACCESS_KEY_ID: "someone", AWS_SECRET_ACCESS_KEY: "a secret of someone" };
    return { ...credentials, AWS_ENDPOINT_URL: this.url, AWS_EC2_METADATA_DISABLED: "true" };
  }

  get url(): string {
    const address = this.#door?.address() ?? "";
    return `http://127.0.0.1:${typeof address === "string" ? 0 : address.port}`;
  }

  async open(): Promise<this> {
    const python = install();
    const server = spawn(python, ["-m", "moto.server", "-p", "0", "-H", "127.0.0.1"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#server = server;
    const port = await new Promise<number>((resolve, reject) => {
      let said = "";
      const listen = (text: string): void => {
        said += text;
        const [, found] = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(said) ?? [];
        if (found !== undefined) resolve(Number(found));
      };
      server.stdout.setEncoding("utf8").on("data", listen);
      server.stderr.setEncoding("utf8").on("data", listen);
      server.on("exit", () => reject(new Error(`moto ended: ${said}`)));
    });
    this.#door = createServer((incoming, outgoing) => {
      const asked = `${incoming.method} ${incoming.url}`;
      this.requests.push(asked);
      if (this.broken?.test(asked) === true) {
        incoming.socket.destroy();
        return;
      }
      const { method, url, headers } = incoming;
      const passed = ask({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      passed.on("error", () => outgoing.destroy());
      incoming.pipe(passed);
    });
    await new Promise<void>((resolve) => this.#door?.listen(0, "127.0.0.1", resolve));
    return this;
  }

  close(): void {
    this.#door?.closeAllConnections();
    this.#door?.close();
    this.#server?.kill("SIGKILL");
  }
}

/** Interpreter of the server's environment, which is made once per machine. */
function install(): string {
  const folder = join(cacheRoot(), "test-moto", version);
  const python = join(folder, "bin/python");
  if (existsSync(python)) return python;
  mkdirSync(join(folder, ".."), { recursive: true });
  const partial = mkdtempSync(`${folder}.`);
  execFileSync("python3", ["-m", "venv", partial], { stdio: "pipe" });
  execFileSync(join(partial, "bin/python"), ["-m", "pip", "install", "--quiet", `moto[server]==${version}`], {
    stdio: "pipe",
  });
  try {
    renameSync(partial, folder);
  } catch {
    rmSync(partial, { recursive: true, force: true });
  }
  return python;
}
