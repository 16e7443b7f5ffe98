import { detectMachine } from "../execution/devices.ts";
import { environments } from "../plugins/environments.ts";
import { environmentsToSetUp, setupEnvironment } from "../setup/environments.ts";
import { bundledModels, setupModel } from "../setup/models.ts";
import { exit } from "../util/context.ts";
import { anyNumber, choice, defineCommand, flag } from "./command.ts";

/** Installs what every study needs and what was named. Safe to repeat and to interrupt. */
export const command = defineCommand({
  arguments: {
    environments: anyNumber("environment", "Install this environment too.", () =>
      environments().map(({ name }) => name),
    ),
  },
  options: {
    torch: choice("variant", "Install this variant of PyTorch.", () => ["cpu", "cuda"] as const, {
      default: "cuda if this machine has a GPU",
    }),
    dev: flag("Also install the tools that check the recipes: pytest, ruff, mypy."),
  },
  async run({ environments: names, torch, dev }, context) {
    const { gpus } = await detectMachine();
    const report = ({ message }: { readonly message: string }): void => context.out(`${message}\n`);
    for (const name of environmentsToSetUp(names)) {
      await setupEnvironment(name, context, { torch, gpus, dev, signal: context.stop }, report);
    }
    for (const name of Object.keys(bundledModels)) await setupModel(name, context, { signal: context.stop }, report);
    return exit.done;
  },
});
