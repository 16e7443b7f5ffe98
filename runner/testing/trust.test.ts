/**
 * Studies, runs and stores of other users: they cannot send, read or write data without permission, or forge results.
 */

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { RequestListener } from "node:http";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect } from "vitest";
import { takeSnapshot } from "../execution/snapshot.ts";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { metricPrivilege } from "../project/trust.ts";
import { readRun } from "../runs/finished-runs.ts";
import { expectIntact, hasOwnSchema } from "../runs/intact-run.ts";
import { type Manifest, parseManifest } from "../runs/manifest.ts";
import { outputFolder, runDigits } from "../runs/run-folder.ts";
import { listingDigest, openDigests } from "../store/digest.ts";
import { sha256 } from "../util/canonical.ts";
import { completion, startServer } from "./chat-server.ts";
import { type CommandResult, expectFailure, type PlanJson } from "./command.ts";
import { reseal } from "./reseal.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/served.yaml";
const secret = "a-secret-of-this-user";

/** Address of this machine that is not loopback. */
const address =
  Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "192.0.2.1";

/**
 * A server on every address of this machine that answers each request, and the Authorization headers that it received.
 */
async function serve(rig: Rig): Promise<{ readonly port: number; readonly keys: (string | undefined)[] }> {
  const keys: (string | undefined)[] = [];
  const listener: RequestListener = (request, response) => {
    keys.push(request.headers.authorization);
    response.end(completion("liver cyst"));
  };
  const { port } = await startServer(rig, listener, "0.0.0.0");
  return { port, keys };
}

function served(baseUrl: string, more = ""): string {
  return `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: 2}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "${baseUrl}"${more}}
baselines: []
report: {xlsx: false}
`;
}

describe("a key", () => {
  test("is sent to no server that the user did not pair with it", async ({ rig }) => {
    const { port, keys } = await serve(rig);
    const origin = `http://${address}:${port}`;
    rig.write(file, served(`${origin}/v1`, ", api_key_env: AWS_SECRET_ACCESS_KEY"));
    rig.env = { ...rig.env, AWS_SECRET_ACCESS_KEY: secret };
    const line = `keys: {AWS_SECRET_ACCESS_KEY: "${origin}"}`;
    const refused = await rig.exp("run", file);
    expectFailure(refused, 2, "key-not-paired");
    expect(refused.stderr).toContain(`${join(rig.config, "exp/config.yaml")}: ${line}`);
    expectFailure(await rig.exp("plan", file), 0, "key-not-paired");
    // Another port and another scheme are other origins.
    for (const pair of [`http://${address}:${port + 1}`, `https://${address}:${port}`]) {
      const env = { EXP_KEY_ORIGINS: `AWS_SECRET_ACCESS_KEY=${pair}` };
      expectFailure(await rig.start(["run", file], { env }).ended, 2, "key-not-paired");
    }
    expect(keys).toEqual([]);

    rig.write(join(rig.config, "exp/config.yaml"), `${line}\n`);
    await rig.build(file);
    expect(keys).toEqual([`Bearer ${secret}`, `Bearer ${secret}`]);
    const env = { EXP_KEY_ORIGINS: `AWS_SECRET_ACCESS_KEY=${origin}` };
    rig.remove(join(rig.config, "exp"));
    await rig.start(["run", file, "--force", "generate.zero_shot"], { env }).ended;
    expect(keys).toHaveLength(4);
  });

  test("goes to loopback, and a known key to the server of its maker only", async ({ rig }) => {
    const { port, keys } = await serve(rig);
    rig.env = { ...rig.env, OPENAI_API_KEY: secret };
    rig.write(file, served(`http://127.0.0.1:${port}/v1`, ", api_key_env: OPENAI_API_KEY"));
    await rig.build(file);
    expect(keys).toEqual([`Bearer ${secret}`, `Bearer ${secret}`]);
    rig.removeArtifacts();
    for (const other of [
      "https://api.openai.com.example.org/v1",
      "http://api.openai.com/v1",
      "http://127.0.0.1.nip.io/v1",
    ]) {
      rig.write(file, served(other, ", api_key_env: OPENAI_API_KEY"));
      expectFailure(await rig.exp("run", file), 2, "key-not-paired");
    }
    rig.write(file, served("https://api.openai.com/v1", ", api_key_env: OPENAI_API_KEY"));
    expect((await rig.exp("plan", file)).stderr).not.toContain("key-not-paired");
    // A name that every object has is no variable.
    rig.write(file, served("http://127.0.0.1:9/v1", ", api_key_env: __proto__, retries: 0"));
    expectFailure(await rig.exp("run", file), 1, "no-api-key");
  });

  test("of an unreadable configuration is not guessed", async ({ rig }) => {
    rig.write(file, served("https://api.example.com/v1", ", api_key_env: MY_KEY"));
    for (const text of [
      "keys: [MY_KEY]",
      "keys: {MY_KEY: nowhere}",
      "key: {MY_KEY: https://api.example.com}",
      "keys: {",
    ]) {
      rig.write(join(rig.config, "exp/config.yaml"), text);
      expectFailure(await rig.exp("run", file), 2, "bad-user-config");
    }
  });
});

/** Asserts the failure `untrusted`, whose message contains each line of `listed`. */
function expectUntrusted(result: CommandResult, ...listed: readonly (string | RegExp)[]): void {
  expectFailure(result, 3, "untrusted", ...listed);
}

/** Makes the study look like a package of `exp export`. */
function asExport(rig: Rig): void {
  rig.write("runs/study/12345678/manifest.json", "{}");
  rig.write("checklist.md", "# Checklist\n");
}

