import { type CommitParams, commitIter } from "@huggingface/hub";
import { type Hub, hubParams } from "./connection.ts";

type Events = ReturnType<typeof commitIter>;
type CommitEvent = Events extends AsyncGenerator<infer Event> ? Event : never;

/** Makes a commit, like the library's `commitIter`. Throws also where the library ends without a result. */
export async function* commitFiles(
  hub: Hub,
  commit: Pick<CommitParams, "repo" | "operations" | "title">,
): AsyncGenerator<CommitEvent> {
  const events = commitIter({ ...commit, abortSignal: hub.signal, useXet: false, ...hubParams(hub) });
  for (;;) {
    const next = await settled(events.next());
    if (next.done === true) return;
    yield next.value;
  }
}

/**
 * Rejects if nothing is left that could settle the promise. The library loses errors about the storage that a hub
 * names, such as an address that is none.
 */
function settled<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onIdle = (): void => reject(new Error("the upload to the storage of the hub has no result"));
    process.once("beforeExit", onIdle);
    work.then(resolve, reject).finally(() => process.off("beforeExit", onIdle));
  });
}
