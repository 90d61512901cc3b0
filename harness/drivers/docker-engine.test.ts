// Decides how an engine's refusals read. The texts are those of docker 20.10 and newer, as they came.
import { describe, expect, test } from "vitest";
import { ProvisionError } from "../model/errors.ts";
import { engineError, findEngine, isGone, statusOf, wordsOf } from "./docker-engine.ts";

/** An error as the engine's client gives it: its own words around the engine's. */
const refused = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${message} `), { statusCode, json: { message } });

describe("refusals", () => {
  test.each([
    [
      "driver failed programming external connectivity on endpoint a (b): Bind for 127.0.0.1:8080 failed: port is already allocated",
      "port-taken",
    ],
    [
      "driver failed programming external connectivity on endpoint a (b): Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use",
      "port-taken",
    ],
    ["Address already in use", "address-taken"],
    ["Invalid address 10.1.1.1: It does not belong to any of this network's subnets", "address-taken"],
    ["No such image: soe:1", "image-missing"],
    [
      'failed to create shim: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "/x": stat /x: no such file or directory: unknown',
      "cannot-start",
    ],
    ['exec: "x": executable file not found in $PATH: unknown', "cannot-start"],
    ["unable to find user nobody-here: no matching entries in passwd file", "unknown-user"],
    ["Cannot mkdir: /etc/passwd is not a directory", "not-a-directory"],
    [
      'error gathering device information while adding custom device "/dev/x": no such file or directory',
      "device-missing",
    ],
    ["path /a is mounted on / but it is not a shared mount", "not-shared"],
    ["unable to apply caps: operation not permitted: unknown", "rights-missing"],
    ["write /layer.tar: no space left on device", "disk-full"],
    ["Pool overlaps with other one on this address space", "subnet-taken"],
    [
      'Conflict. The container name "/a" is already in use by container "b". You have to remove (or rename) that container',
      "name-taken",
    ],
    ["network with name a already exists", "name-taken"],
    ["Minimum memory limit allowed is 6MB", "engine-refused"],
    ["something that nobody has seen yet", "engine-error"],
  ])("%s is %s", (message, code) => {
    const error = engineError(refused(500, message), "create", "soe/web");
    expect(error).toBeInstanceOf(ProvisionError);
    expect(error.code).toBe(code);
    expect(error.message.startsWith(`create soe/web: ${message}; `)).toBe(true);
    expect(error.hint).not.toBe("");
  });

  test.each([
    "connect ECONNREFUSED /var/run/docker.sock",
    "connect ENOENT /var/run/docker.sock",
    "read ECONNRESET",
    "socket hang up",
  ])("%s: the engine went away", (message) => {
    expect(engineError(new Error(message), "exec", "soe/web")).toMatchObject({ code: "engine-lost" });
  });

  test("what says already what to do is given back as it is", () => {
    const known = new ProvisionError({ code: "died", phase: "ready", seen: "it died" });
    expect(engineError(known, "create", "a")).toBe(known);
  });

  test("the client's words around the engine's are left out, and anything can be thrown", () => {
    expect(wordsOf(new Error("(HTTP code 404) no such container - No such container: a "))).toBe(
      "No such container: a",
    );
    expect(wordsOf("text")).toBe("text");
    expect(wordsOf(null)).toBe("null");
  });
});

test("gone is what the engine calls 404, and nothing else", () => {
  expect(isGone(refused(404, "No such container: a"))).toBe(true);
  expect(isGone(refused(409, "removal in progress"))).toBe(false);
  expect(isGone(new Error("No such container"))).toBe(false);
  expect(statusOf(undefined)).toBeUndefined();
});

describe("an engine that is named", () => {
  test.each([
    ["unix:///run/own.sock", { socketPath: "/run/own.sock" }],
    ["/run/own.sock", { socketPath: "/run/own.sock" }],
    ["tcp://far:2377", { host: "far", port: 2377 }],
    ["tcp://far", { host: "far", port: 2375 }],
    ["tcp://[::1]:2377/", { host: "::1", port: 2377 }],
    ["https://far", { host: "far", port: 2376, protocol: "https" }],
  ])("%s", async (address, modem) => expect((await findEngine(address)).modem).toMatchObject(modem));

  test.each(["far:2375", "unix://", "tcp://", "tcp://far:2375/path"])("%s is none, and no other is taken", (address) =>
    expect(findEngine(address)).rejects.toMatchObject({ name: "DeclarationError", code: "unknown-address" }),
  );
});
