/** Studies, runs and stores of other people: what they cannot send, read, write or claim. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { expectFailure } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/served.yaml";
const secret = "a-secret-of-this-user";

/** Address of this machine that is not loopback. */
const address =
  Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "192.0.2.1";

/** A server on every address of this machine that answers each request, and the Authorization headers that it received. */
async function serve(rig: Rig): Promise<{ readonly port: number; readonly keys: (string | undefined)[] }> {
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers.authorization);
    response.end(
      JSON.stringify({ choices: [{ message: { content: "liver cyst" }, finish_reason: "stop" }], usage: {} }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  rig.onClose(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, keys };
}

function served(baseUrl: string, more = ""): string {
  return `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: 2}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "${baseUrl}"${more}}
baselines: []
report: {xlsx: false}
`;
}

describe("a key", () => {
  test("is sent to no server that the user did not pair with it", async ({ rig }) => {
    const { port, keys } = await serve(rig);
    const origin = `http://${address}:${port}`;
    rig.write(file, served(`${origin}/v1`, ", api_key_env: AWS_SECRET_ACCESS_KEY"));
    rig.env = { ...rig.env, AWS_SECRET_ACCESS_KEY: secret };
    const line = `keys: {AWS_SECRET_ACCESS_KEY: "${origin}"}`;
    const refused = await rig.exp("run", file);
    expectFailure(refused, 2, "key-not-paired");
    expect(refused.stderr).toContain(`${join(rig.config, "exp/config.yaml")}: ${line}`);
    expectFailure(await rig.exp("plan", file), 0, "key-not-paired");
    // Another port and another scheme are other origins.
    for (const pair of [`http://${address}:${port + 1}`, `https://${address}:${port}`]) {
      const env = { EXP_KEY_ORIGINS: `AWS_SECRET_ACCESS_KEY=${pair}` };
      expectFailure(await rig.start(["run", file], { env }).ended, 2, "key-not-paired");
    }
    expect(keys).toEqual([]);

    rig.write(join(rig.config, "exp/config.yaml"), `${line}\n`);
    await rig.build(file);
    expect(keys).toEqual([`Bearer ${secret}`, `Bearer ${secret}`]);
    const env = { EXP_KEY_ORIGINS: `AWS_SECRET_ACCESS_KEY=${origin}` };
    rig.remove(join(rig.config, "exp"));
    await rig.start(["run", file, "--force", "generate.zero_shot"], { env }).ended;
    expect(keys).toHaveLength(4);
  });

  test("goes to loopback, and a known key to the server of its maker only", async ({ rig }) => {
    const { port, keys } = await serve(rig);
    rig.env = { ...rig.env, OPENAI_API_KEY: secret };
    rig.write(file, served(`http://127.0.0.1:${port}/v1`, ", api_key_env: OPENAI_API_KEY"));
    await rig.build(file);
    expect(keys).toEqual([`Bearer ${secret}`, `Bearer ${secret}`]);
    rig.removeArtifacts();
    for (const other of [
      "https://api.openai.com.example.org/v1",
      "http://api.openai.com/v1",
      "http://127.0.0.1.nip.io/v1",
    ]) {
      rig.write(file, served(other, ", api_key_env: OPENAI_API_KEY"));
      expectFailure(await rig.exp("run", file), 2, "key-not-paired");
    }
    rig.write(file, served("https://api.openai.com/v1", ", api_key_env: OPENAI_API_KEY"));
    expect((await rig.exp("plan", file)).stderr).not.toContain("key-not-paired");
  });

  test("of an unreadable configuration is not guessed", async ({ rig }) => {
    rig.write(file, served("https://api.example.com/v1", ", api_key_env: MY_KEY"));
    for (const text of [
      "keys: [MY_KEY]",
      "keys: {MY_KEY: nowhere}",
      "key: {MY_KEY: https://api.example.com}",
      "keys: {",
    ]) {
      rig.write(join(rig.config, "exp/config.yaml"), text);
      expectFailure(await rig.exp("run", file), 2, "bad-user-config");
    }
  });
});
