import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readResult } from "../../../pipeline/result-files.ts";
import { jsonLines, readJsonLines } from "../../../pipeline/steps/jsonl.ts";
import type { Response } from "../../../pipeline/steps/response.ts";
import type { Json } from "../../../util/canonical.ts";
import { UserError } from "../../../util/user-error.ts";
import type { StepContext } from "../../step.ts";
import { openAnswers, type StoredAnswer } from "./answers.ts";
import { createPace } from "./pace.ts";
import { pool } from "./pool.ts";
import { type Allowed, type ChatMessage, chatBody, type Request } from "./request.ts";
import { send } from "./send.ts";

/** Parameters of the step: part of the cache key. */
export type Params = {
  readonly engine: string;
  readonly request: Request & { readonly [key: string]: Json };
  /** Answers for each case, for a vote; null for one answer without a vote. */
  readonly samples: number | null;
  readonly exp: string;
};

/** How the server is used: not part of the cache key. */
export type ServerHints = {
  readonly concurrency: number;
  readonly requests_per_minute: number | null;
  readonly timeout: number;
  readonly retries: number;
};

type Case = { readonly id: string; readonly messages: readonly ChatMessage[] };

const firstWait = 1_000;

/**
 * Sends every case to the server and writes responses.jsonl. Answers are stored in the work folder as they arrive, so that an
 * interrupted step resumes.
 */
export async function answerCases({ request, samples }: Params, context: StepContext): Promise<void> {
  const hints = context.hint("server") as ServerHints;
  const cases = readJsonLines<Case>(context.input("prompts"));
  const allowed = allowedAnswers(context);
  const answers = openAnswers(join(context.work, "partial.jsonl"));
  const wanted = cases.flatMap((one) => Array.from({ length: samples ?? 1 }, (_, sample) => ({ ...one, sample })));
  const missing = wanted.filter(({ id, sample }) => answers.get(id, sample) === undefined);
  const baseUrl = context.localPath("server");
  const started = performance.now();
  const seen = { retries: {} as Record<string, number>, models: new Set<string>(), tokens: 0 };
  const server = {
    baseUrl,
    apiKey: apiKey(context),
    timeout: hints.timeout,
    maxBytes: largestResponse(request),
    retries: hints.retries,
    firstWait,
    pace: createPace(hints.requests_per_minute ?? undefined),
    onRetry(code: string) {
      seen.retries[code] = (seen.retries[code] ?? 0) + 1;
    },
  };
  try {
    await pool(missing, hints.concurrency, context.signal, async ({ id, messages, sample }, signal) => {
      const { answer, model } = await send({ ...server, signal }, chatBody(request, messages, allowed, sample));
      answers.add({ id, sample, ...answer });
      if (model !== undefined) seen.models.add(model);
      seen.tokens += answer.new_tokens ?? 0;
      context.progress(progressOf(answers.size, wanted.length, missing.length, started, seen.tokens));
    });
  } catch (error) {
    if (context.signal.aborted) await context.pause();
    throw error;
  }
  const responses = cases.map(({ id }): Response => {
    const stored = Array.from({ length: samples ?? 1 }, (_, sample) => answers.get(id, sample) as StoredAnswer);
    return samples === null ? withoutSample(stored[0] as StoredAnswer) : voted(id, stored);
  });
  writeFileSync(join(context.output, "responses.jsonl"), jsonLines(responses));
  const seconds = (performance.now() - started) / 1000;
  context.evidence({
    cases: cases.length,
    resumed: wanted.length - missing.length,
    url: baseUrl,
    served: [...seen.models],
    retries: seen.retries,
    prompt_tokens: sum(responses.map(({ prompt_tokens }) => prompt_tokens)),
    new_tokens: sum(responses.map(({ new_tokens }) => new_tokens)),
    generate_seconds: Math.round(seconds * 100) / 100,
    tokens_per_second: Math.round((10 * seen.tokens) / Math.max(seconds, 1e-3)) / 10,
    deterministic: false,
  });
}

/** What a constrained answer may be: labels, including the text for "no label", or an object of a schema. */
function allowedAnswers(context: StepContext): Allowed {
  if (!context.hasInput("answers")) return { labels: [], single: false };
  const allowed = readResult("answers.json", context.input("answers"));
  if (allowed === null) return { labels: [], single: false };
  if ("schema" in allowed) return allowed;
  const { labels, none, single } = allowed;
  return { labels: none === null ? labels : [...labels, none], single };
}

/** The API key; undefined if the experiment names none. Throws UserError: no-api-key, key-not-paired. */
function apiKey({ credential, secret }: StepContext): string | undefined {
  if (credential === undefined) return undefined;
  const key = secret()?.trim();
  if (key !== undefined && key !== "") return key;
  const { variable } = credential;
  throw new UserError("no-api-key", `the environment variable ${variable} is not set`, {
    help: `set it to the server's API key: export ${variable}=…`,
  });
}

function progressOf(done: number, total: number, missing: number, started: number, tokens: number) {
  const seconds = (performance.now() - started) / 1000;
  const own = missing - (total - done);
  return {
    done,
    total,
    unit: "cases",
    tokens_per_second: Math.round((10 * tokens) / seconds) / 10,
    seconds_left: Math.round((10 * seconds * (total - done)) / own) / 10,
  };
}

/**
 * The largest response that is read. One token takes some kB if the request asks for the log-probabilities of twenty
 * alternatives. Bytes
 */
function largestResponse({ max_new_tokens, extra }: Request): number {
  const { max_completion_tokens } = extra as { readonly max_completion_tokens?: Json };
  const tokens = Math.max(max_new_tokens, typeof max_completion_tokens === "number" ? max_completion_tokens : 0);
  return 2 ** 20 + 4096 * tokens;
}

function withoutSample({ sample: _sample, ...answer }: StoredAnswer): Response {
  return answer;
}

/** One row for all sampled answers of a case. `evaluate` counts the votes; `text` joins the answers. */
function voted(id: string, stored: readonly StoredAnswer[]): Response {
  const new_tokens = sum(stored.map((one) => one.new_tokens));
  const { prompt_tokens } = stored[0] as StoredAnswer;
  return {
    id,
    text: stored.map(({ text }) => text).join("\n"),
    ...(prompt_tokens === undefined ? {} : { prompt_tokens }),
    ...(new_tokens === null ? {} : { new_tokens }),
    finish: stored.every(({ finish }) => finish === "length") ? "length" : "stop",
    samples: stored.map(({ id: _id, sample: _sample, prompt_tokens: _prompt, ...one }) => one),
  };
}

/** Null if the server does not report token counts. */
function sum(numbers: readonly (number | undefined)[]): number | null {
  return numbers.some((one) => one === undefined) ? null : numbers.reduce<number>((all, one) => all + (one ?? 0), 0);
}
