import type { ExperimentCheck } from "../../check.ts";
import type { Generation } from "../../experiment.ts";
import type { Engine } from "../engine.ts";
import { generationProperties, scoreProperties } from "../generation-schema.ts";
import type { Params, ServerHints } from "./answer-cases.ts";
import type { Request } from "./request.ts";

// OpenAI-compatible servers do not all accept top_k. A server that does takes it from `extra`.
const { top_k: _notPortable, ...shared } = generationProperties;

/** `generate` for this engine, with every default. */
type Own = Generation &
  Required<Pick<Generation, "max_new_tokens" | "temperature" | "seed" | "constrain">> & {
    readonly base_url: string;
    readonly api_key_env?: string;
    readonly model?: string;
    readonly concurrency: number;
    readonly requests_per_minute?: number;
    readonly timeout: number;
    readonly retries: number;
    readonly logprobs: boolean;
    readonly extra: Request["extra"];
  };

/**
 * Answers from an OpenAI-compatible server: hosted, or a local one such as llama.cpp or vLLM. It needs no model files
 * here.
 */
export const openai: Engine = {
  name: "openai",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["engine", "base_url"],
    properties: {
      engine: { type: "string", const: "openai", description: "Send the prompts to an OpenAI-compatible server." },
      base_url: {
        type: "string",
        minLength: 1,
        description: "Address of the server. Not part of the cache key.",
        examples: ["http://127.0.0.1:8080/v1"],
      },
      api_key_env: {
        type: "string",
        pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
        description: "Name of the environment variable that holds the API key. Absent: the server needs none.",
        examples: ["OPENAI_API_KEY"],
      },
      model: {
        type: "string",
        minLength: 1,
        description: "Name of the served model. Default: model.base.",
        examples: ["qwen3-8b"],
      },
      concurrency: {
        type: "integer",
        minimum: 1,
        maximum: 256,
        default: 8,
        description: "Maximum number of simultaneous requests. Not part of the cache key.",
        examples: [32],
      },
      requests_per_minute: {
        type: "number",
        exclusiveMinimum: 0,
        description: "Maximum number of requests a minute. Absent: no limit. Not part of the cache key.",
        examples: [60],
      },
      timeout: {
        type: "number",
        exclusiveMinimum: 0,
        default: 300,
        description: "Seconds to wait for the answer to one request. Not part of the cache key.",
        examples: [60],
      },
      retries: {
        type: "integer",
        minimum: 0,
        maximum: 20,
        default: 5,
        description:
          "Retries after a temporary failure, with exponential backoff or after the time that the server requests. Not part of the cache key.",
        examples: [10],
      },
      logprobs: {
        type: "boolean",
        default: false,
        description: "Request the log-probabilities of the answers.",
        examples: [true],
      },
      extra: {
        type: "object",
        default: {},
        description: "Additional keys of the request body.",
        examples: [{ chat_template_kwargs: { enable_thinking: false } }],
      },
      ...shared,
      ...scoreProperties,
    },
  },
  runsModel: false,
  needsTrust: ["base_url", "api_key_env", "extra"],
  keyOrigins: { OPENAI_API_KEY: "https://api.openai.com" },
  check: checkServer,
  generateStep: {
    draft(common, { experiment, site }) {
      const own = experiment.generate as Own;
      const { max_new_tokens, temperature, top_p, seed, constrain, logprobs, extra, vote } = own;
      const request: Request = {
        model: own.model ?? experiment.model.base,
        max_new_tokens,
        temperature,
        ...(top_p === undefined ? {} : { top_p }),
        ...(temperature > 0 ? { seed } : {}),
        constrain,
        logprobs,
        extra,
      };
      const server: ServerHints = {
        concurrency: own.concurrency,
        requests_per_minute: own.requests_per_minute ?? null,
        timeout: own.timeout,
        retries: own.retries,
      };
      const params: Params = { engine: "openai", request, samples: vote?.samples ?? null, exp: site.version };
      const { api_key_env: variable, base_url: url } = own;
      const credential = variable === undefined ? {} : { credential: { variable, url } };
      return { ...common, params, hints: { server }, localPaths: { server: url }, ...credential };
    },
    async run(params, context) {
      const { answerCases } = await import("./answer-cases.ts");
      await answerCases(params as unknown as Params, context);
    },
  },
};

/** Checks that the address is usable and contains no secret, and that the experiment trains nothing. */
function checkServer({ experiment, error }: ExperimentCheck): void {
  const { base_url, extra } = experiment.generate as Own;
  const url = URL.canParse(base_url) ? new URL(base_url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const message = `generate.base_url is not an HTTP address: ${base_url}`;
    error("generate.base_url", "bad-format", message, "write an address such as http://127.0.0.1:8080/v1");
  } else if (url.username !== "" || url.password !== "" || url.search !== "") {
    const message = "generate.base_url contains a password or a query, and reports print the address";
    const help = "put the key into an environment variable and name it in generate.api_key_env";
    error("generate.base_url", "secret-in-address", message, help);
  }
  for (const key of Object.keys(extra).filter((name) => decidedKeys.includes(name))) {
    const message = `generate.extra cannot set ${key}: another key of the experiment sets it`;
    error(`generate.extra.${key}:`, "decided-override", message, "remove it");
  }
  if (experiment.train !== undefined) {
    const message = "engine openai cannot answer with a model that this experiment trains";
    const help = "serve the trained model and use it in an experiment without train:, or write engine: transformers";
    error("generate.engine", "engine-unsupported", message, help);
  }
}

/** Keys of the request body that keys of the experiment set. */
const decidedKeys = [
  "model",
  "messages",
  "temperature",
  "top_p",
  "seed",
  "max_tokens",
  "response_format",
  "logprobs",
  "stream",
  "n",
];
