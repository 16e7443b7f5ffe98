import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import { type Kept, openAnswers } from "../../plugins/engines/openai/answers.ts";
import { createPace } from "../../plugins/engines/openai/pace.ts";
import { pool } from "../../plugins/engines/openai/pool.ts";
import { type Allowed, type Asked, type ChatMessage, chatBody } from "../../plugins/engines/openai/request.ts";
import { send } from "../../plugins/engines/openai/send.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import type { Draft, StepContext, StepKind } from "../plan/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import type { Arm } from "./arms.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { generateStep, type Part } from "./part.ts";
import type { Response } from "./response.ts";
import type { Site } from "./site.ts";

type Params = {
  readonly asked: Asked & { readonly [key: string]: Json };
  /** Answers a case, for a vote; null for one. */
  readonly samples: number | null;
  readonly exp: string;
};

type Hints = {
  readonly api_key_env: string | null;
  readonly concurrency: number;
  readonly requests_per_minute: number | null;
  readonly timeout: number;
  readonly retries: number;
};

type Case = { readonly id: string; readonly messages: readonly ChatMessage[] };

const firstWait = 1_000;

/** Has an OpenAI-compatible server answer every case. What was answered is kept, so that a run goes on where one ended. */
export const ask: StepKind<Params> = {
  name: "ask",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl"],
  async run({ asked, samples }, context) {
    const hints = context.hint("server") as Hints;
    const cases = readJsonLines<Case>(context.input("prompts"));
    const allowed = allowedBy(context);
    const answers = openAnswers(join(context.work, "partial.jsonl"));
    const wanted = cases.flatMap((one) => Array.from({ length: samples ?? 1 }, (_, sample) => ({ ...one, sample })));
    const missing = wanted.filter(({ id, sample }) => answers.get(id, sample) === undefined);
    const baseUrl = context.localPath("server");
    const started = performance.now();
    const told = { retries: {} as Record<string, number>, models: new Set<string>(), tokens: 0 };
    const server = {
      baseUrl,
      apiKey: keyOf(hints.api_key_env, context),
      timeout: hints.timeout,
      retries: hints.retries,
      firstWait,
      pace: createPace(hints.requests_per_minute ?? undefined),
      onRetry(why: string) {
        told.retries[why] = (told.retries[why] ?? 0) + 1;
      },
    };
    try {
      await pool(missing, hints.concurrency, context.signal, async ({ id, messages, sample }, signal) => {
        const { answer, model } = await send({ ...server, signal }, chatBody(asked, messages, allowed, sample));
        answers.keep({ id, sample, ...answer });
        if (model !== undefined) told.models.add(model);
        told.tokens += answer.new_tokens ?? 0;
        context.progress(progressOf(answers.size, wanted.length, missing.length, started, told.tokens));
      });
    } catch (error) {
      if (context.signal.aborted) await context.pause();
      throw error;
    }
    const responses = cases.map(({ id }): Response => {
      const kept = Array.from({ length: samples ?? 1 }, (_, sample) => answers.get(id, sample) as Kept);
      return samples === null ? withoutSample(kept[0] as Kept) : voted(id, kept);
    });
    writeFileSync(join(context.output, "responses.jsonl"), jsonLines(responses));
    const seconds = (performance.now() - started) / 1000;
    context.evidence({
      cases: cases.length,
      resumed: wanted.length - missing.length,
      url: baseUrl,
      served: [...told.models],
      retries: told.retries,
      prompt_tokens: sum(responses.map(({ prompt_tokens }) => prompt_tokens)),
      new_tokens: sum(responses.map(({ new_tokens }) => new_tokens)),
      generate_seconds: Math.round(seconds * 100) / 100,
      tokens_per_second: Math.round((10 * told.tokens) / Math.max(seconds, 1e-3)) / 10,
    });
  },
};

/** The labels that an answer may hold, with the one that stands for no finding. */
function allowedBy(context: StepContext): Allowed {
  if (!context.hasInput("answers")) return { labels: [], single: false };
  const { labels, none, single } = readResult("answers.json", context.input("answers"));
  return { labels: none === null ? labels : [...labels, none], single };
}

/** The key, from the variable that the experiment names. */
function keyOf(name: string | null, context: StepContext): string | undefined {
  if (name === null) return undefined;
  const key = context.secret(name)?.trim();
  if (key === undefined || key === "") {
    throw new UserError("no-api-key", `the environment variable ${name} is not set`, {
      help: `set it to the server's key: export ${name}=…`,
    });
  }
  return key;
}

function progressOf(done: number, total: number, missing: number, started: number, tokens: number) {
  const seconds = (performance.now() - started) / 1000;
  const mine = missing - (total - done);
  return {
    done,
    total,
    unit: "cases",
    tokens_per_second: Math.round((10 * tokens) / seconds) / 10,
    seconds_left: Math.round((10 * seconds * (total - done)) / mine) / 10,
  };
}

function withoutSample({ sample: _sample, ...answer }: Kept): Response {
  return answer;
}

/** One row of several answers. The labels that win are counted where answers are read; `text` shows all of them. */
function voted(id: string, kept: readonly Kept[]): Response {
  const new_tokens = sum(kept.map((one) => one.new_tokens));
  const { prompt_tokens } = kept[0] as Kept;
  return {
    id,
    text: kept.map(({ text }) => text).join("\n"),
    ...(prompt_tokens === undefined ? {} : { prompt_tokens }),
    ...(new_tokens === null ? {} : { new_tokens }),
    finish: kept.every(({ finish }) => finish === "length") ? "length" : "stop",
    samples: kept.map(({ id: _id, sample: _sample, prompt_tokens: _prompt, ...one }) => one),
  };
}

/** Null where a server does not count its tokens. */
function sum(numbers: readonly (number | undefined)[]): number | null {
  return numbers.some((one) => one === undefined) ? null : numbers.reduce<number>((all, one) => all + (one ?? 0), 0);
}

/** The answers of a served model. The address and how it is asked are in no key. */
export function draftAsk(experiment: Experiment, arm: Arm, site: Site, part: Part): Draft {
  const how = experiment.generate as Extract<Experiment["generate"], { engine: "openai" }>;
  const { max_new_tokens, temperature, top_p, seed, constrain, logprobs, extra, vote } = how;
  const asked: Asked = {
    model: how.model ?? experiment.model.base,
    max_new_tokens,
    temperature,
    ...(top_p === undefined ? {} : { top_p }),
    ...(temperature > 0 ? { seed } : {}),
    constrain,
    logprobs,
    extra: extra as Asked["extra"],
  };
  const server: Hints = {
    api_key_env: how.api_key_env ?? null,
    concurrency: how.concurrency,
    requests_per_minute: how.requests_per_minute ?? null,
    timeout: how.timeout,
    retries: how.retries,
  };
  return draft({
    id: generateStep(arm, part),
    kind: ask.name,
    params: { asked, samples: vote?.samples ?? null, exp: site.version } satisfies Json,
    hints: { server },
    inputs: {
      prompts: { step: stepOfArm("prompt", arm), file: `${part}.jsonl` },
      ...(constrain === "none" ? {} : { answers: { step: "data", file: "answers.json" } }),
    },
    localPaths: { server: how.base_url },
  });
}
