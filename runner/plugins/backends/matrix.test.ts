import { describe, expect, it } from "vitest";
import { capabilityMatrix, unsupportedReason } from "./matrix.ts";

const precisions = ["bf16", "fp16", "fp32"] as const;
const cells = capabilityMatrix();

describe("what a backend lacks", () => {
  it("is a training that has no cell, on the devices that it may use", () => {
    for (const cell of cells) {
      for (const precision of precisions) {
        const lack = unsupportedReason({ ...cell, precision }, [cell.device]);
        expect(lack === undefined).toBe(cell.precisions.includes(precision));
        if (lack !== undefined) expect(lack.message).toContain(`${cell.backend} cannot train `);
        if (lack?.key === "precision") expect(lack.help).toContain(cell.precisions[0]);
      }
      const lack = unsupportedReason({ ...cell, precision: "auto" }, [cell.device]);
      expect(lack === undefined).toBe(cell.precisions.length > 0);
    }
  });

  it("is nothing where one of two devices can", () => {
    for (const { backend, method } of cells) {
      const can = cells.some((cell) => cell.backend === backend && cell.method === method && cell.precisions[0]);
      expect(unsupportedReason({ backend, method, precision: "auto" }, ["cpu", "cuda"]) === undefined).toBe(
        Boolean(can),
      );
    }
  });

  it("says which device it would take", () => {
    for (const cell of cells) {
      const other = cells.find((one) => one.backend === cell.backend && one.method === cell.method && one !== cell);
      if (cell.precisions.length > 0 || !other?.precisions.length) continue;
      const lack = unsupportedReason({ ...cell, precision: "auto" }, [cell.device]);
      expect(lack?.help).toContain(cell.device === "cpu" ? "a machine with a GPU" : "resources.gpus: 0");
    }
  });
});
