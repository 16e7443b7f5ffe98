import { startMetric } from "../execution/metric-process.ts";
import { defaultEnvironment } from "../plugins/environments.ts";
import type { MetricProcess, OwnMetric } from "../plugins/metrics/own-metric.ts";
import { environmentPython } from "../setup/environments.ts";
import type { Context } from "../util/context.ts";
import { originOfClone } from "./authorship.ts";
import { foreignResults, metricPrivilege, originOfStudy, requireTrust } from "./trust.ts";

/**
 * Starts the processes of metrics, for commands that score without steps. `foreign`: where the run comes from whose
 * manifest names the file; undefined for an own run.
 */
export type MetricOpener = (
  metric: Pick<OwnMetric, "name" | "file" | "timeout" | "memory">,
  foreign?: string | undefined,
) => MetricProcess;

/**
 * Starts the processes of metrics of a project. A foreign run needs permission for each file: it can name a file that
 * came with it, and a file of this user that is no metric. `root` is undefined for a file that the user names on the
 * command line: it needs no permission. Throws UserError `untrusted`, `metric-failed`, `environment-missing`.
 */
export function metricOpener(
  root: string | undefined,
  context: Context,
  { trust }: { readonly trust: boolean },
): MetricOpener {
  return ({ name, file, timeout, memory }, foreign) => {
    const origin =
      root === undefined
        ? undefined
        : (foreign ?? foreignResults(root)?.origin ?? originOfStudy(root, [file]) ?? originOfClone([file]));
    if (root !== undefined && origin !== undefined) {
      const privileges = [metricPrivilege({ name, file }, root)];
      requireTrust({ name: `metric ${name}`, origin, root, privileges }, trust, context);
    }
    return startMetric({
      ...{ file, shown: file, timeout, memory, packageRoot: context.packageRoot },
      python: () => environmentPython(defaultEnvironment(), context),
    });
  };
}
