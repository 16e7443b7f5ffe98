/**
 * Servers that never finish an answer, send too much of it, or refer to another host; and the end of a process by
 * Ctrl-C.
 */
import { execFileSync } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { type CommandResult, expectFailure, type RunningCommand } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/served.yaml";

/** An experiment that requests answers to two rows. */
function write(rig: Rig, baseUrl: string, generate = "timeout: 1, retries: 0"): void {
  rig.write(
    file,
    `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: 2}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "${baseUrl}", max_new_tokens: 16, ${generate}}
baselines: []
report: {xlsx: false}
`,
  );
}

type Seen = { requests: string[]; bytes: number; closed: number };
type Answer = (request: IncomingMessage, response: ServerResponse, seen: Seen) => void;

async function serve(rig: Rig, answer: Answer): Promise<Seen & { readonly url: string }> {
  const seen: Seen = { requests: [], bytes: 0, closed: 0 };
  const server = createServer((request, response) => {
    seen.requests.push(`${request.method} ${request.url}`);
    response.on("close", () => seen.closed++);
    answer(request, response, seen);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  rig.onClose(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(seen, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const drip: Answer = (_request, response) => {
  const timer = setInterval(() => response.write(" "), 20);
  response.on("close", () => clearInterval(timer));
};

const flood: Answer = (_request, response, seen) => {
  const block = Buffer.alloc(1 << 20, " ");
  const send = (): void => {
    if (response.destroyed) return;
    seen.bytes += block.length;
    response.write(block, send);
  };
  send();
};

const json =
  (body: unknown, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

/** Waits for a condition, for 20 s at most. */
async function until(isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !isTrue(); ) {
    if (Date.now() > end) throw new Error("the condition did not become true");
    await sleep(20);
  }
}

/** Sends SIGINT, and expects the end of the command within some seconds. */
async function interrupt({ process, ended }: RunningCommand, seconds = 8): Promise<CommandResult> {
  const from = performance.now();
  process.kill("SIGINT");
  const end = await ended;
  expect(performance.now() - from).toBeLessThan(seconds * 1000);
  return end;
}

describe("a model server", () => {
  test("that sends one space at a time: the request ends at generate.timeout", async ({ rig }) => {
    const server = await serve(rig, drip);
    write(rig, `${server.url}/v1`);
    expectFailure(await rig.exp("run", file), 1, "server-timeout");
    await until(() => server.closed === server.requests.length);
  });

  test("that sends one space at a time: the first Ctrl-C ends the request", async ({ rig }) => {
    const server = await serve(rig, drip);
    write(rig, `${server.url}/v1`, "timeout: 600, retries: 0");
    const run = rig.start(["run", file]);
    await until(() => server.requests.length > 0);
    await sleep(500);
    expect((await interrupt(run)).code).toBe(130);
    await until(() => server.closed === server.requests.length);
  });

  test("that sends an endless body: the request ends after some MB", async ({ rig }) => {
    const server = await serve(rig, flood);
    write(rig, `${server.url}/v1`, "timeout: 120, retries: 0, concurrency: 1");
    expectFailure(await rig.exp("run", file), 1, "response-too-large");
    expect(server.requests).toHaveLength(1);
    expect(server.bytes).toBeLessThan(100e6);
  });

  for (const reason of ["__proto__", "constructor", "toString", null, 7, ["stop"]]) {
    test(`with finish_reason ${JSON.stringify(reason)} ends in a coded error`, async ({ rig }) => {
      const choices = [{ message: { content: "liver cyst" }, finish_reason: reason }];
      const server = await serve(rig, json({ choices }));
      write(rig, `${server.url}/v1`);
      expectFailure(await rig.exp("run", file), 1, "server-invalid-response");
    });
  }
});

const token = `hf_${"a1B2".repeat(8)}`;
const account = { name: "me", type: "user", orgs: [], auth: { accessToken: { role: "write" } } };

/** A hub that answers by path, below the account and a private repository. */
async function hub(rig: Rig, tree: Answer, whoami: Answer = json(account)) {
  const server = await serve(rig, (request, response, seen) => {
    const path = request.url ?? "";
    if (path.includes("whoami")) return whoami(request, response, seen);
    if (path.includes("/tree/")) return tree(request, response, seen);
    json({ id: "me/runs", private: true, sha: "0".repeat(40), siblings: [] })(request, response, seen);
  });
  rig.env = { ...rig.env, HF_ENDPOINT: server.url, HF_TOKEN: token, HF_HOME: rig.path("hf") };
  await rig.build("experiments/study.yaml");
  return server;
}

describe("a hub", () => {
  test("whose next page is on another host: the token is not sent there", async ({ rig }) => {
    const keys: unknown[] = [];
    const other = await serve(rig, (request, response, seen) => {
      keys.push(request.headers.authorization);
      json([])(request, response, seen);
    });
    await hub(rig, json([], { link: `<${other.url}/api/datasets/me/runs/tree/main?cursor=x>; rel="next"` }));
    const ended = await rig.exp("push", "hf://datasets/me/runs", "study");
    expectFailure(ended, 1, "hub-foreign-address");
    expect(keys).toEqual([]);
    expect(ended.stderr).not.toContain(token);
  });

  test("whose list has no end: the listing ends at its limit", async ({ rig }) => {
    const server = await hub(rig, (request, response, seen) => {
      const [path = ""] = (request.url ?? "").split("?");
      const next = `http://${request.headers.host}${path}?cursor=${seen.requests.length}`;
      json([], { link: `<${next}>; rel="next"` })(request, response, seen);
    });
    expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 1, "listing-too-long");
    expect(server.requests.length).toBeLessThan(5_100);
  });

  for (const [what, body] of [
    ["has no path", [{ type: "file", size: 1 }]],
    ["is a number", [5]],
    ["is no list", {}],
  ] as const)
    test(`whose entry of a list ${what}: the push ends in a coded error, at once`, async ({ rig }) => {
      await hub(rig, json(body));
      expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 1, "hub-error");
    });

  test("that answers with a page: the push ends in a coded error", async ({ rig }) => {
    await hub(rig, json([]), (_request, response) => void response.end("<html>log in</html>"));
    expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 1, "hub-error");
  });

  test("that does not say that the repository is private: nothing is pushed", async ({ rig }) => {
    const server = await serve(rig, (request, response, seen) => {
      const answer = request.url?.includes("whoami")
        ? account
        : request.url?.includes("/tree/")
          ? []
          : { id: "me/runs" };
      json(answer)(request, response, seen);
    });
    await rig.build("experiments/study.yaml");
    rig.env = { ...rig.env, HF_ENDPOINT: server.url, HF_TOKEN: token, HF_HOME: rig.path("hf") };
    expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 3, "repo-public");
    expect(server.requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
  });

  test("whose new repository is public: nothing is pushed", async ({ rig }) => {
    let isCreated = false;
    const server = await serve(rig, (request, response, seen) => {
      const { url = "" } = request;
      if (url.includes("create")) isCreated = true;
      if (!url.includes("whoami") && !isCreated) return void response.writeHead(404).end("{}");
      const repository = { id: "me/runs", private: false };
      json(url.includes("whoami") ? account : url.includes("/tree/") ? [] : repository)(request, response, seen);
    });
    await rig.build("experiments/study.yaml");
    rig.env = { ...rig.env, HF_ENDPOINT: server.url, HF_TOKEN: token, HF_HOME: rig.path("hf") };
    expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 3, "repo-public");
    expect(server.requests.filter((request) => !request.startsWith("GET"))).toEqual(["POST /api/repos/create"]);
  });

  for (const status of [199, 600, 999])
    test(`that answers with the status ${status}: the push ends in a coded error`, async ({ rig }) => {
      await hub(rig, (_request, response) => {
        response.socket?.end(`HTTP/1.1 ${status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]`);
      });
      expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 1, "offline");
    });

  test("whose list repeats a page: the listing ends at once", async ({ rig }) => {
    const server = await hub(rig, (request, response, seen) =>
      json([], { link: `<http://${request.headers.host}${request.url}>; rel="next"` })(request, response, seen),
    );
    expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 1, "listing-too-long");
    expect(server.requests.length).toBeLessThan(10);
  });

  test("that names a file as the address of an upload: the push fails with an error", async ({ rig }) => {
    const server = await serve(rig, (request, response, seen) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk));
      request.on("end", () => {
        const path = request.url ?? "";
        const { files = [], objects = [] } = (
          body.startsWith("{") && path.match(/preupload|batch/) ? JSON.parse(body) : {}
        ) as {
          readonly files?: readonly { readonly path: string }[];
          readonly objects?: readonly { readonly oid: string; readonly size: number }[];
        };
        const upload = { href: "file:///etc/passwd" };
        const answer = path.includes("whoami")
          ? account
          : path.includes("/tree/")
            ? []
            : path.includes("preupload")
              ? { files: files.map((file) => ({ path: file.path, uploadMode: "lfs" })) }
              : path.includes("batch")
                ? { objects: objects.map(({ oid, size }) => ({ oid, size, actions: { upload } })) }
                : { id: "me/runs", private: true };
        json(answer)(request, response, seen);
      });
    });
    await rig.build("experiments/study.yaml");
    rig.env = { ...rig.env, HF_ENDPOINT: server.url, HF_TOKEN: token, HF_HOME: rig.path("hf") };
    const { code, stderr } = await rig.exp("push", "hf://datasets/me/runs", "study");
    expect(code).toBe(1);
    expect(stderr).toMatch(/what no hub answers \[hub-error\]\n {2}help: /);
  });

  test("that sends an endless answer: the request ends after some MB", async ({ rig }) => {
    const server = await hub(rig, json([]), flood);
    expectFailure(await rig.exp("push", "hf://datasets/me/runs", "study"), 1, "response-too-large");
    expect(server.bytes).toBeLessThan(150e6);
  });

  test("that sends one space at a time: the first Ctrl-C ends the request", async ({ rig }) => {
    const server = await hub(rig, drip);
    const push = rig.start(["push", "hf://datasets/me/runs", "study"]);
    await until(() => server.requests.some((request) => request.includes("/tree/")));
    expect((await interrupt(push)).code).toBe(130);
    await until(() => server.closed === server.requests.length);
  });
});

