import { describe, expect, it } from "vitest";
import {
  activeParameters,
  knownShape,
  parameters,
  projections,
  type Shape,
  shapeOf,
} from "../../plugins/model-shape.ts";
import { adapterParameters, generationMemory, type TrainingLoad, trainingMemory } from "./memory.ts";
import { generationSeconds, type Processor, trainingSeconds } from "./time.ts";

const GiB = 2 ** 30;
const shape = (size: string): Shape => knownShape(`Qwen/Qwen3-${size}`) as Shape;
const load: TrainingLoad = {
  device: "cuda",
  method: "lora",
  precision: "bf16",
  rank: 16,
  targets: "all-linear",
  batch: [1, 1],
  length: [1024, 1024],
  checkpointing: "always",
  allLogits: true,
  conversion: [2, 6],
};

describe("memory", () => {
  // Published figures, as in docs/explanation/estimates.md: 1,024 tokens, rank 16 on all linear layers, checkpointing, batch 1 to 4.
  it.each([
    ["4B", "qlora", 4.5, 11],
    ["4B", "lora", 9.5, 16],
    ["8B", "qlora", 8, 15],
    ["8B", "lora", 17.6, 24.5],
  ] as const)("%s %s: the range contains the published one and is not much wider", (size, method, low, high) => {
    const [least] = trainingMemory(shape(size), { ...load, method }).device;
    const [, most] = trainingMemory(shape(size), { ...load, method, batch: [4, 4] }).device;
    expect(least / GiB).toBeLessThanOrEqual(low);
    expect(least / GiB).toBeGreaterThan(0.7 * low);
    expect(most / GiB).toBeGreaterThanOrEqual(high);
    expect(most / GiB).toBeLessThan(1.6 * high);
  });

  it("an 8B model fits a T4 in 4 bit but not in 16 bit, also for generation", () => {
    const t4 = 15 * GiB;
    const generate = {
      device: "cuda",
      batch: [1, 1],
      prompt: [300, 600],
      newTokens: 128,
      prefillTokens: 16_384,
    } as const;
    expect(trainingMemory(shape("8B"), load).device[0]).toBeGreaterThan(t4);
    expect(trainingMemory(shape("8B"), { ...load, method: "qlora", precision: "fp16" }).device[0]).toBeLessThan(t4);
    expect(generationMemory(shape("8B"), { ...generate, precision: "fp16" }).device[0]).toBeGreaterThan(t4);
    expect(generationMemory(shape("8B"), { ...generate, precision: "4bit" }).device[1]).toBeLessThan(t4);
    // In 16 bit it also exceeds Colab's main memory.
    expect(generationMemory(shape("8B"), { ...generate, device: "cpu", precision: "bf16" }).host[0]).toBeGreaterThan(
      12.7e9,
    );
  });

  it("grows with batch, length, rank and method, and shrinks with checkpointing", () => {
    const of = (change: Partial<TrainingLoad>) => trainingMemory(shape("1.7B"), { ...load, ...change }).device;
    const grows = (less: Partial<TrainingLoad>, more: Partial<TrainingLoad>): void => {
      expect(of(more)[0]).toBeGreaterThan(of(less)[0]);
      expect(of(more)[1]).toBeGreaterThan(of(less)[1]);
    };
    grows({ batch: [1, 1] }, { batch: [8, 8] });
    grows({ length: [256, 256] }, { length: [1024, 1024] });
    grows({ rank: 8 }, { rank: 128 });
    grows({ method: "qlora" }, { method: "lora" });
    grows({ method: "lora" }, { method: "full" });
    grows({ checkpointing: "always" }, { checkpointing: undefined });
    grows({ allLogits: false }, { allLogits: true });
    grows({ method: "qlora", conversion: [2, 6] }, { method: "qlora", conversion: [8, 14] });
    grows({ layers: 4 }, {});
  });

  it("recomputed activations on a machine with little memory lower the low end only", () => {
    const of = (checkpointing: TrainingLoad["checkpointing"]) =>
      trainingMemory(shape("1.7B"), { ...load, device: "cpu", batch: [8, 8], checkpointing }).device;
    expect(of("if-short")).toEqual([of("always")[0], of(undefined)[1]]);
    expect(of("if-short")[0]).toBeLessThan(0.9 * of(undefined)[0]);
  });

  it("every low end is below its high end", () => {
    for (const size of ["0.6B", "1.7B", "4B", "8B"]) {
      for (const method of ["lora", "dora", "qlora", "qdora", "full"] as const) {
        for (const device of ["cpu", "cuda"] as const) {
          const {
            device: [low, high],
            host,
          } = trainingMemory(shape(size), { ...load, method, device });
          expect(low).toBeLessThan(high);
          expect(host[0]).toBeLessThan(host[1]);
        }
      }
    }
  });
});

