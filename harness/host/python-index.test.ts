// Decides that an index that answers is told from one that does not, by the way that builds would take, and that no password is told.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { judgeIndex, pythonIndexFinding } from "./python-index.ts";

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server on loopback that answers with a status, and remembers who asked. */
async function index(status: number): Promise<{ host: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    response.writeHead(status).end("<html></html>");
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe("asking", () => {
  test("the index that pip is told of answers: one page of it is asked for", async () => {
    const { host, asked } = await index(200);
    const finding = await pythonIndexFinding({ PIP_INDEX_URL: `http://${host}/simple/` });
    expect(finding).toMatchObject({ can: "yes", detail: `${host} answers` });
    expect(asked.map(({ url }) => url)).toEqual(["/simple/pip/"]);
  });

  test("a login in the address is used, and told to nobody", async () => {
    const { host, asked } = await index(403);
    const finding = await pythonIndexFinding({ PIP_INDEX_URL: `http://studio:p%40ss-word@${host}/simple` });
    expect(finding).toMatchObject({ can: "no", cause: "it answers 403" });
    expect(asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from("studio:p@ss-word").toString("base64")}`);
    expect(JSON.stringify(finding)).not.toMatch(/studio|ss-word/);
  });

  test("the way goes through the proxy that builds are given", async () => {
    const { host, asked } = await index(200);
    const finding = await pythonIndexFinding({
      PIP_INDEX_URL: "http://index.invalid/simple",
      http_proxy: `http://${host}`,
    });
    expect(finding.can).toBe("yes");
    expect(asked.map(({ url }) => url)).toEqual(["http://index.invalid/simple/pip/"]);
  });

  test("nobody is there: no, with the reason and what to do", async () => {
    const { host } = await index(200);
    await new Promise((resolve) => open.pop()?.close(resolve));
    expect(await pythonIndexFinding({ PIP_INDEX_URL: `http://${host}/simple` })).toMatchObject({
      can: "no",
      detail: `packages cannot be fetched from ${host}`,
      cause: expect.stringContaining("Connection refused"),
      remedy: expect.stringContaining("PIP_INDEX_URL"),
    });
  });

  test("what is no address is not asked", async () => {
    expect(await pythonIndexFinding({ PIP_INDEX_URL: "not an address" })).toMatchObject({
      can: "no",
      cause: "it is no URL",
    });
  });
});

test.each([
  [200, "yes"],
  [404, "yes"],
  [401, "no"],
  [407, "no"],
  [503, "no"],
] as const)("%i is %s", (status, can) => {
  expect(judgeIndex("index.example", { status }).can).toBe(can);
});
