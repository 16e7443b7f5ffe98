/** `exp view` in a browser, and its protection against other hosts. */
import { readdirSync, renameSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { thisProcess } from "../store/process-identity.ts";
import { browserPath, expectAccessible, openBrowser } from "./browser.ts";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

let browser: Browser;
beforeAll(async () => {
  if (browserPath !== undefined) browser = await openBrowser();
});
afterAll(() => browser?.close());

/** Two experiments on the same cases, and a running server. */
async function view(rig: Rig) {
  rig.edit("experiments/study.yaml", "baselines: []\n", "baselines: [nearest]\n");
  rig.write(
    "experiments/other.yaml",
    rig.read("experiments/study.yaml").replace("name: study", "name: other").replace("answers.jsonl", "others.jsonl"),
  );
  rig.write("experiments/data/others.jsonl", rig.read("experiments/data/answers.jsonl").replaceAll("cyst", "mass"));
  for (const name of ["study", "other"]) await rig.build(`experiments/${name}.yaml`);
  const started = rig.start(["view"]);
  let address = "";
  started.process.stdout?.on("data", (text: string) => (address += text));
  await started.waitFor(/127\.0\.0\.1:\d+\/[\w-]{32}\/\n/);
  return { started, address: address.trim() };
}

type Request = { readonly method?: string; readonly host?: string; readonly raw?: boolean };

/** Requests a path below the address, or `raw` of the server, with a given method and Host header. */
function fetchPath(address: string, name: string, { method = "GET", host, raw = false }: Request = {}) {
  const { port, host: own, pathname } = new URL(address);
  const path = raw ? name : `${pathname.slice(0, -1)}${name}`;
  return new Promise<{ status: number; body: string; headers: IncomingHttpHeaders }>((resolve, reject) => {
    const headers = { host: host ?? own };
    request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
    })
      .on("error", reject)
      .end();
  });
}

test("the server refuses other hosts, is read-only, and stops on Ctrl-C", async ({ rig }) => {
  const { started, address } = await view(rig);
  expect((await fetchPath(address, "/")).status).toBe(200);
  for (const host of ["evil.example", "127.0.0.1:1", "localhost.evil.example"])
    expect((await fetchPath(address, "/", { host })).status, host).toBe(403);
  for (const method of ["POST", "PUT", "DELETE"]) expect((await fetchPath(address, "/", { method })).status).toBe(405);
  for (const path of [
    "/nothing",
    "/runs/study/..",
    "/runs/..%2f..%2fstore/x",
    "/runs/study/%00",
    "/compare",
    "/compare?runs=nobody",
    "/log.json",
    "/log.json?name=..%2fruns%2fstudy%2flatest%2fmanifest.json",
  ]) {
    const { status, body } = await fetchPath(address, path);
    expect(status, path).toBe(404);
    expect(body).not.toContain(rig.folder);
  }
  expect((await fetchPath(address, "/log.json?name=ended.log")).status).toBe(204);
  const before = rig.tree();
  expect((await fetchPath(address, "/compare?runs=study,other")).status).toBe(200);
  expect(rig.tree()).toEqual(before);
  started.process.kill("SIGINT");
  expect(await started.ended).toMatchObject({ code: 0, stderr: "" });
  expectFailure(await rig.exp("view", "--port", "99999"), 2, "bad-option");
});