describe("shape", () => {
  it("counts the values of known models", () => {
    expect(parameters(shape("4B")) / 1e9).toBeCloseTo(4.02, 2);
    expect(parameters(shape("8B")) / 1e9).toBeCloseTo(8.19, 2);
    expect(parameters(knownShape("smollm2-135m") as Shape) / 1e6).toBeCloseTo(134.5, 0);
    expect(adapterParameters(shape("4B"), load)).toBe(33_030_144);
  });

  it("counts all experts of a mixture, and those that a token uses", () => {
    const mixture = shape("30B-A3B");
    expect(parameters(mixture) / 1e9).toBeCloseTo(30.5, 1);
    expect(activeParameters(mixture) / 1e9).toBeCloseTo(3.35, 1);
    expect(activeParameters(shape("4B"))).toBe(parameters(shape("4B")));
    const attention = { ...load, targets: ["q_proj", "k_proj", "v_proj", "o_proj"] };
    expect(adapterParameters(mixture, load)).toBe(adapterParameters(mixture, attention));
  });

  it("is that of the text decoder if the model also reads images", () => {
    const text = { model_type: "gemma3_text", hidden_size: 2560, intermediate_size: 10_240, num_hidden_layers: 34 };
    const known = shapeOf(JSON.stringify({ model_type: "gemma3", text_config: text, vision_config: {} })) as Shape;
    expect(parameters(known) / 1e9).toBeCloseTo(3.88, 1);
  });

  it("adapts the fused layers of Phi", () => {
    const phi = { ...shape("4B"), model_type: "phi3" };
    expect(Object.keys(projections(phi))).toEqual(["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]);
    expect(parameters(phi)).toBe(parameters(shape("4B")));
  });

  it("is unknown for what is no decoder", () => {
    expect(shapeOf('{"hidden_size": 64}')).toBeUndefined();
    expect(shapeOf("no json")).toBeUndefined();
    expect(knownShape("Qwen/Qwen3-5B")).toBeUndefined();
  });
});

it("a training takes longer on fewer cores, with DoRA, and with more rows", () => {
  const engine = { device: "cpu", cores: 2, gpus: 0 } as const;
  const seconds = (change: Partial<TrainingLoad>, rows: number, cores = 2) =>
    trainingSeconds(knownShape("smollm2-135m") as Shape, { ...load, ...change }, [rows, rows], { ...engine, cores })[1];
  expect(seconds({ method: "dora" }, 100)).toBeGreaterThan(seconds({}, 100));
  expect(seconds({}, 200)).toBeGreaterThan(seconds({}, 100));
});

it("the measured speed of the cores narrows the times", () => {
  const shape = knownShape("smollm2-135m") as Shape;
  const core = { fp32: 90e9, bf16: 350e9, bandwidth: 12e9 };
  const processor = { device: "cpu", cores: 2, gpus: 0 } as const;
  const train = (precision: "bf16" | "fp32", rows: number, on: Processor = { ...processor, core }) => {
    const work = { ...load, precision, checkpointing: undefined, length: [260, 460] } as const;
    return trainingSeconds(shape, work, [rows, rows], on);
  };
  // 417 steps of 8 rows with about 330 tokens took 22 minutes on two idle cores with these speeds.
  const [low, high] = train("bf16", 417 * 8);
  expect([low < 22 * 60, high > 22 * 60]).toEqual([true, true]);
  expect(high / low).toBeLessThan(9);
  const [least, most] = train("bf16", 417 * 8, processor);
  expect(most / least).toBeGreaterThan(20);
  expect(train("fp32", 1000)[0]).toBeGreaterThan(train("bf16", 1000)[0]);
  const answer = (on: Processor) =>
    generationSeconds(shape, { precision: "bf16", prompt: [200, 350], newTokens: [8, 32] }, [100, 100], [32, 32], on);
  expect(answer({ ...processor, core })[1]).toBeLessThan(answer(processor)[1] / 3);
});
