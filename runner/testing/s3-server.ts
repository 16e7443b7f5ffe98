/** An S3 server (the Python package moto) behind a proxy that records requests and can interrupt them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createServer, request, type Server } from "node:http";
import { join } from "node:path";
import { cacheRoot } from "../setup/cache.ts";
import { oncePerMachine } from "./once-per-machine.ts";

const version = "5.1.18";

export class S3Server {
  /** "METHOD path?query" of every request. */
  requests: string[] = [];
  /** Requests that match are interrupted. */
  broken: RegExp | undefined;
  #server: ChildProcess | undefined;
  #proxy: Server | undefined;

  /** Environment variables with its address and credentials. */
  get env(): Readonly<Record<string, string>> {
    const credentials = { AWS_ACCESS_KEY_ID: "someone", AWS_SECRET_ACCESS_KEY: "a secret of someone" };
    return { ...credentials, AWS_ENDPOINT_URL: this.url, AWS_EC2_METADATA_DISABLED: "true" };
  }

  get url(): string {
    const address = this.#proxy?.address() ?? "";
    return `http://127.0.0.1:${typeof address === "string" ? 0 : address.port}`;
  }

  async open(): Promise<this> {
    const python = install();
    const server = spawn(python, ["-m", "moto.server", "-p", "0", "-H", "127.0.0.1"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#server = server;
    const port = await new Promise<number>((resolve, reject) => {
      let output = "";
      const listen = (text: string): void => {
        output += text;
        const [, found] = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(output) ?? [];
        if (found !== undefined) resolve(Number(found));
      };
      server.stdout.setEncoding("utf8").on("data", listen);
      server.stderr.setEncoding("utf8").on("data", listen);
      server.on("exit", () => reject(new Error(`moto ended: ${output}`)));
    });
    this.#proxy = createServer((incoming, outgoing) => {
      const name = `${incoming.method} ${incoming.url}`;
      this.requests.push(name);
      if (this.broken?.test(name) === true) {
        incoming.socket.destroy();
        return;
      }
      const { method, url, headers } = incoming;
      const forwarded = request({ host: "127.0.0.1", port, method, path: url, headers }, (response) => {
        outgoing.writeHead(response.statusCode ?? 500, response.headers);
        response.pipe(outgoing);
      });
      forwarded.on("error", () => outgoing.destroy());
      incoming.pipe(forwarded);
    });
    await new Promise<void>((resolve) => this.#proxy?.listen(0, "127.0.0.1", resolve));
    return this;
  }

  close(): void {
    this.#proxy?.closeAllConnections();
    this.#proxy?.close();
    this.#server?.kill("SIGKILL");
  }
}

/** The interpreter of an environment with moto. */
function install(): string {
  const folder = oncePerMachine(join(cacheRoot(), "test-moto", version), (partial) => {
    execFileSync("python3", ["-m", "venv", partial], { stdio: "pipe" });
    const args = ["-m", "pip", "install", "--quiet", `moto[server]==${version}`];
    execFileSync(join(partial, "bin/python"), args, { stdio: "pipe" });
  });
  return join(folder, "bin/python");
}