test("a request without the token gets nothing, and nothing gives the token to a server at another port", async ({
  rig,
}) => {
  const { address } = await view(rig);
  const { port, pathname } = new URL(address);
  const token = pathname.slice(1, -1);
  const wrong = [
    "/",
    `/${token}`,
    `/${token.slice(1)}/`,
    `/${"a".repeat(token.length)}/`,
    `/x/${token}/`,
    `//${token}/`,
  ];
  for (const prefix of wrong) {
    for (const name of ["", "live.json", "log.json?name=train-0.log", `compare?runs=study,other&token=${token}`]) {
      const { status, body } = await fetchPath(address, `${prefix}${name}`, { raw: true });
      expect([prefix, name, status]).toEqual([prefix, name, 403]);
      expect(body).not.toContain("cyst");
      expect(body).not.toContain(token);
    }
  }
  // Browsers send cookies to all ports of a host, and may send the address of a page to the pages that it links to.
  for (const name of ["/", "/live.json", "/compare?runs=study,other", "/nothing", "//evil.example/"]) {
    const { headers, body } = await fetchPath(address, name);
    expect(headers["set-cookie"]).toBe(undefined);
    expect(headers["referrer-policy"]).toBe("no-referrer");
    // Each link to a page has the token, and none leaves the server.
    for (const [, link = ""] of body.matchAll(/(?:href|action)="([^"#][^"]*)"/g))
      expect(new URL(link, address).href).toContain(`http://127.0.0.1:${port}/${token}/`);
  }
});

test("a damaged run affects its own row only", async ({ rig }) => {
  const { started, address } = await view(rig);
  const folder = rig.path("artifacts/runs/other");
  const run = readdirSync(folder).find((name) => name !== "latest") as string;
  const path = `artifacts/runs/other/${run}/manifest.json`;
  const whole = rig.readJson(path) as Record<string, unknown>;
  const page = async (name: string) => fetchPath(address, name);
  const damaged = ["", "{", "[]", "null", JSON.stringify({ ...whole, schema: 99 })].concat(
    ["config", "steps", "arms", "cost", "provenance"].map((key) => JSON.stringify({ ...whole, [key]: {} })),
    ["config", "steps", "arms", "cost", "provenance", "created"].map((key) =>
      JSON.stringify({ ...whole, [key]: null }),
    ),
  );
  for (const text of damaged) {
    rig.overwrite(path, text);
    const { status, body } = await page("/");
    expect([text.slice(0, 40), status]).toEqual([text.slice(0, 40), 200]);
    expect(body).toContain(`other/${run}`);
    expect(body).toMatch(/href="\/[\w-]{32}\/runs\/study\/[^"]+"/);
    expect((await page(`/runs/other/${run}`)).status).not.toBe(500);
    expect((await page("/compare?runs=study,other")).status).not.toBe(500);
  }
  const [, study] = /href="\/[\w-]{32}(\/runs\/study\/[^"]+)"/.exec((await page("/")).body) as unknown as [
    string,
    string,
  ];
  expect((await page(study)).status).toBe(200);
  expect(started.process.exitCode).toBe(null);
});