describe("a study of another author", () => {
  test("sends prompts to a server only after --trust, once for each list", async ({ rig }) => {
    const { port, keys } = await serve(rig);
    asExport(rig);
    rig.write(file, served(`http://127.0.0.1:${port}/v1`));
    for (const command of ["run", "plan", "check", "preview", "data"]) {
      const refused = await rig.exp(command, file);
      expectUntrusted(refused, `generate.base_url: "http://127.0.0.1:${port}/v1"`, 'generate.engine: "openai"');
    }
    expect(keys).toEqual([]);
    const { code, stderr } = await rig.exp("run", file, "--trust");
    expect([code, stderr]).toEqual([0, expect.stringContaining(`generate.base_url: "http://127.0.0.1:${port}/v1"`)]);
    expect(keys).toHaveLength(2);
    await rig.output("plan", file);
    expect(readdirSync(join(rig.config, "exp/trusted"))).toHaveLength(1);
    // Another address, another key, and the same list in another project are other lists.
    rig.write(file, served(`http://127.0.0.1:${port}/v2`));
    expectUntrusted(await rig.exp("run", file));
    rig.write(file, served(`http://127.0.0.1:${port}/v1`, ", api_key_env: HOME"));
    expectUntrusted(await rig.exp("run", file), /generate.api_key_env: "HOME"/);
    rig.write(file, served(`http://127.0.0.1:${port}/v1`));
    rig.move("elsewhere");
    expectUntrusted(await rig.exp("run", file));
    expect(keys).toHaveLength(2);
  });

  test("runs no shell line, uploads nothing and reads no file outside", async ({ rig }) => {
    asExport(rig);
    const study = rig.read("experiments/study.yaml");
    rig.write("../secret.txt", "root:x:0:0\n");
    const attacks: readonly (readonly [string, RegExp])[] = [
      [
        `${study}resources: {slurm: {setup: ["module load\u3164${" ".repeat(200)}x\u2003y"]}}\n`,
        /module load\\u\{3164\}\\u\{20\} x 200x\\u\{2003\}y/,
      ],
      [`${study}resources: {slurm: {setup: ["touch /tmp/owned"]}}\n`, /resources.slurm.setup: \["touch/],
      [`${study}resources: {slurm: {extra: ["--wrap=id"]}}\n`, /resources.slurm.extra/],
      [
        study.replace('{separator: ","}', '{separator: ",", synonyms: ../../secret.txt}'),
        /file outside the study: ".*secret.txt"/,
      ],
      [`extends: ../../secret.txt\n${study}`, /file outside the study: ".*secret.txt"/],
      [
        study.replace("template: prompts/ask.hbs", "template: ../../secret.txt"),
        /file outside the study: ".*secret.txt"/,
      ],
    ];
    for (const [text, words] of attacks) {
      expect(text).not.toBe(study);
      rig.write("experiments/study.yaml", text);
      const refused = await rig.exp("run", "experiments/study.yaml");
      expectUntrusted(refused, words);
      expect(`${refused.stderr}${refused.stdout}`).not.toContain("root:x");
    }
    // A glob shows neither files nor folders outside.
    const train = /train: \{file: [^},]*/;
    for (const glob of ["../../*.txt", "../../*.none"]) {
      rig.write("experiments/study.yaml", study.replace(train, `train: {file: "${glob}"`));
      const refused = await rig.exp("check", "experiments/study.yaml");
      expectUntrusted(refused, /file outside the study/);
      if (glob.endsWith("none")) expect(refused.stderr).not.toContain("secret");
    }
    // A link inside the study to a file outside is a file outside.
    rig.write("experiments/study.yaml", study);
    rig.remove("experiments/data/test.csv");
    execFileSync("ln", ["-s", rig.path("../secret.txt"), rig.path("experiments/data/test.csv")]);
    expectUntrusted(await rig.exp("check", "experiments/study.yaml"), /file outside the study: ".*test.csv"/);
    rig.remove("experiments/data/test.csv");
  });

  test("is recognised by its owner, and in a clone by the author of the last commit", async ({ rig }) => {
    const slurm = 'resources: {slurm: {setup: ["module load x"]}}\n';
    rig.append("experiments/study.yaml", slurm);
    const check = () => rig.exp("check", "experiments/study.yaml");
    expect((await check()).code).toBe(0);
    const git = (...args: readonly string[]) => execFileSync("git", ["-C", rig.folder, ...args], { stdio: "pipe" });
    git("init", "-q");
    git("add", ".");
    git("-c", "user.name=x", "-c", "user.email=a@example.com", "commit", "-qm", "x");
    expect((await check()).code).toBe(0);
    git("remote", "add", "origin", "https://example.com/x.git");
    expectUntrusted(await check(), /a@example.com.*\n.*resources.slurm.setup/);
    // A folder with the layout of a bare repository is no repository for git, and its settings have no remote.
    rig.write("experiments/HEAD", "ref: refs/heads/main\n");
    for (const name of ["objects", "refs"]) mkdirSync(rig.path(join("experiments", name)));
    expectUntrusted(await check(), /git cannot tell/);
    for (const name of ["HEAD", "objects", "refs"]) rig.remove(join("experiments", name));
    // Settings of the repository run no program and name no user.
    git("config", "user.email", "a@example.com");
    git("config", "core.fsmonitor", `touch ${rig.path("owned")}`);
    expectUntrusted(await check());
    expect(existsSync(rig.path("owned"))).toBe(false);
    // --trust is asked once. A pulled change of the list asks again.
    const allowed = await rig.exp("check", "experiments/study.yaml", "--trust");
    expect([allowed.code, allowed.stderr]).toEqual([0, expect.stringContaining("resources.slurm.setup")]);
    await rig.output("check", "experiments/study.yaml");
    await rig.output("plan", "experiments/study.yaml");
    rig.edit("experiments/study.yaml", "module load x", "module load y");
    git("-c", "user.name=x", "-c", "user.email=a@example.com", "commit", "-qam", "y");
    expectUntrusted(await check(), "module load y");
    rig.write(join(rig.config, "git/config"), "[user]\n email = a@example.com\n");
    rig.env = { ...rig.env, HOME: rig.config };
    expect((await check()).code).toBe(0);
    if (process.getuid?.() !== 0) return;
    chownSync(rig.path("experiments/study.yaml"), 12345, 12345);
    expectUntrusted(await check(), /another user, who owns experiments\/study.yaml/);
  });
});

describe("a clone", () => {
  const privileged = 'resources: {slurm: {setup: ["module load x"]}}\n';

  /** A repository in the study's folder with a remote, and a user whose address is known to everybody. */
  function repository(rig: Rig): (author: string, ...args: readonly string[]) => void {
    rig.write(join(rig.config, "git/config"), "[user]\n email = user@example.com\n");
    rig.env = { ...rig.env, HOME: rig.config };
    const git = (author: string, ...args: readonly string[]): void => {
      const identity = ["-c", "user.name=x", "-c", `user.email=${author}@example.com`];
      execFileSync("git", ["-C", rig.folder, ...identity, ...args], { stdio: "pipe" });
    };
    git("user", "init", "-q");
    git("user", "remote", "add", "origin", "https://example.com/x.git");
    return git;
  }

  test("needs permission for commits that the user only moved, and not for own ones", async ({ rig }) => {
    const git = repository(rig);
    rig.write("a", "1");
    git("user", "add", "a");
    git("user", "commit", "-qm", "base");
    rig.append("experiments/study.yaml", privileged);
    git("user", "add", ".");
    // The author of a pull request states the address of the user.
    git("other", "commit", "-qm", "x", "--author=x <user@example.com>");
    rig.remove(".git/logs");
    rig.write("a", "2");
    git("user", "commit", "-qam", "y");
    const check = () => rig.exp("check", "experiments/study.yaml");
    expectUntrusted(await check(), /user@example.com committed study.yaml/);
    const hash = (name: string): string =>
      execFileSync("git", ["-C", rig.folder, "rev-parse", name], { encoding: "utf8" }).trim();
    git("user", "checkout", "-q", hash("HEAD~2"));
    git("user", "commit", "-q", "--allow-empty", "-m", "main");
    const main = hash("HEAD");
    git("user", "checkout", "-q", "-");
    git("user", "rebase", "-q", "--onto", main, hash("HEAD~2"));
    expectUntrusted(await check());
    git("user", "reset", "-q", "--hard", "HEAD~1");
    git("user", "commit", "-q", "--amend", "-m", "other");
    expectUntrusted(await check());
    // An own change stays the user's, also if it is amended or rebased.
    rig.append("experiments/study.yaml", "# own\n");
    git("user", "commit", "-qam", "own");
    expect((await check()).code).toBe(0);
    rig.append("experiments/study.yaml", "# more\n");
    git("user", "commit", "-qa", "--amend", "-m", "more");
    expect((await check()).code).toBe(0);
    git("user", "checkout", "-q", hash("HEAD~1"));
    git("user", "commit", "-q", "--allow-empty", "-m", "side");
    const side = hash("HEAD");
    git("user", "checkout", "-q", "-");
    git("user", "rebase", "-q", side);
    expect((await check()).code).toBe(0);
    git("user", "commit", "-q", "--amend", "-m", "again");
    expect((await check()).code).toBe(0);
  });

  test("needs permission for an experiment of another author that an own one compares with", async ({ rig }) => {
    const git = repository(rig);
    rig.write(
      "experiments/theirs.yaml",
      `${rig.read("experiments/study.yaml").replace(/^name: .*/m, "name: theirs")}${privileged}`,
    );
    git("user", "add", ".");
    git("other", "commit", "-qm", "x");
    rig.write(
      "experiments/mine.yaml",
      `${rig.read("experiments/study.yaml").replace(/^name: .*/m, "name: mine")}compare: [theirs]\n`,
    );
    git("user", "add", ".");
    git("user", "commit", "-qm", "y");
    expectUntrusted(
      await rig.exp("check", "experiments/mine.yaml"),
      /other@example.com committed theirs.yaml/,
      "module load x",
    );
  });

  test("needs permission for each file that a link of another author leads to, and exports none", async ({ rig }) => {
    const git = repository(rig);
    rig.append("experiments/study.yaml", "report: {xlsx: false, notes: ../notes.md}\n");
    rig.write("notes.md", "# Title\n");
    rig.write(".gitignore", ".env\nartifacts\n");
    rig.write(".env", "TOKEN=1\n");
    git("user", "add", ".");
    git("user", "commit", "-qm", "own");
    await rig.build("experiments/study.yaml");
    const check = () => rig.exp("check", "experiments/study.yaml");
    const link = (name: string, target: string): void => {
      rmSync(rig.path(name), { force: true });
      symlinkSync(target, rig.path(name));
      git("user", "add", ".");
      git("other", "commit", "-qm", name);
    };
    const source = rig.read("experiments/data/test.csv");
    for (const name of ["a", "b"]) rig.write(`../${name}.csv`, source);
    link("experiments/data/test.csv", rig.path("../a.csv"));
    const shown = (name: string): string =>
      `file outside the study: "${rig.path("experiments/data/test.csv")}", a link to "${rig.path(`../${name}.csv`)}"`;
    expectUntrusted(await check(), /other@example.com committed test.csv/, shown("a"));
    expect((await rig.exp("check", "experiments/study.yaml", "--trust")).code).toBe(0);
    expect((await check()).code).toBe(0);
    // A permission names the file that the link led to.
    link("experiments/data/test.csv", rig.path("../b.csv"));
    expectUntrusted(await check(), shown("b"));
    link("experiments/data/test.csv", "train.csv");
    expectUntrusted(
      await check(),
      'link of the study: "experiments/data/test.csv" leads to "experiments/data/train.csv"',
    );
    rig.remove("experiments/data/test.csv");
    rig.write("experiments/data/test.csv", source);
    // The reasons for the prompts are read by name.
    for (const name of ["notes.md", "prompts/README.md"]) {
      link(name, name === "notes.md" ? ".env" : "../.env");
      expectUntrusted(await check(), `link of the study: "${name}" leads to ".env"`);
      expectFailure(await rig.exp("checklist", "study"), 3, "linked-file", `${name} is a link that leads to .env`);
      rig.remove(name);
      rig.write(name, "# Title\n");
    }
    rig.edit("experiments/study.yaml", "../notes.md", "../.env");
    git("user", "add", ".");
    git("other", "commit", "-qm", "x");
    expectUntrusted(await check(), 'hidden file of the study: ".env"');
  });

  test("is recognised without a remote if it has fetched, and if the environment names another repository", async ({
    rig,
  }) => {
    const git = repository(rig);
    rig.append("experiments/study.yaml", privileged);
    git("user", "add", ".");
    git("other", "commit", "-qm", "x");
    const empty = rig.path("../empty");
    execFileSync("git", ["init", "-q", empty]);
    const check = (env = {}) => rig.start(["check", "experiments/study.yaml"], { env }).ended;
    expectUntrusted(await check({ GIT_DIR: join(empty, ".git"), GIT_WORK_TREE: rig.folder }));
    git("user", "remote", "remove", "origin");
    expect((await check()).code).toBe(0);
    rig.write(".git/FETCH_HEAD", "");
    expectUntrusted(await check());
    // Each working tree records its own fetches, and shares the commits.
    const other = rig.path("../other");
    git("user", "worktree", "add", "-q", "-f", other, "HEAD");
    const checkIn = (cwd: string) => rig.start(["check", "experiments/study.yaml"], { cwd }).ended;
    expectUntrusted(await checkIn(other));
    rig.remove(".git/FETCH_HEAD");
    expect((await checkIn(other)).code).toBe(0);
    rig.write(".git/worktrees/other/FETCH_HEAD", "");
    expectUntrusted(await check());
    rig.remove(".git/worktrees/other/FETCH_HEAD");
    expect((await check()).code).toBe(0);
    // A git that prints nothing tells nothing.
    rig.write("../silent/git", "#!/bin/sh\n");
    chmodSync(rig.path("../silent/git"), 0o755);
    expectUntrusted(await check({ PATH: `${rig.path("../silent")}:${process.env.PATH}` }), /git cannot tell/);
  });

  test("needs permission for lines of others that a merge brought into a file of the user", async ({ rig }) => {
    const git = repository(rig);
    const check = () => rig.exp("check", "experiments/study.yaml");
    const original = rig.read("experiments/study.yaml");
    rig.write("a", "1");
    git("user", "add", ".");
    git("user", "commit", "-qm", "base");
    git("user", "branch", "own");
    git("user", "checkout", "-q", "-b", "side");
    rig.append("experiments/study.yaml", privileged);
    rig.write("a", "2");
    git("other", "commit", "-qam", "x", "--author=x <user@example.com>");
    git("user", "checkout", "-q", "own");
    // The author's log of references is not on this machine.
    rig.remove(".git/logs/refs/heads/side");
    const log = rig.read(".git/logs/HEAD").split("\n");
    rig.write(".git/logs/HEAD", log.filter((line) => !line.endsWith("commit: x")).join("\n"));
    rig.write("experiments/study.yaml", `# own\n${original}`);
    rig.write("a", "3");
    git("user", "commit", "-qam", "own");
    expect((await check()).code).toBe(0);
    // The merge stops at the other file, so that the user commits it.
    expect(() => git("user", "merge", "-q", "side")).toThrow();
    rig.write("a", "4");
    git("user", "commit", "-qam", "merged");
    expect(rig.read(".git/logs/HEAD")).toContain("commit (merge): merged");
    expectUntrusted(await check(), "module load x");
    // A merge of own changes is the user's.
    git("user", "reset", "-q", "--hard", "HEAD~1");
    git("user", "checkout", "-q", "-b", "more");
    rig.append("experiments/study.yaml", "# more\n");
    rig.write("a", "5");
    git("user", "commit", "-qam", "more");
    git("user", "checkout", "-q", "own");
    rig.write("experiments/study.yaml", `# changed\n${rig.read("experiments/study.yaml")}`);
    rig.write("a", "6");
    git("user", "commit", "-qam", "changed");
    expect(() => git("user", "merge", "-q", "more")).toThrow();
    rig.write("a", "7");
    git("user", "commit", "-qam", "both");
    expect((await check()).code).toBe(0);
  });

  test("cancels no job that its files name", async ({ rig }) => {
    const git = repository(rig);
    const program = (name: string, body: string): void => {
      rig.write(`../bin/${name}`, `#!/bin/sh\n${body}\n`);
      chmodSync(rig.path(`../bin/${name}`), 0o755);
    };
    const listed = (comment: string): void => program("squeue", `echo "77|N/A|RUNNING|n1|None|1:00|${comment}"`);
    program("scancel", `echo "$@" >> ${rig.path("../cancelled")}`);
    rig.env = { ...rig.env, PATH: `${rig.path("../bin")}:${process.env.PATH}` };
    const id = "20260101-000000-aaaa";
    const plan = { schema: 1, id, created: "2026-01-01", executor: "slurm", snapshot: "/", options: {} };
    const runs = [{ experiment: "study", coordinates: "", id: "r" }];
    rig.write(`artifacts/jobs/${id}/plan.json`, JSON.stringify({ ...plan, runs }));
    const jobs = (job: string): void => rig.write(`artifacts/jobs/${id}/jobs.json`, JSON.stringify({ 0: job }));
    jobs("77");
    git("user", "add", "--force", ".");
    git("other", "commit", "-qm", "x");
    listed(`exp ${id}`);
    expectFailure(await rig.exp("cancel", "study"), 3, "untrusted", "names jobs of yours");
    rig.remove(".git");
    // The number is that of another submission's job, or no number.
    listed("exp 20260101-000000-bbbb");
    expect(await rig.output("cancel", "study")).toBe("study has no queued or running job\n");
    listed(`exp ${id}`);
    jobs("--user=x");
    expectFailure(await rig.exp("cancel", "study"), 2, "job-not-found");
    expect(existsSync(rig.path("../cancelled"))).toBe(false);
    jobs("77");
    await rig.output("cancel", "study");
    expect(rig.read("../cancelled")).toBe("77\n");
  });

  test("runs no frozen plan that came with it", async ({ rig }) => {
    const git = repository(rig);
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    rig.write("artifacts/jobs/a/plan.json", JSON.stringify({ schema: 1, exp: version, executor: "slurm", loaded: [] }));
    git("user", "add", "--force", ".");
    git("other", "commit", "-qm", "x");
    const refused = await rig.exp("job", "artifacts/jobs/a/plan.json", "0");
    expectFailure(refused, 3, "untrusted", "other@example.com committed plan.json");
  });

  test("needs permission if another author wrote a file that the user's experiment extends", async ({ rig }) => {
    const git = repository(rig);
    rig.write("experiments/own.yaml", "name: own\nextends: study.yaml\n");
    rig.append("experiments/study.yaml", privileged);
    git("user", "add", ".");
    git("user", "commit", "-qm", "x");
    expect((await rig.exp("check", "experiments/own.yaml")).code).toBe(0);
    rig.append("experiments/study.yaml", "# more\n");
    git("other", "commit", "-qam", "y");
    expectUntrusted(await rig.exp("check", "experiments/own.yaml"), /other@example.com committed study.yaml/);
  });

  test("needs permission although its commits have the address of the user", async ({ rig }) => {
    const git = repository(rig);
    rig.append("experiments/study.yaml", privileged);
    git("user", "add", ".");
    git("user", "commit", "-qm", "x");
    const clone = rig.path("../clone");
    execFileSync("git", ["clone", "-q", rig.folder, clone], { stdio: "pipe" });
    rig.folder = clone;
    expectUntrusted(await rig.exp("check", "experiments/study.yaml"), /user@example.com committed study.yaml/);
  });

  test("needs permission through a linked folder, and if git cannot read it", async ({ rig }) => {
    const git = repository(rig);
    rig.append("experiments/study.yaml", privileged);
    renameSync(rig.path("experiments"), rig.path("hidden"));
    symlinkSync("hidden", rig.path("experiments"));
    git("other", "add", ".");
    git("other", "commit", "-qm", "x");
    expectUntrusted(await rig.exp("check", "experiments/study.yaml"), /other@example.com committed study.yaml/);
    rig.append(".git/config", "[core\n");
    expectUntrusted(await rig.exp("check", "experiments/study.yaml"), /git cannot tell who committed study.yaml/);
  });

  test("needs permission before exp pin reads or changes a file outside it, also through a link", async ({ rig }) => {
    const git = repository(rig);
    const outside = rig.path("../shared.yaml");
    const text = "model: {base: me/open}\n";
    rig.write("../shared.yaml", text);
    const listed = /file outside the study: ".*"\n +exp pin changes a file outside the study: ".*"/;
    const pin = async (name: string): Promise<void> => {
      expectUntrusted(await rig.exp("pin", name), listed);
      expect(readFileSync(outside, "utf8")).toBe(text);
    };
    rig.write("experiments/a.yaml", "extends: ../../shared.yaml\n");
    rig.write("experiments/b.yaml", "extends: link.yaml\n");
    symlinkSync(outside, rig.path("experiments/link.yaml"));
    git("other", "add", ".");
    git("other", "commit", "-qm", "x");
    await pin("experiments/a.yaml");
    await pin("experiments/b.yaml");
    // The file is the user's own. The link to it is not.
    await pin("experiments/link.yaml");
    rig.write("../shared.yaml", "a secret\n");
    const refused = await rig.exp("pin", "experiments/a.yaml");
    expectUntrusted(refused, /file outside the study/);
    expect(refused.stderr).not.toContain("a secret");
  });

  test("writes and deletes nothing behind a link below artifacts/ that leaves it", async ({ rig }) => {
    const git = repository(rig);
    const outside = rig.path("../outside");
    rig.write(`../outside/objects/${"a".repeat(64)}/precious`, "x");
    for (const link of [
      "artifacts",
      "artifacts/store",
      "artifacts/runs",
      "artifacts/runs/study",
      "artifacts/reports",
    ]) {
      mkdirSync(dirname(rig.path(link)), { recursive: true });
      symlinkSync(outside, rig.path(link));
      git("user", "add", "--force", link);
      // The user's own link may lead to another disk.
      if (link === "artifacts/reports") expect((await rig.exp("gc")).code).toBe(0);
      git("other", "commit", "-qm", link);
      const refused = await rig.exp("gc");
      expectFailure(refused, 3, "linked-folder", link);
      expect(existsSync(join(outside, `objects/${"a".repeat(64)}/precious`))).toBe(true);
      git("other", "rm", "-q", "--cached", link);
      rig.remove(link);
    }
  });

  test("gives no cache hit with results that the repository has, and those of another user neither", async ({
    rig,
  }) => {
    await rig.build("experiments/study.yaml");
    const git = repository(rig);
    git("user", "add", "--force", ".");
    git("user", "commit", "-qm", "x");
    expectUntrusted(await rig.exp("run", "experiments/study.yaml"), /results that the repository has: "artifacts"/);
    const index = readFileSync(rig.path(".git/index"));
    rig.write(".git/index", "damaged");
    expectUntrusted(await rig.exp("run", "experiments/study.yaml"), /results in a repository that git cannot read/);
    rig.write(".git/index", index);
    // A permission names what the index has. Of a link that is its target, not the content there.
    const [record] = readdirSync(rig.path("artifacts/store/keys")) as [string];
    for (const name of [`artifacts/store/keys/${record}`, 'artifacts/predictions/"\té', "artifacts"]) {
      const isPlanted = !existsSync(rig.path(name));
      if (isPlanted) rig.write("kept", "x");
      else renameSync(rig.path(name), rig.path("kept"));
      mkdirSync(dirname(rig.path(name)), { recursive: true });
      symlinkSync(rig.path("kept"), rig.path(name));
      git("user", "add", "--force", name);
      git("other", "commit", "-qm", "link");
      expectFailure(
        await rig.exp("run", "experiments/study.yaml", "--trust"),
        3,
        "linked-folder",
        "in the place of results",
      );
      rig.remove(name);
      if (isPlanted) rig.remove("kept");
      else renameSync(rig.path("kept"), rig.path(name));
      git("user", "reset", "-q", "--soft", "HEAD~1");
      rig.write(".git/index", index);
    }
    // A machine without git, such as a container, cannot tell either.
    const env = { PATH: rig.path("../no-programs") };
    expectUntrusted(await rig.start(["run", "experiments/study.yaml"], { env }).ended, /git cannot read/);
    expect((await rig.exp("run", "experiments/study.yaml", "--trust")).code).toBe(0);
    rig.remove(".git");
    expect((await rig.exp("run", "experiments/study.yaml")).code).toBe(0);
    if (process.getuid?.() !== 0) return;
    chownSync(rig.path("artifacts/store/keys"), 12345, 12345);
    const run = (...args: readonly string[]) => rig.exp("run", "experiments/study.yaml", ...args);
    expectUntrusted(await run(), /another user stored: "artifacts\/store\/keys", sha256 [0-9a-f]{40} /);
    expect((await run("--trust")).code).toBe(0);
    // Own results need no permission. A later result of the other user does, in a folder of this user too.
    rig.append("experiments/data/answers.jsonl", "\n");
    expect((await run()).code).toBe(0);
    const [key] = readdirSync(rig.path("artifacts/store/keys")) as [string];
    for (const [owner, mode] of [
      [12345, 0o755],
      [0, 0o777],
    ] as const) {
      chownSync(rig.path("artifacts/store/keys"), owner, owner);
      chmodSync(rig.path("artifacts/store/keys"), mode);
      rig.append(`artifacts/store/keys/${key}`, " ");
      chownSync(rig.path(`artifacts/store/keys/${key}`), 12345, 12345);
      expectUntrusted(await run(), /another user stored: /);
      expect((await run("--trust")).code).toBe(0);
      expect((await run()).code).toBe(0);
    }
    // A metric's permission names its bytes, not their reading as UTF-8.
    const metric = (byte: number): string => {
      writeFileSync(rig.path("metric.py"), Buffer.from([0x23, byte]));
      return metricPrivilege({ name: "own", file: rig.path("metric.py") }, rig.folder);
    };
    expect(metric(0xe9)).not.toBe(metric(0xe8));
  });
});

describe("another user who can write to artifacts/", () => {
  test("leaves no answers from which a step resumes", async ({ rig }) => {
    if (process.getuid?.() !== 0) return;
    const { port, keys } = await serve(rig);
    rig.write(file, served(`http://127.0.0.1:${port}/v1`));
    await rig.build(file, "--until", "prompt.zero_shot");
    const { steps } = await rig.json<PlanJson>("plan", file);
    const key = steps.find(({ id }) => id === "generate.zero_shot")?.key;
    const work = `artifacts/work/${key}`;
    const forged = { id: "test-0", sample: 0, text: "forged", finish: "stop" };
    for (const part of ["", "/partial.jsonl"]) {
      rig.write(`${work}/partial.jsonl`, `${JSON.stringify(forged)}\n`);
      chownSync(rig.path(`${work}${part}`), 12345, 12345);
      const refused = await rig.exp("run", file);
      expectFailure(refused, 1, "foreign-work", `another user made ${rig.path(work + part)}`);
      expect(keys).toEqual([]);
      rig.remove(work);
    }
    rig.write(`${work}/failed-commit.${"a".repeat(64)}/responses.jsonl`, "");
    chownSync(rig.path(`${work}/failed-commit.${"a".repeat(64)}/responses.jsonl`), 12345, 12345);
    expectFailure(await rig.exp("run", file), 1, "foreign-work");
    rig.remove(work);
    // A folder that was exchanged with that of another step.
    rig.write(`${work}/key`, "a".repeat(64));
    expectFailure(await rig.exp("run", file), 1, "foreign-work", "the work folder of another step");
    rig.remove(work);
    await rig.build(file);
    expect(keys).toHaveLength(2);
  });

  test("exchanges no sources of a submitted job", async ({ rig }) => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const { folder } = takeSnapshot(rig.path("artifacts/jobs/snapshots"), { a: rig.path("prompts/ask.hbs") });
    const plan = { schema: 1, exp: version, executor: "slurm", loaded: [], runs: [], copies: {}, watched: {} };
    const options = { set: [], acceptStale: [], keepGoing: false, upload: false };
    rig.write("artifacts/jobs/a/plan.json", JSON.stringify({ ...plan, snapshot: folder, options }));
    const job = () => rig.exp("job", "artifacts/jobs/a/plan.json", "0");
    mkdirSync(rig.path("artifacts/jobs/a/results"));
    expectFailure(await job(), 1, "no-frozen-plan", "has no run 0");
    writeFileSync(join(folder, "sitecustomize.py"), "");
    expectFailure(await job(), 3, "frozen-sources-changed");
  });
});

/** Pushes a run of `from` to the folder `shared`, and changes its manifest and the files there as an attacker can. */
async function pushForged(
  from: Rig,
  shared: string,
  forge: (manifest: Manifest) => void,
  ...args: readonly string[]
): Promise<void> {
  const { manifest: path } = await from.build("experiments/study.yaml", ...args);
  await from.output("push", shared, "study");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  const old = manifest.run;
  forge(manifest);
  manifest.run = runDigits(manifest.config, manifest.steps);
  from.remove(join(shared, "runs/study", `${old}.json`));
  mkdirSync(join(shared, "runs", manifest.experiment), { recursive: true });
  writeFileSync(join(shared, "runs", manifest.experiment, `${manifest.run}.json`), reseal(JSON.stringify(manifest)));
}

describe("a pulled run", () => {
  test("sends neither prompts nor keys when it is reproduced", async ({ rig }) => {
    const { port, keys } = await serve(rig);
    const shared = rig.path("shared");
    rig.env = { ...rig.env, HF_TOKEN: "hf_secret" };
    const from = rig.copy();
    const generate = `generate={engine: openai, base_url: "http://127.0.0.1:${port}/v1", api_key_env: HF_TOKEN}`;
    const forge = (manifest: Manifest) => {
      const text = JSON.stringify(manifest).replaceAll(`//127.0.0.1:${port}`, `//${address}:${port}`);
      Object.assign(manifest, JSON.parse(text));
    };
    await pushForged(from, shared, forge, "--set", generate);
    const sent = keys.length;
    expect(sent).toBe(9);
    await rig.output("pull", shared, "study");
    const refused = await rig.exp("reproduce", "study");
    const asked = [`generate.base_url: "http://${address}:${port}/v1"`, 'generate.api_key_env: "HF_TOKEN"'];
    expectUntrusted(refused, ...asked);
    expectUntrusted(await rig.exp("why", "study", "data"));
    // --trust does not replace the pairs of the user's configuration.
    expectFailure(await rig.exp("reproduce", "study", "--trust"), 2, "key-not-paired");
    expect(keys).toHaveLength(sent);
    // The same manifest in a download folder is also from somewhere else.
    const [name] = readdirSync(join(shared, "runs/study")) as [string];
    const text = rig.read(join(shared, "runs/study", name)).replaceAll(`:${port}`, `:${port + 1}`);
    rig.write("downloads/manifest.json", reseal(text));
    expectUntrusted(await rig.exp("reproduce", "downloads"));
  });

  test("gives no cache hit to any experiment before it is pulled with --trust", async ({ rig }) => {
    const from = rig.copy();
    const shared = rig.path("shared");
    const { manifest: path } = await rig.copy().build("experiments/study.yaml");
    const honest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
    const metrics = honest.steps["evaluate.zero_shot"] as Manifest["steps"][string];
    // The attacker's scores under the honest key of the evaluation.
    const forged = JSON.stringify({ views: {}, forged: true });
    const files = { "metrics.json": { sha256: sha256(forged), size: forged.length } };
    const object = listingDigest(files);
    await pushForged(from, shared, ({ steps }) => {
      Object.assign(steps, { "evaluate.zero_shot": { ...metrics, object, files } });
    });
    mkdirSync(join(shared, "files", sha256(forged).slice(0, 2)), { recursive: true });
    writeFileSync(join(shared, "files", sha256(forged).slice(0, 2), sha256(forged)), forged);
    const recordPath = join(shared, "keys", `${metrics.key}.json`);
    const record = JSON.parse(rig.read(recordPath)) as StoreRecord;
    expect(keyOf(record.ingredients)).toBe(metrics.key);
    rig.write(recordPath, reseal(JSON.stringify({ ...record, object, files })));

    await rig.output("pull", shared, "study");
    expect(readdirSync(rig.path("artifacts/store")).includes("keys")).toBe(false);
    const { steps, manifest } = await rig.build("experiments/study.yaml");
    expect(new Set(Object.values(steps))).toEqual(new Set(["built"]));
    expect(rig.manifest(manifest).arms).toEqual(honest.arms);
    await rig.output("verify", "--store");
  });

  test("that names code runs none of it in a comparison without permission: its own, or a script of this user", async ({
    rig,
  }) => {
    const from = rig.copy();
    const metric = "export const contribute = () => ({ n: 1 });\nexport const value = () => 1;\n";
    const script = `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(rig.path("ran"))}, "");\n${metric}`;
    for (const one of [rig, from]) one.write("scripts/clean.mjs", script);
    from.write("metrics/own.mjs", metric);
    from.append("experiments/study.yaml", "evaluate: {metrics: [micro_f1, {name: own, file: ../metrics/own.mjs}]}\n");
    for (const [at, name] of ["scripts/clean.mjs", "own file"].entries()) {
      const shared = rig.path(`shared${at}`);
      const forge = (manifest: Manifest): void => {
        let file = name;
        const data = manifest.steps.data as { files: Record<string, object>; object: string };
        if (name === "own file") {
          data.files = { ...data.files, "x.mjs": { sha256: sha256(script), size: script.length } };
          data.object = listingDigest(data.files as never);
          file = `artifacts/store/objects/${data.object}/x.mjs`;
          const stored = join(shared, "files", sha256(script).slice(0, 2), sha256(script));
          mkdirSync(dirname(stored), { recursive: true });
          writeFileSync(stored, script);
        }
        Object.assign(manifest.config.evaluate.metrics[1] as object, { file });
        Object.assign(manifest.provenance.sources, { [file]: sha256(script) });
        Object.assign(manifest, { created: `209${at}-01-01T00:00:00.000Z` });
      };
      await pushForged(from, shared, forge);
      await rig.output("pull", shared, "study");
      const asked =
        name === "own file" ? /own: runs the code of "artifacts.store/ : /own: runs the code of "scripts.clean/;
      expectUntrusted(await rig.exp("compare", "study"), asked);
      expect(existsSync(rig.path("ran"))).toBe(false);
    }
  });

  test("with forged numbers is replaced by an own run with the same outputs", async ({ rig }) => {
    const from = rig.copy();
    const shared = rig.path("shared");
    await pushForged(from, shared, (manifest) => Object.assign(manifest, { cost: { ...manifest.cost, seconds: 1e9 } }));
    await rig.output("pull", shared, "study");
    const { manifest } = await rig.build("experiments/study.yaml");
    expect(readFileSync(manifest, "utf8")).not.toContain("1000000000");
    expect(readdirSync(rig.path("artifacts/runs/study")).filter((name) => name.endsWith(".origin.json"))).toEqual([]);
  });
});

describe("a run from elsewhere", () => {
  test("is uploaded only after --trust, which is asked once for each list", async ({ rig }) => {
    rig.edit("experiments/study.yaml", "  columns:", "  origin: {kind: public, publish: true}\n  columns:");
    rig.append("experiments/study.yaml", "upload: {repo: me/model, predictions: me/rows, base_license: mit}\n");
    const { manifest } = await rig.run("experiments/study.yaml", "--no-upload");
    cpSync(dirname(manifest), rig.path("downloads"), { recursive: true, dereference: true });
    rig.env = { ...rig.env, HF_ENDPOINT: "http://127.0.0.1:9", HF_TOKEN: "hf_none" };
    const listed = [
      /upload.repo: "me\/model"/,
      /upload.predictions: "me\/rows"/,
      /upload.private: true/,
      /data.origin.publish: true/,
    ];
    expectUntrusted(await rig.exp("upload", "downloads"), ...listed);
    // A dry run sends nothing.
    expectFailure(await rig.exp("upload", "downloads", "--dry-run"), 3, "no-model");
    const first = await rig.exp("upload", "downloads", "--trust");
    expectFailure(first, 1, "no-model", "offline");
    expect(first.stderr).toContain("exp: allowed for study/");
    const second = await rig.exp("upload", "downloads");
    expectFailure(second, 1, "no-model", "offline");
    expect(second.stderr).not.toContain("allowed");
    const own = JSON.parse(rig.read("downloads/manifest.json")) as { config: { upload: object } } & Manifest;
    Object.assign(own.config.upload, { private: false });
    const run = runDigits(own.config, own.steps);
    rig.write("downloads/manifest.json", reseal(JSON.stringify({ ...own, run })));
    expectUntrusted(await rig.exp("upload", "downloads"), /upload.private: false/);
  });

  test("is refused if its configuration lacks a default, in a section or as a whole", async ({ rig }) => {
    const { manifest: path } = await rig.build("experiments/study.yaml");
    const folder = rig.path("downloads");
    cpSync(dirname(path), folder, { recursive: true, dereference: true });
    const own = JSON.parse(rig.read("downloads/manifest.json")) as Manifest;
    expect(hasOwnSchema(own)).toBe(true);
    for (const section of ["report", "evaluate", "model", "prompt", "resources"] as const) {
      const config = {
        ...own.config,
        [section]: section === "evaluate" ? { primary: own.config.evaluate.primary } : {},
      };
      const forged = { ...own, config, run: runDigits(config as never, own.steps) };
      expect(hasOwnSchema(forged as never), section).toBe(false);
      rig.write("downloads/manifest.json", reseal(JSON.stringify(forged)));
      if (section !== "report") continue;
      for (const command of ["report", "show"])
        expectFailure(
          await rig.exp(command, "downloads"),
          3,
          "run-damaged",
          "its configuration does not have the form",
        );
    }
    const { report: _, ...config } = own.config;
    expect(hasOwnSchema({ ...own, config } as never)).toBe(false);
  });

  test("is refused if a result has another form, although its digests match", async ({ rig }) => {
    const { manifest: path } = await rig.build("experiments/study.yaml");
    const folder = rig.path("downloads");
    cpSync(dirname(path), folder, { recursive: true, dereference: true });
    const own = JSON.parse(rig.read("downloads/manifest.json")) as Manifest;
    const digests = openDigests(rig.path("../digests"));
    const refused: string[] = [];
    for (const [step, { files }] of Object.entries(own.steps)) {
      for (const name of Object.keys(files)) {
        const file = join(folder, outputFolder(step), name);
        const bytes = readFileSync(file);
        for (const text of name.endsWith(".xlsx") ? [] : ['{"id": 1}', "not JSON"]) {
          const manifest = structuredClone(own) as { -readonly [Key in keyof Manifest]: Manifest[Key] };
          const all = { ...files, [name]: { sha256: sha256(text), size: text.length } };
          Object.assign(manifest.steps[step] as object, { object: listingDigest(all), files: all });
          manifest.run = runDigits(manifest.config, manifest.steps);
          writeFileSync(file, text);
          rig.write("downloads/manifest.json", reseal(JSON.stringify(manifest)));
          const run = readRun(join(folder, "manifest.json"));
          try {
            expectIntact(run, rig.path("artifacts"), digests);
          } catch (error) {
            expect(error).toMatchObject({ code: "run-damaged", message: expect.stringContaining(name) });
            refused.push(name);
          }
          if (name === "metrics.json")
            for (const command of ["show", "report", "compare"])
              expectFailure(await rig.exp(command, "downloads"), 3, "run-damaged", name);
        }
        writeFileSync(file, bytes);
      }
    }
    // Nothing reads the others.
    expect([...new Set(refused)].sort()).toEqual([
      ...["analysis.json", "audit.json", "failures.jsonl", "labels.json", "metrics.json"],
      ...["predictions.jsonl", "test.jsonl", "train.jsonl", "validation.jsonl"],
    ]);
  }, 120_000);
});

describe("a path in a manifest", () => {
  type Any = Record<string, Record<string, Record<string, unknown>>>;
  const attacks: Readonly<Record<string, (manifest: Any) => void>> = {
    experiment: (manifest) => Object.assign(manifest, { experiment: "../../.vscode/x" }),
    run: (manifest) => Object.assign(manifest, { run: "../../x" }),
    file: (manifest) => Object.assign(manifest, { file: "../../../etc/passwd" }),
    option: (manifest) => Object.assign(manifest, { file: "--trust" }),
    "absolute file": (manifest) => Object.assign(manifest, { file: "/etc/passwd" }),
    "step name": ({ steps = {} }) => Object.assign(steps, { "evaluate...": steps?.["evaluate.zero_shot"] }),
    "step folder": ({ steps = {} }) => Object.assign(steps, { "evaluate.a/../../b": steps?.["evaluate.zero_shot"] }),
    "file name": ({ steps }) =>
      Object.assign(steps?.data ?? {}, { files: { "../x": { sha256: sha256(""), size: 0 } } }),
    object: ({ steps = {} }) => Object.assign(steps?.data ?? {}, { object: "../../../../x" }),
    key: ({ steps = {} }) => Object.assign(steps?.data ?? {}, { key: "../x" }),
    arm: ({ arms = {} }) => Object.assign(arms, { "../x": arms?.zero_shot }),
    "compared name": (manifest) => Object.assign(manifest, { compared: { "../x": manifest.config } }),
    "config name": ({ config = {} }) => Object.assign(config, { name: "../x" }),
    split: ({ config = {} }) => Object.assign(config?.evaluate ?? {}, { split: "../x" }),
    created: (manifest) => Object.assign(manifest, { created: "</script>" }),
    cost: (manifest) => Object.assign(manifest, { cost: null }),
    provenance: ({ provenance = {} }) => Object.assign(provenance, { git: "main" }),
  };

  test("that leaves its folder makes the manifest unreadable", async ({ rig }) => {
    const shared = rig.path("shared");
    const { manifest: path } = await rig.build("experiments/study.yaml");
    await rig.output("push", shared, "study");
    const to = rig.copy();
    to.removeArtifacts();
    const text = rig.read(path);
    const run = path.split("/").at(-2);
    const before = Object.keys(to.tree("."));
    for (const [name, attack] of Object.entries(attacks)) {
      const manifest = JSON.parse(text);
      attack(manifest);
      const changed = reseal(JSON.stringify(manifest));
      expect(JSON.parse(changed), name).not.toEqual(JSON.parse(text));
      expect(() => parseManifest(changed, "x"), name).toThrow(/cannot read x/);
      if (!["experiment", "step folder", "file name"].includes(name)) continue;
      writeFileSync(join(shared, "runs/study", `${run}.json`), changed);
      expectFailure(await to.exp("pull", shared, "study"), 1, "copy-damaged");
      expect(Object.keys(to.tree(".")), name).toEqual(before);
      rig.write("downloads/manifest.json", changed);
      expectFailure(await rig.exp("show", "downloads"), 2, "manifest-unreadable");
    }
    expectFailure(await rig.exp("export", "out", "downloads"), 2, "manifest-unreadable");
    expect(existsSync(rig.path("out"))).toBe(false);
  }, 120_000);

  test("brings no file from outside the project into a report or an export", async ({ rig }) => {
    const from = rig.copy();
    const shared = rig.path("shared");
    rig.write("../.env", "## Ethics\n\nTOKEN=a-secret\n");
    rig.write("../plain.txt", "TOKEN=a-secret\n");
    execFileSync("ln", ["-s", rig.path("../.env"), rig.path("linked.md")]);
    for (const notes of ["../.env", "linked.md", rig.path("../.env")]) {
      rig.removeArtifacts();
      rmSync(shared, { recursive: true, force: true });
      await pushForged(from, shared, ({ config }) => {
        Object.assign(config.report, { notes, pdf: false, html: true });
        Object.assign(config.prompt, { template: "x/../../plain.txt" });
        Object.assign(config, { compare: ["../plain.txt"] });
      });
      await rig.output("pull", shared, "study");
      const { code, stderr } = await rig.exp("export", "out", "study", "--force");
      expect([code, stderr]).toEqual([0, expect.stringContaining(notes)]);
      expect(existsSync(rig.path("plain.txt"))).toBe(false);
      for (const name of readdirSync(rig.path("out"), { recursive: true, encoding: "utf8" })) {
        if (statSync(rig.path(`out/${name}`)).isFile()) expect(rig.read(`out/${name}`), name).not.toContain("a-secret");
      }
    }
  }, 120_000);

  test("writes through no link that leaves the folder of an export", async ({ rig }) => {
    await rig.build("experiments/study.yaml");
    mkdirSync(rig.path("out"));
    mkdirSync(rig.path("other"));
    rig.write("other/keep.md", "own");
    execFileSync("ln", ["-s", "../other/keep.md", rig.path("out/README.md")]);
    await rig.exp("export", "out", "study", "--force");
    expect(rig.read("other/keep.md")).toBe("own");
    expect(rig.read("out/README.md")).not.toBe("own");
    rmSync(rig.path("out/runs"), { recursive: true });
    execFileSync("ln", ["-s", "../other", rig.path("out/runs")]);
    expectFailure(await rig.exp("export", "out", "study", "--force"), 3, "path-outside");
    expect(readdirSync(rig.path("other"))).toEqual(["keep.md"]);
  });
});

describe("a run whose files were changed", () => {
  test("is refused or marked, whichever leaf of its manifest or file it is", async ({ rig }) => {
    const { manifest: path } = await rig.build("experiments/study.yaml");
    const text = rig.read(path);
    const leaves = leavesOf(JSON.parse(text));
    expect(leaves.length).toBeGreaterThan(150);
    for (const leaf of leaves) {
      const manifest = JSON.parse(text);
      changeLeaf(manifest, leaf);
      expect(() => parseManifest(JSON.stringify(manifest), "x"), leaf.join(".")).toThrow();
    }
    const manifest = JSON.parse(text) as Manifest;
    const [run] = Object.values(manifest.intervals.zero_shot ?? {}).map((view) => Object.values(view)[0]);
    Object.assign(run ?? {}, { low: 0.123 });
    for (const changed of [text.replace('"seconds"', '"second"'), reseal(JSON.stringify(manifest))]) {
      rig.write(path, changed);
      for (const command of ["show", "report", "compare"]) {
        const { code, stderr } = await rig.exp(command, "study");
        expect([command, code === 0, /manifest-unreadable|run-damaged|run-not-found/.test(stderr)]).toEqual([
          command,
          false,
          true,
        ]);
      }
      expectFailure(
        await rig.exp("export", "out", path),
        changed.includes('"second"') ? 2 : 3,
        changed.includes('"second"') ? "manifest-unreadable" : "run-damaged",
      );
      expect((await rig.exp("verify")).code).toBe(3);
    }
    rig.write(path, text.replace('"seconds"', '"second"'));
    expect((await rig.exp("ls")).stderr).toContain("manifest.json");
    // A damaged manifest of an old run stops no new run.
    await rig.build("experiments/study.yaml", "--set", "data.test.limit=5");
  });

  test("may belong to another project, whose store holds its files", async ({ rig }) => {
    const { manifest: path } = await rig.build("experiments/study.yaml");
    const other = rig.copy();
    other.removeArtifacts();
    const run = dirname(rig.path(path));
    expect(await other.output("show", run)).toContain("micro_f1");
    await other.output("compare", run);
    // A link in place of the store could point at any file of this machine.
    renameSync(rig.path("artifacts/store/objects"), rig.path("../objects"));
    execFileSync("ln", ["-s", rig.path("../objects"), rig.path("artifacts/store/objects")]);
    await rig.output("show", "study");
    expectFailure(await other.exp("show", run), 3, "run-damaged", "link to elsewhere");
  });

  test("is refused for each altered, deleted or added result file", async ({ rig }) => {
    const { manifest: path } = await rig.build("experiments/study.yaml");
    const run = dirname(path);
    const { steps } = rig.manifest(path);
    const digests = openDigests(rig.path("../digests"));
    for (const [step, { object, files }] of Object.entries(steps)) {
      for (const name of Object.keys(files)) {
        const file = `artifacts/store/objects/${object}/${name}`;
        const bytes = readFileSync(rig.path(file));
        rig.overwrite(file, `${bytes}x`);
        expect(() => expectIntact(readRun(path), rig.path("artifacts"), digests), `${step} ${name}`).toThrow(name);
        if (name === "predictions.jsonl")
          expectFailure(await rig.exp("export", "out", "study"), 3, "run-damaged", name);
        writeFileSync(rig.path(file), bytes);
      }
    }
    await rig.output("show", "study");
    rig.write(join(run, "comparison.json"), "{}");
    expectFailure(await rig.exp("report", "study"), 3, "run-damaged", "comparison.json");
    rig.remove(join(run, "comparison.json"));
    rig.remove(join(run, "zero_shot/metrics.json"));
    expectFailure(await rig.exp("show", "study"), 2, "file-gone", "metrics.json");
    rig.write("../secret", "x");
    execFileSync("ln", ["-s", rig.path("../secret"), rig.path(join(run, "zero_shot/metrics.json"))]);
    expectFailure(await rig.exp("show", "study"), 3, "run-damaged", "metrics.json");
  }, 180_000);

  test("a record that was changed is no cache hit, and verify finds it", async ({ rig }) => {
    await rig.build("experiments/study.yaml");
    const [name] = readdirSync(rig.path("artifacts/store/keys")) as [string];
    const record = `artifacts/store/keys/${name}`;
    rig.overwrite(record, rig.read(record).replace('"created":"2', '"created":"3'));
    expect(JSON.stringify(await rig.plan("experiments/study.yaml"))).toContain("run: ");
    expect((await rig.exp("verify", "--store")).stdout).toContain(name);
  });
});

/** The paths of all leaves of a JSON value. */
function leavesOf(value: unknown, above: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [above];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...above, key]));
}

function changeLeaf(value: Record<string, unknown>, [key = "", ...below]: readonly string[]): void {
  const leaf = value[key];
  if (below.length > 0) changeLeaf(leaf as Record<string, unknown>, below);
  else value[key] = typeof leaf === "number" ? leaf + 1 : typeof leaf === "boolean" ? !leaf : `${leaf}x`;
}
