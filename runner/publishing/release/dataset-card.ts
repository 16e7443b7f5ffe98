import { stringify } from "yaml";
import { datasetText } from "../../hub/dataset-files.ts";
import { datasetOf, testPart } from "../../plugins/data-part.ts";
import { armNamingOf, metricName } from "../../reporting/report/display-names.ts";
import type { RunFacts } from "../../reporting/report/study.ts";
import { integer, withInterval } from "../../util/format.ts";

/** Files of predictions by arm, with the number of answers in which a field was withheld. */
export type PredictionFiles = readonly { readonly arm: string; readonly path: string; readonly withheld: number }[];

/** The README.md of a data set of predictions: front matter for the hub, then text for people. */
export function datasetCard(run: RunFacts, repo: string, files: PredictionFiles): string {
  const { metric, view } = run.config.evaluate.primary;
  const matter = {
    pretty_name: `Predictions of ${run.name}`,
    tags: ["exp-study", "predictions"],
    configs: files.map(({ arm, path }) => ({ config_name: arm, data_files: path })),
  };
  const withheld = files.reduce((sum, one) => sum + one.withheld, 0);
  const part = datasetOf(testPart(run.config.data));
  const source =
    run.config.evaluate.split === "test" && part !== undefined ? `${datasetText(part)} on the hub` : undefined;
  const rows = files.map(({ arm, path }) => {
    const measured = run.comparison?.arms[arm]?.[metric];
    return `| ${armNamingOf(run)(arm)} | \`${path}\` | ${withInterval(measured)} |`;
  });
  return `---
${stringify(matter, { lineWidth: 0 })}---

# ${repo.slice(repo.indexOf("/") + 1)}

Predictions of every arm of run \`${run.experiment}/${run.run}\`, written by exp ${run.provenance.exp}. Each line is one case: \`id\`, the \`gold\` target, the
prediction, and \`text\`, the answer as generated. The input texts are not part of this data set.${source === undefined ? "" : ` The cases are from ${source}.`}${withheld === 0 ? "" : ` Fields that quote an input are \`null\`, in ${integer(withheld)} ${withheld === 1 ? "answer" : "answers"}.`}

| arm | file | ${metricName(metric)}, ${view} view |
| --- | --- | --- |
${rows.join("\n")}

\`manifest.json\` has every parameter and the SHA-256 digest of every file of the run.
`;
}