describe("a bucket's server", () => {
  const credentials = {
    AWS_ACCESS_KEY_ID: "someone",
    AWS_SECRET_ACCESS_KEY: "a secret of someone",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const push = ["push", "s3://bucket/runs", "study"];

  test("that sends an endless list: the request ends after some MB", async ({ rig }) => {
    const server = await serve(rig, flood);
    await rig.build("experiments/study.yaml");
    rig.env = { ...rig.env, ...credentials, AWS_ENDPOINT_URL: server.url };
    expectFailure(await rig.exp(...push), 1, "response-too-large");
    expect(server.bytes).toBeLessThan(200e6);
  });

  test("whose list is circular: the listing ends at its limit", async ({ rig }) => {
    const server = await serve(
      rig,
      (_request, response) =>
        void response
          .writeHead(200, { "content-type": "application/xml" })
          .end(
            `<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>`,
          ),
    );
    await rig.build("experiments/study.yaml");
    rig.env = { ...rig.env, ...credentials, AWS_ENDPOINT_URL: server.url };
    expectFailure(await rig.exp(...push), 1, "listing-too-long");
    expect(server.requests.length).toBeLessThan(5_100);
  });

  for (const [name, answer] of [
    ["drips spaces", drip],
    ["is silent", () => undefined],
  ] as const) {
    test(`that ${name}: the first Ctrl-C ends the request`, async ({ rig }) => {
      const server = await serve(rig, answer);
      await rig.build("experiments/study.yaml");
      rig.env = { ...rig.env, ...credentials, AWS_ENDPOINT_URL: server.url };
      const started = rig.start(push);
      await until(() => server.requests.length > 0);
      await sleep(300);
      expect((await interrupt(started)).code).toBe(130);
      await until(() => server.closed === server.requests.length);
    });
  }
});

describe("Ctrl-C", () => {
  /** Runs against a silent server, with a module that Node.js loads first. */
  async function hang(rig: Rig, module: string): Promise<RunningCommand> {
    const server = await serve(rig, () => undefined);
    write(rig, `${server.url}/v1`, "timeout: 600, retries: 0");
    rig.write("hang.mjs", module);
    const run = rig.start(["run", file], { env: { NODE_OPTIONS: `--import ${rig.path("hang.mjs")}` } });
    await until(() => server.requests.length > 0);
    return run;
  }

  test("twice ends a command that ignores the first one", async ({ rig }) => {
    const run = await hang(rig, "AbortSignal.prototype.addEventListener = () => undefined;\n");
    run.process.kill("SIGINT");
    await sleep(500);
    expect(run.process.exitCode).toBe(null);
    expect((await interrupt(run)).code).toBe(130);
  });

  test("once ends a process with an open timer", async ({ rig }) => {
    const run = await hang(rig, "setInterval(() => undefined, 1000);\n");
    expect((await interrupt(run)).code).toBe(130);
  });

  test("once ends a process whose file operation never returns", async ({ rig }) => {
    execFileSync("mkfifo", [rig.path("pipe")]);
    const run = await hang(
      rig,
      `import { readFile } from "node:fs/promises";\nreadFile(${JSON.stringify(rig.path("pipe"))}).catch(() => undefined);\n`,
    );
    const { code, signal } = await interrupt(run);
    expect(code ?? signal).toBe("SIGINT");
  });
});
