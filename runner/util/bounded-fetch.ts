import { setMaxListeners } from "node:events";
import { pipeline, type Readable, Transform } from "node:stream";
import { amount } from "./format.ts";
import { proxiedFetch } from "./proxy.ts";
import { UserError } from "./user-error.ts";

/** Limits on one response, from the request to the end of the body. */
export type ResponseLimits = {
  /** Size of the decoded body. Bytes */
  readonly bytes: number;
  /** ms */
  readonly time: number;
};

/** Limits on a response that transfers a file: at least 10 kB a second. */
export const transferLimits = (bytes: number): ResponseLimits => ({ bytes, time: 300_000 + bytes / 10 });

/**
 * A time limit together with a signal. Unlike `AbortSignal.any`, it is held by its timer and listener, so that an abort reaches
 * work whose request object was collected as garbage.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #signals: readonly AbortSignal[];

  constructor(time: number, signals: readonly AbortSignal[], what: string) {
    this.#signals = signals;
    // Not 0 for unlimited: `getMaxListeners` of Node.js 20 fails on it, and undici calls it.
    setMaxListeners(1e6, this.#controller.signal);
    const late = new DOMException(`${what}: no complete response within ${time / 1000} s`, "TimeoutError");
    // Node.js fires a longer timer at once.
    this.#timer = setTimeout(() => this.#controller.abort(late), Math.min(time, 2 ** 31 - 1)).unref();
    for (const signal of signals) {
      if (signal.aborted) this.#controller.abort(signal.reason);
      else signal.addEventListener("abort", this.#follow, { once: true });
    }
  }

  readonly #follow = ({ target }: Event): void => this.#controller.abort((target as AbortSignal).reason);

  /** Aborts at the time limit, with a TimeoutError, or with a given signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Settles like `work`, or rejects as soon as the signal aborts, also if `work` ignores it. */
  wait<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  /** Releases the timer and the listeners. */
  end(): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#follow);
  }
}

/**
 * Like `fetch` through the user's proxy, with limits that also hold for the body. A body that is too long or too late errors the stream; an abort of one
 * of `signals` does the same. Throws DOMException TimeoutError, UserError `response-too-large`, and what `fetch` throws.
 */
export async function boundedFetch(
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  {
    limits,
    signals,
    send = proxiedFetch,
  }: { limits: ResponseLimits; signals: readonly AbortSignal[]; send?: typeof fetch },
): Promise<Response> {
  const { host } = new URL(input instanceof Request ? input.url : input);
  const deadline = new Deadline(limits.time, init?.signal ? [...signals, init.signal] : signals, host);
  try {
    const response = await deadline.wait(send(input, { ...init, signal: deadline.signal }));
    // Response.status is a number from 200 to 599, and a server may send another.
    if (response.status < 200 || response.status > 599)
      throw new TypeError("fetch failed", { cause: new Error(`the status ${response.status} does not exist`) });
    if (response.body === null) {
      deadline.end();
      return response;
    }
    const { status, statusText, headers, url } = response;
    const body = boundedBody(response.body, limits.bytes, host, deadline);
    return Object.defineProperty(new Response(body, { status, statusText, headers }), "url", { value: url });
  } catch (error) {
    deadline.end();
    throw error;
  }
}

function boundedBody(body: ReadableStream<Uint8Array>, most: number, host: string, deadline: Deadline) {
  const reader = body.getReader();
  let size = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await deadline.wait(reader.read());
          if (done) {
            deadline.end();
            controller.close();
            return;
          }
          size += value.length;
          if (size > most) throw tooLarge(host, most);
          controller.enqueue(value);
        } catch (error) {
          deadline.end();
          void reader.cancel(error).catch(() => undefined);
          throw error;
        }
      },
      async cancel(reason) {
        deadline.end();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** A Node.js stream with the same limits and errors. */
export function boundedStream(source: Readable, limits: ResponseLimits, signal: AbortSignal, host: string): Readable {
  const deadline = new Deadline(limits.time, [signal], host);
  let size = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limits.bytes) done(tooLarge(host, limits.bytes));
      else done(null, chunk);
    },
  });
  const onAbort = (): void => void bounded.destroy(deadline.signal.reason);
  if (deadline.signal.aborted) onAbort();
  else deadline.signal.addEventListener("abort", onAbort, { once: true });
  pipeline(source, bounded, () => deadline.end());
  return bounded;
}

function tooLarge(host: string, most: number): UserError {
  return new UserError("response-too-large", `${host} sent more than ${amount(most, undefined, "bytes")}`, {
    help: "check the address of the server: a response of this size is not what exp requested",
  });
}
