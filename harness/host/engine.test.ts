import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createSocketServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askEngine, defaultSocket, type EngineAnswer, engineAddress, engineFinding } from "./engine.ts";

describe("where an engine is looked for", () => {
  test.each([
    [undefined, { socketPath: defaultSocket }],
    ["", { socketPath: defaultSocket }],
    ["unix:///run/user/1000/docker.sock", { socketPath: "/run/user/1000/docker.sock" }],
    ["tcp://127.0.0.1:2375", { host: "127.0.0.1", port: 2375 }],
    ["tcp://engine", { host: "engine", port: 2375 }],
    ["tcp://[::1]:4000", { host: "::1", port: 4000 }],
    ["ssh://root@engine", undefined],
    ["unix://docker.sock", undefined],
  ])("DOCKER_HOST=%s", (dockerHost, address) => {
    expect(engineAddress(dockerHost)).toEqual(address);
  });
});

describe("what the engine's answer means", () => {
  const at = "/var/run/docker.sock";
  test.each<[EngineAnswer, string]>([
    [{ state: "answers", at, version: "20.10.24+dfsg1", api: "1.41" }, "yes"],
    [{ state: "answers", at, version: "19.03.15", api: "1.40" }, "no"],
    [{ state: "absent", at, seen: "no such socket" }, "no"],
    [{ state: "denied", at, seen: "permission denied" }, "no"],
    [{ state: "unclear", at, seen: "no answer within 3000 ms" }, "unknown"],
  ])("%o: %s", (answer, can) => {
    const finding = engineFinding(answer);
    expect(finding.can).toBe(can);
    expect(finding.needed).toBe(true);
    expect(finding.detail).toContain(at);
    if (can !== "yes") expect([finding.cause, finding.remedy]).not.toContain(undefined);
  });
});

describe("asking", () => {
  let directory: string;
  let server: Server | undefined;
  const socket = () => join(directory, "engine.sock");
  const ask = (timeoutMs?: number) => askEngine(`unix://${socket()}`, timeoutMs);
  const serve = async (status: number, body: string) => {
    server = createServer((_request, response) => response.writeHead(status).end(body));
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(socket(), resolve);
    await promise;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "assay-engine-"));
  });
  afterEach(() => {
    server?.close();
    server = undefined;
    rmSync(directory, { recursive: true });
  });

  test("an engine that answers", async () => {
    await serve(200, '{"Version":"20.10.24+dfsg1","ApiVersion":"1.41","MinAPIVersion":"1.12"}');
    expect(await ask()).toMatchObject({ state: "answers", version: "20.10.24+dfsg1", api: "1.41" });
  });

  test("no socket is an absent engine", async () => {
    expect(await ask()).toMatchObject({ state: "absent", seen: "no such socket" });
  });

  test("a socket that a dead engine left is an absent engine", async () => {
    const { spawnSync } = await import("node:child_process");
    const leave = `require("net").createServer().listen(${JSON.stringify(socket())}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(spawnSync(process.execPath, ["-e", leave]).signal).toBe("SIGKILL");
    expect(await ask()).toMatchObject({ state: "absent", seen: "nothing listens there" });
  });

  test.each([
    [500, "{}", "HTTP status 500"],
    [200, "hello", "JSON"],
    [200, "null", "null"],
    [200, '{"Version":7}', "without Version and ApiVersion"],
  ])("an answer of %i %s is unclear", async (status, body, seen) => {
    await serve(status, body);
    const answer = await ask();
    expect(answer.state).toBe("unclear");
    expect(answer).toHaveProperty("seen", expect.stringContaining(seen));
  });

  test("silence is unclear, not a no", async () => {
    const silent = createSocketServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    silent.listen(socket(), resolve);
    await promise;
    expect(await ask(50)).toMatchObject({ state: "unclear", seen: expect.stringContaining("50 ms") });
    silent.close();
  });

  test("a DOCKER_HOST that cannot be asked is unclear", async () => {
    expect(await askEngine("ssh://root@engine")).toMatchObject({ state: "unclear" });
  });
});