describe.skipIf(browserPath === undefined)("in a browser", () => {
  test("runs can be compared, and a running experiment is shown until its end", async ({ rig }) => {
    const { address } = await view(rig);
    const page = await browser.newPage({ reducedMotion: "reduce" });
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.goto(address);
    await page.getByRole("checkbox").first().waitFor();
    await expectAccessible(page);
    // Search, conditions and columns; the address holds them.
    const shown = page.locator("#runs-shown");
    const chart = page.locator("#runs-chart");
    await chart.locator("svg").waitFor();
    expect(await chart.getAttribute("aria-label")).toMatch(/of 2 runs/);
    await page.getByRole("searchbox", { name: "Search" }).fill("OTHER");
    expect(await shown.textContent()).toBe("1 of 2 runs");
    await page.getByRole("searchbox", { name: "Search" }).fill("");
    await page.getByLabel("Setting or metric").selectOption("generate.file");
    await page.getByLabel("Relation").selectOption("has");
    await page.getByLabel("Value", { exact: true }).fill("others");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("Columns", { exact: true }).click();
    await page.getByRole("checkbox", { name: "generate.file" }).check();
    await page.reload();
    await page.getByText("1 of 2 runs").waitFor();
    expect(await page.locator("table.runs tbody tr:visible").allTextContents()).toEqual([
      expect.stringMatching(/^other.*others\.jsonl/),
    ]);
    await chart.locator("svg").waitFor();
    expect(await chart.getAttribute("aria-label")).toMatch(/of 1 run/);
    await expectAccessible(page);
    await page.getByRole("button", { name: "Show all" }).click();
    expect(await shown.textContent()).toBe("2 runs");
    for (const kind of ["time", "cost", "parallel"]) {
      await page.getByLabel("Chart", { exact: true }).selectOption(kind);
      await chart.locator("svg").waitFor();
    }
    await page.getByRole("checkbox", { name: /^Select study/ }).check();
    await page.getByRole("checkbox", { name: /^Select other/ }).check();
    await page.getByRole("button", { name: "Compare 2 runs" }).click();
    await page.getByRole("heading", { name: "Comparison of 2 runs" }).waitFor();
    const { arms } = rig.manifest(rig.path("artifacts/runs/other/latest/manifest.json"));
    const text = await page.locator("main").textContent();
    expect(text).toContain(arms.zero_shot?.canonical.micro_f1?.toFixed(3));
    expect(text).toContain("generate.file");
    expect(await page.getByRole("img", { name: /^Forest plot of \d+ differences/ }).count()).toBe(1);
    await page.getByRole("link", { name: "Cases that some arms answer right" }).click();
    await page.locator("article.case .arms").first().waitFor();
    expect(await page.getByLabel("Prediction", { exact: true }).inputValue()).toBe("differ");
    expect(await page.locator("article.case").count()).toBeGreaterThan(0);
    await page.getByRole("link", { name: "Cases that only one of the two runs answers right" }).click();
    await page.locator("article.case .arms section:nth-child(2):last-child").first().waitFor();
    expect(decodeURIComponent(new URL(page.url()).hash)).toMatch(/^#cases\?arm=other,.*&other=study,.*&answer=differ/);
    await expectAccessible(page);

    // A step without a reachable server keeps retrying until the run is stopped.
    await page.getByRole("link", { name: "All runs" }).click();
    await page.getByText("No experiment is running.").waitFor();
    rig.write(
      "experiments/slow.yaml",
      rig
        .read("experiments/study.yaml")
        .replace("name: study", "name: slow")
        .replace(/generate: .*/, 'generate: {engine: openai, base_url: "http://127.0.0.1:9/v1", model: none}'),
    );
    // A training of a process that runs: curves with axes, its log, and an update in place.
    const train = { step: "train", log: "train-0.log", progress: { done: 2, total: 9, unit: "steps", loss: 0.5 } };
    const status = (validation: readonly (readonly number[])[]): void => {
      rig.write(
        "artifacts/live/test.new",
        JSON.stringify({
          ...{ schema: 1, owner: thisProcess() },
          run: {
            ...{ files: ["<b>x</b>.yaml"], started: "2026-01-01T00:00:00.000Z", total: 3, counts: {}, finished: [] },
            running: [
              { ...train, loss: [[1, 0.75]], validation },
              { step: "generate", log: null, progress: {}, loss: [], validation: [] },
            ],
            failed: [],
          },
        }),
      );
      renameSync(rig.path("artifacts/live/test.new"), rig.path("artifacts/live/test.json"));
    };
    rig.write("artifacts/logs/train-0.log", "started\n<img src=x>\n");
    status([]);
    const card = page.getByRole("region", { name: "Running: <b>x</b>.yaml" });
    await card.getByText("2 of 9 steps · loss 0.5000").waitFor();
    await card.getByText("Waiting for resources: generate").waitFor();
    await card.getByText("Log", { exact: true }).click();
    await card.getByText("<img src=x>").waitFor();
    status([[2, 0.625]]);
    await card.getByRole("img", { name: /training 0\.5000 at 2, validation 0\.6250 at 2/ }).waitFor();
    expect(await card.locator("svg").textContent()).toMatch(
      /loss \(nats per token\).*optimiser step|optimiser step.*loss/,
    );
    expect(await card.locator("details").getAttribute("open")).not.toBeNull();
    await expectAccessible(page);
    rig.remove("artifacts/live/test.json");
    await page.getByText("An experiment has ended.").waitFor();

    const run = rig.start(["run", "experiments/slow.yaml"]);
    await page.getByText("1 experiment is running.").waitFor();
    await page.locator(".live").getByText("generate.zero_shot").first().waitFor();
    run.process.kill("SIGINT");
    await run.ended;
    await page.getByText("An experiment has ended.").waitFor();
    await page.close();
    expect(errors).toEqual([]);
  });
});
