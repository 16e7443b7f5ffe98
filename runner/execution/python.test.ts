import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Progress } from "../util/progress.ts";
import { UserError } from "../util/user-error.ts";
import { Interrupted } from "./interrupt.ts";
import { type PythonRequest, runPython } from "./python.ts";
import { type WorkerLease, WorkerPool } from "./worker-pool.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
let root: string;
let count = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "exp-python-"));
  mkdirSync(join(root, "code/recipes/common"), { recursive: true });
  for (const file of ["__init__.py", "common/__init__.py", "common/protocol.py", "common/launch.py"]) {
    cpSync(join(repository, "recipes", file), join(root, "code/recipes", file));
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A request for a step module with this body; `step` is the protocol's Step. */
function request(body: string, more: Partial<PythonRequest> = {}): PythonRequest {
  const name = `case${++count}`;
  const head = "import json, os, signal, subprocess, sys, time\nfrom recipes.common.protocol import *\n";
  const indented = body.replace(/^/gm, "    ");
  writeFileSync(join(root, `code/recipes/${name}.py`), `${head}def run(step):\n${indented}\n\nmain(run)\n`);
  return {
    python,
    environment: "torchtune",
    code: join(root, "code"),
    module: `recipes.${name}`,
    step: "train",
    params: { rate: 1e-7 },
    inputs: { rows: "/data/rows.jsonl" },
    localPaths: {},
    output: join(root, name, "output"),
    work: join(root, name),
    cores: 2,
    ...more,
  };
}

type Controls = { stop: AbortController; kill: AbortController; progress: Progress[]; log: string };

function start(what: PythonRequest, worker?: WorkerLease) {
  const controls: Controls = {
    stop: new AbortController(),
    kill: new AbortController(),
    progress: [],
    log: join(what.work, "step.log"),
  };
  const { stop, kill, progress, log } = controls;
  const ended = runPython(what, {
    stop: stop.signal,
    kill: kill.signal,
    log,
    onProgress: (update) => progress.push(update),
    worker,
  });
  return { ended, ...controls };
}

async function failure(ended: Promise<unknown>): Promise<UserError> {
  const error = await ended.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

async function until(condition: () => boolean, seconds = 10): Promise<void> {
  for (let waited = 0; !condition(); waited += 50) {
    if (waited > seconds * 1000) throw new Error(`nothing happened within ${seconds} s`);
    await sleep(50);
  }
}

/** Whether a process runs; one that has ended and waits to be reaped does not. */
function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function pids(work: string): number[] {
  return readFileSync(join(work, "pids"), "utf8").trim().split(/\s+/).map(Number);
}

/** Body of a step that starts a worker, writes both process ids, and ignores every request to stop. */
const stubborn = `signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time, signal; signal.signal(15, signal.SIG_IGN); time.sleep(100)"])
partial = step.work / "pids.partial"
partial.write_text(f"{os.getpid()} {worker.pid}")
partial.rename(step.work / "pids")
time.sleep(100)`;

describe("a step with a result", () => {
  test("runs no sitecustomize module of its code folder", async () => {
    const marker = join(root, "sitecustomize-ran");
    writeFileSync(join(root, "code/sitecustomize.py"), `open(${JSON.stringify(marker)}, "w").close()\n`);
    try {
      await start(request("return {}")).ended;
      expect(existsSync(marker)).toBe(false);
    } finally {
      rmSync(join(root, "code/sitecustomize.py"));
    }
  });

  test("child processes find the recipes", async () => {
    const what =
      request(`found = subprocess.run([sys.executable, "-P", "-c", "import recipes; print(recipes.__path__[0])"],
        capture_output=True, text=True, check=True)
return {"found": found.stdout.strip()}`);
    expect(await start(what).ended).toMatchObject({ found: join(root, "code/recipes") });
  });

  test("receives the request, reports progress and returns evidence", async () => {
    const what = request(`assert step.params["rate"] == 1e-7 and step.cores == 2
assert str(step.inputs["rows"]) == "/data/rows.jsonl"
step.progress(force=True, done=1, total=2, unit="steps", loss=0.5)
print("hello")
step.progress(force=True, done=2, total=2, unit="steps", loss=0.25, message="né")
return {"device": "cpu"}`);
    const { ended, progress, log } = start(what);
    expect(await ended).toMatchObject({ device: "cpu", seconds: expect.any(Number), peak_memory: expect.any(Number) });
    expect(progress).toEqual([
      { done: 1, total: 2, unit: "steps", loss: 0.5 },
      { done: 2, total: 2, unit: "steps", loss: 0.25, message: "né" },
    ]);
    expect(readFileSync(log, "utf8")).toBe(`== train: python -m ${what.module} ==\nhello\n`);
  });

  test("fails with its own code, message and help", async () => {
    const what = request(`raise StepFailed("rows-too-long", "3 rows are too long", "raise train.max_length")`);
    const { ended, log } = start(what);
    expect(await failure(ended)).toMatchObject({
      code: "rows-too-long",
      message: "3 rows are too long",
      help: "raise train.max_length",
      log,
    });
  });

  test("fails with the message of an exception, and the traceback is in the log", async () => {
    const { ended, log } = start(request(`{}["missing"]`));
    expect(await failure(ended)).toMatchObject({ code: "recipe-error", message: "KeyError: 'missing'" });
    expect(readFileSync(log, "utf8")).toContain("Traceback");
  });

  test("does not see the result of an earlier attempt", async () => {
    const what = request(`if (step.work / "again").exists(): os._exit(0)
(step.work / "again").write_text("")
step.progress(force=True, done=1)`);
    await start(what).ended;
    const second = start(what);
    expect((await failure(second.ended)).code).toBe("no-result");
    expect(second.progress).toEqual([]);
  });
});

describe("a step without a valid result", () => {
  test("exit 0 without a result is a failure", async () => {
    expect((await failure(start(request("os._exit(0)")).ended)).code).toBe("no-result");
  });

  test("an unknown exit code, a signal and SIGKILL are explained", async () => {
    expect(await failure(start(request("os._exit(7)")).ended)).toMatchObject({
      code: "crashed",
      message: expect.stringContaining("exit code 7"),
    });
    expect(await failure(start(request("os.kill(os.getpid(), signal.SIGSEGV)")).ended)).toMatchObject({
      code: "crashed",
      message: "train crashed (SIGSEGV)",
    });
    expect((await failure(start(request("os.kill(os.getpid(), signal.SIGKILL)")).ended)).code).toBe("killed");
  });

  test("a module that cannot be imported names what is missing", async () => {
    const what = request("pass");
    writeFileSync(join(root, "code/recipes/lacking.py"), "import a_package_that_is_not_there\n");
    expect(await failure(start({ ...what, module: "recipes.lacking" }).ended)).toMatchObject({
      code: "environment-incomplete",
      message: "ModuleNotFoundError: No module named 'a_package_that_is_not_there'",
      help: "the environment is incomplete; run: npx exp setup torchtune",
    });
    expect((await failure(start({ ...what, module: "recipes.absent" }).ended)).code).toBe("crashed");
  });

  test("the error of a missing interpreter has a help text", async () => {
    const what = request("pass", { python: join(root, "none/bin/python") });
    expect(await failure(start(what).ended)).toMatchObject({
      code: "environment-missing",
      help: "run: npx exp setup torchtune",
    });
    mkdirSync(join(root, "broken"));
    writeFileSync(join(root, "broken/python"), "#!/nowhere/python\n", { mode: 0o755 });
    const broken = request("pass", { python: join(root, "broken/python") });
    expect((await failure(start(broken).ended)).code).toBe("environment-missing");
  });

  test("a work folder that is not writable is an error", async () => {
    writeFileSync(join(root, "file"), "");
    const { ended } = start(request("pass", { work: join(root, "file/work") }));
    expect(await failure(ended)).toMatchObject({ code: "cannot-write", message: expect.stringContaining("ENOTDIR") });
  });

  test.each(["{", "null", "[]", '{"schema":1}', '{"schema":2,"status":"ok","evidence":{}}'])(
    "an answer of %s is none",
    async (text) => {
      const body = `(step.work / "result.json").write_text(${JSON.stringify(text)})\nos._exit(0)`;
      expect((await failure(start(request(body)).ended)).code).toBe("no-result");
    },
  );
});

describe("a worker", () => {
  /** The same module, as another step: its own work folder. */
  const another = (what: PythonRequest, name: string): PythonRequest => ({
    ...what,
    step: name,
    work: join(root, name),
  });

  test("answers the next step with what it has loaded, in the folder and log of that step", async () => {
    const body = `known = sys.modules.setdefault("known", [])
known.append(step.name)
print(known)
if step.name == "broken":
    raise StepFailed("broken", "it broke")
return {"pid": os.getpid(), "known": list(known), "in": os.getcwd()}`;
    const what = request(body);
    const worker = new WorkerPool().lease("key") as WorkerLease;
    const first = await start(what, worker).ended;
    rmSync(what.work, { recursive: true });
    const next = start(another(what, "next"), worker);
    expect(await next.ended).toMatchObject({ pid: first.pid, known: ["train", "next"], in: join(root, "next") });
    expect(readFileSync(next.log, "utf8")).toBe(`== next: python -m ${what.module} ==\n['train', 'next']\n`);
    expect((await failure(start(another(what, "broken"), worker).ended)).code).toBe("broken");
    expect([worker.take(), alive(first.pid as number)]).toEqual([undefined, false]);
  });

  test("is replaced after it has ended, forwards interrupts, and ends if no step needs it", async () => {
    const what = request(`if step.name == "slow":
    while not step.stopping:
        time.sleep(0.02)
    raise Interrupted
return {"pid": os.getpid()}`);
    const worker = new WorkerPool().lease("key") as WorkerLease;
    const first = (await start(what, worker).ended).pid as number;
    process.kill(first, "SIGKILL");
    // Until Node.js has taken its exit status, the process is a zombie that the worker takes for a live one.
    await until(() => !existsSync(`/proc/${first}`));
    const second = (await start(another(what, "second"), worker).ended).pid as number;
    expect(second).not.toBe(first);
    const slow = start(another(what, "slow"), worker);
    slow.stop.abort();
    await expect(slow.ended).rejects.toThrow(Interrupted);
    const third = (await start(another(what, "third"), worker).ended).pid as number;
    expect(await worker.close(() => false)).toBe(false);
    expect([second, third].map(alive)).toEqual([false, false]);
  });
});

test("invalid progress lines are ignored", async () => {
  const what = request(`with step.progress_path.open("ab") as file:
    file.write(b'{"done": 1}\\n\\xff\\xfe garbage\\n[]\\n{"done": "x"}\\n{"done": NaN}\\n{"loss": 2.5, "done": {}}\\n')
    file.write(b"x" * 3_000_000 + b"\\n")
    file.write(b'{"done": 2}\\n{"done": 3')`);
  const { ended, progress } = start(what);
  await ended;
  expect(progress).toEqual([{ done: 1 }, { loss: 2.5 }, { done: 2 }]);
});

test("progress arrives while the step runs, also if a line is written in parts", async () => {
  const what = request(`file = step.progress_path.open("a")
file.write('{"done": 1, "to'); file.flush()
time.sleep(0.5)
file.write('tal": 9}\\n'); file.flush()
while not step.stopping: time.sleep(0.02)
raise Interrupted`);
  const { ended, progress, stop } = start(what);
  await until(() => progress.length === 1);
  stop.abort();
  await expect(ended).rejects.toBeInstanceOf(Interrupted);
  expect(progress).toEqual([{ done: 1, total: 9 }]);
});

describe("interrupts", () => {
  test("nothing starts after a stop", async () => {
    const what = request(`(step.work / "ran").write_text("")`);
    const error = runPython(what, {
      stop: AbortSignal.abort(),
      kill: new AbortController().signal,
      log: join(what.work, "step.log"),
      onProgress: () => {},
    });
    await expect(error).rejects.toBeInstanceOf(Interrupted);
    expect(existsSync(join(what.work, "ran"))).toBe(false);
  });

  test("an interrupt during the start is not lost", async () => {
    const { ended, stop } = start(request("while not step.stopping: time.sleep(0.02)\nraise Interrupted"));
    stop.abort();
    await expect(ended).rejects.toBeInstanceOf(Interrupted);
  });

  test("waits for a step that saves slowly", async () => {
    const what = request(`(step.work / "begun").write_text("")
while not step.stopping: time.sleep(0.05)
time.sleep(6)
(step.work / "saved").write_text("")
raise Interrupted`);
    const { ended, stop } = start(what);
    await until(() => existsSync(join(what.work, "begun")));
    stop.abort();
    await expect(ended).rejects.toBeInstanceOf(Interrupted);
    expect(existsSync(join(what.work, "saved"))).toBe(true);
  });

  test("a step that still imports ends at the first interrupt", async () => {
    const what = request("pass");
    writeFileSync(
      join(root, "code/recipes/slow.py"),
      `import os, pathlib, time\npathlib.Path(${JSON.stringify(join(what.work, "importing"))}).write_text("")\ntime.sleep(100)\n`,
    );
    const { ended, stop } = start({ ...what, module: "recipes.slow" });
    await until(() => existsSync(join(what.work, "importing")));
    stop.abort();
    await expect(ended).rejects.toBeInstanceOf(Interrupted);
  });

  test("the second interrupt kills the whole group", async () => {
    const what = request(stubborn);
    const { ended, stop, kill } = start(what);
    await until(() => existsSync(join(what.work, "pids")));
    stop.abort();
    const quick = await Promise.race([ended.catch(() => "ended"), sleep(500, "running")]);
    expect(quick).toBe("running");
    kill.abort();
    await expect(ended).rejects.toBeInstanceOf(Interrupted);
    await until(() => pids(what.work).every((pid) => !alive(pid)));
  });

  test("child processes of a step end with it", async () => {
    const what = request(`worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
(step.work / "pids").write_text(str(worker.pid))`);
    await start(what).ended;
    await until(() => pids(what.work).every((pid) => !alive(pid)));
    const secret = { secrets: ["EXP_TEST_API_KEY"] };
    const piped = request(`worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])`, secret);
    await start(piped).ended;
  });
});

describe("a runner that is killed", () => {
  /** Runs the runner's own code in another Node process, which ends as `how` says once the step runs. */
  async function orphan(what: PythonRequest, how: string): Promise<void> {
    const entry = join(root, `runner${count}.mjs`);
    await build({
      stdin: {
        contents: `import { existsSync } from "node:fs";
import { runPython } from ${JSON.stringify(join(repository, "runner/execution/python.ts"))};
const never = new AbortController().signal;
const what = ${JSON.stringify(what)};
runPython(what, { stop: never, kill: never, log: what.work + "/step.log", onProgress() {} }).catch(() => {});
setInterval(() => { if (existsSync(what.work + "/pids")) { ${how} } }, 20);`,
        resolveDir: repository,
      },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: entry,
      banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    });
    const runner = spawn(process.execPath, [entry], { stdio: "inherit" });
    await once(runner, "exit");
    expect(existsSync(join(what.work, "pids"))).toBe(true);
    await until(() => pids(what.work).every((pid) => !alive(pid)));
  }

  test("by kill -9: the group ends within 10 s", () =>
    orphan(request(stubborn), `process.kill(process.pid, "SIGKILL")`));

  test("by kill -9 while the step imports: the group ends within 10 s", async () => {
    const what = request("pass");
    writeFileSync(
      join(root, "code/recipes/importing.py"),
      `import os, pathlib, time\npathlib.Path(${JSON.stringify(join(what.work, "pids"))}).write_text(str(os.getpid()))\ntime.sleep(100)\n`,
    );
    await orphan({ ...what, module: "recipes.importing" }, `process.kill(process.pid, "SIGKILL")`);
  });

  test("by process.exit: the group ends", () => orphan(request(stubborn), "process.exit(1)"));
});

describe("the environment of a step", () => {
  const variables = {
    HF_TOKEN: "hf_secretsecretsecretsecret",
    SOME_API_KEY: "key-abcdefgh",
    EXP_TEST_API_KEY: "key-12345678",
    HTTPS_PROXY: "http://me:pass@proxy:1",
    PRIVATE: "x",
    SLURM_JOB_ID: "7",
    SLURM_JWT: "eyJsecret",
    NVIDIA_API_KEY: "nvapi-secret",
    NCCL_SECRET: "x",
    LC_MY_PASSWORD: "x",
    PYTHONSTARTUP: "/x",
  };
  beforeAll(() => void Object.assign(process.env, variables));
  afterAll(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });

  test("has variables from an allow-list", async () => {
    const body = `return {"env": dict(os.environ), "path": sys.path, "argv": len(sys.argv)}`;
    const { env, path, argv } = (await start(request(body)).ended) as unknown as {
      env: Record<string, string>;
      path: string[];
      argv: number;
    };
    const hidden = ["HF_TOKEN", "SOME_API_KEY", "HTTPS_PROXY", "PRIVATE", "PYTHONSTARTUP", "VITEST"];
    for (const name of [...hidden, "SLURM_JWT", "NVIDIA_API_KEY", "NCCL_SECRET", "LC_MY_PASSWORD"]) {
      expect(env).not.toHaveProperty(name);
    }
    expect(env).toMatchObject({ SLURM_JOB_ID: "7", OMP_NUM_THREADS: "2", HF_HUB_OFFLINE: "1", PYTHONHASHSEED: "0" });
    expect(path[0]).toBe(join(root, "code"));
    expect(path).not.toContain("");
    expect(argv).toBe(2);
  });

  test("has network, secrets and variables on request", async () => {
    const body = `return {"env": sorted(os.environ), "gpus": os.environ["CUDA_VISIBLE_DEVICES"]}`;
    const more = { network: true, secrets: ["HF_TOKEN"], variables: { CUDA_VISIBLE_DEVICES: "1" } };
    const { env, gpus } = await start(request(body, more)).ended;
    expect(env).toContain("HF_TOKEN");
    expect(env).toContain("HTTPS_PROXY");
    expect(env).not.toContain("SOME_API_KEY");
    expect(env).not.toContain("HF_HUB_OFFLINE");
    expect(gpus).toBe("1");
  });

  test("does not import modules from the work folder", async () => {
    const what = request("import random\nreturn {'file': random.__file__}");
    mkdirSync(what.work, { recursive: true });
    writeFileSync(join(what.work, "random.py"), "raise SystemExit('shadowed')\n");
    expect((await start(what).ended).file).not.toContain(what.work);
  });

  test("redacts secrets in log, progress, evidence and errors", async () => {
    const body = `token = os.environ["EXP_TEST_API_KEY"]
print("out", token, flush=True)
print("err", token, file=sys.stderr, flush=True)
step.progress(force=True, message=token)
if step.params["fail"]: raise ValueError(token)
return {"token": token}`;
    const secrets = ["EXP_TEST_API_KEY"];
    const good = start(request(body, { secrets, params: { fail: false } }));
    expect((await good.ended).token).toBe("[redacted]");
    expect(good.progress).toEqual([{ message: "[redacted]" }]);
    const log = readFileSync(good.log, "utf8");
    expect(log).toContain("out [redacted]\n");
    expect(log).toContain("err [redacted]\n");
    const bad = start(request(body, { secrets, params: { fail: true } }));
    expect((await failure(bad.ended)).message).toBe("ValueError: [redacted]");
    expect(readFileSync(bad.log, "utf8")).not.toContain("12345678");
  });
});
