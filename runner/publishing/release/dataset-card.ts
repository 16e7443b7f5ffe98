import { stringify } from "yaml";
import { armName, metricName } from "../../reporting/report/display-names.ts";
import type { RunFacts } from "../../reporting/report/study.ts";
import { integer, withInterval } from "../../util/format.ts";

/** Files of predictions by arm, and in how many answers something was left out. */
export type PredictionFiles = readonly { readonly arm: string; readonly path: string; readonly withheld: number }[];

/** README.md of a data set of answers: front matter that the hub reads, then what they are and what is not in them. */
export function predictionsCardOf(run: RunFacts, repo: string, files: PredictionFiles): string {
  const { metric, view } = run.config.evaluate.primary;
  const matter = {
    pretty_name: `Answers of ${run.name}`,
    tags: ["exp-study", "predictions"],
    configs: files.map(({ arm, path }) => ({ config_name: arm, data_files: path })),
  };
  const withheld = files.reduce((sum, one) => sum + one.withheld, 0);
  const rows = files.map(({ arm, path }) => {
    const measured = run.comparison?.arms[arm]?.[metric];
    return `| ${armName(arm)} | \`${path}\` | ${withInterval(measured)} |`;
  });
  return `---
${stringify(matter, { lineWidth: 0 })}---

# ${repo.slice(repo.indexOf("/") + 1)}

Answers of every arm of run \`${run.experiment}/${run.run}\`, made by exp ${run.provenance.exp}: a line a case, with \`id\`, \`gold\` and \`labels\`, and \`text\`, the
answer as it was written. The texts that were answered are not part of this data set${withheld === 0 ? "" : `; what quotes one of them is \`null\`, in ${integer(withheld)} ${withheld === 1 ? "answer" : "answers"}`}.

| arm | file | ${metricName(metric)}, ${view} view |
| --- | --- | --- |
${rows.join("\n")}

\`manifest.json\` has every parameter, and names every file of the run by its SHA-256 sum.
`;
}
