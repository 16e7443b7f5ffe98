import { detectMachine } from "../execution/devices.ts";
import { environments, setupEnvironment } from "../setup/environments.ts";
import { bundledModels, setupModel } from "../setup/models.ts";
import { type Act, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";

/**
 * `exp setup`: Python environments from their lock files, then the bundled models: those that every study needs, whoever trains,
 * and those that are named. Safe to repeat and to interrupt.
 */
export const command: Act = async ([names], { torch, dev }, context) => {
  if (torch !== undefined && torch !== "cpu" && torch !== "cuda") {
    context.err(`exp setup: --torch takes cpu or cuda, not "${torch}"\n`);
    return exit.invalid;
  }
  const usual = Object.keys(environments).filter((name) => environments[name]?.always);
  const wanted = [...new Set([...usual, ...(names as string[])])];
  const unknown = wanted.find((name) => !(name in environments));
  if (unknown !== undefined) {
    context.err(`exp setup: no environment "${unknown}"; there are: ${Object.keys(environments).join(", ")}\n`);
    return exit.invalid;
  }
  const { gpus } = await detectMachine();
  const report = ({ message }: { readonly message: string }): void => context.out(`${message}\n`);
  try {
    for (const name of wanted) {
      await setupEnvironment(name, context, { torch, gpus, dev: dev === true, signal: context.stop }, report);
    }
    for (const name of Object.keys(bundledModels)) await setupModel(name, context, { signal: context.stop }, report);
    return exit.done;
  } catch (error) {
    if (context.stop.aborted) return exit.interrupted;
    if (!(error instanceof UserError)) throw error;
    context.err(`exp setup: ${error.message}\n${error.help === undefined ? "" : `${error.help}\n`}`);
    if (error.log !== undefined) context.err(`log: ${error.log}\n`);
    return exit.failed;
  }
};
