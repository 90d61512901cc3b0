// Decides how a report is served: on loopback alone, to who asks by that address, what lies in the run's directory and nothing else.
// For browsers that open no file. Refuses links, other methods, other hosts (a foreign page that resolves to loopback); evidence runs nothing.
import { createReadStream, realpathSync } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";
import { DeclarationError, ExitCode, messageOf } from "../model/errors.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".json": "application/json",
  ".sarif": "application/json",
  ".xml": "text/xml; charset=utf-8",
  ".png": "image/png",
};

/** Until SIGINT (130) or SIGTERM (143). `port`: `true` for any that is free. Rejects with a `DeclarationError` (`bad-port`, `no-port`). */
export async function serveReport(directory: string, port: string | true): Promise<number> {
  const number = port === true ? 0 : Number(port);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new DeclarationError({
      code: "bad-port",
      seen: `"${port}" is no port`,
      hint: "leave it out for any that is free",
    });
  const server = serverOf(directory);
  await new Promise<void>((listening, failed) => {
    server.once("error", (cause) =>
      failed(
        new DeclarationError({
          code: "no-port",
          seen: `port ${number} of loopback cannot be had: ${messageOf(cause)}`,
          cause,
        }),
      ),
    );
    server.listen(number, "127.0.0.1", listening);
  });
  console.log(`served    http://127.0.0.1:${(server.address() as AddressInfo).port}/ until Ctrl-C`);
  const code = await new Promise<number>((ended) => {
    process.once("SIGINT", () => ended(ExitCode.interrupted));
    process.once("SIGTERM", () => ended(ExitCode.terminated));
  });
  server.closeAllConnections();
  server.close();
  return code;
}

/** Not listening yet. */
export function serverOf(directory: string): Server {
  const room = realpathSync(directory);
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    if (request.headers.host !== `127.0.0.1:${port}` && request.headers.host !== `localhost:${port}`)
      refuse(response, 403);
    else if (request.method !== "GET" && request.method !== "HEAD") refuse(response, 405);
    else answer(room, request, response).catch(() => refuse(response, 404));
  });
  return server;
}

async function answer(room: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  const path = decodeURIComponent(pathname);
  const place = join(room, path === "/" ? "index.html" : path);
  // A link in what somebody else made may lead anywhere.
  if (!place.startsWith(room + sep) || (await realpath(place)) !== place) return refuse(response, 404);
  const file = await open(place);
  const { size, isFile } = await file.stat().then((facts) => ({ size: facts.size, isFile: facts.isFile() }));
  await file.close();
  if (!isFile) return refuse(response, 404);
  const evidence = place !== join(room, "index.html");
  response.writeHead(200, {
    "content-type": types[evidence && extname(place) === ".html" ? "" : extname(place)] ?? "text/plain; charset=utf-8",
    "content-length": size,
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    // The page's own policy is in it.
    "content-security-policy": evidence
      ? "default-src 'none'; sandbox; frame-ancestors 'none'"
      : "frame-ancestors 'none'",
  });
  if (request.method === "HEAD" || size === 0) response.end();
  else
    createReadStream(place, { end: size - 1 })
      .on("error", () => response.destroy())
      .pipe(response);
}

function refuse(response: ServerResponse, status: number): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { "content-type": "text/plain" }).end(`${status}\n`);
}
