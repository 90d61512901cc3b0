import { expect, test } from "vitest";
import { readSshUrl } from "../transports/ssh-user.ts";
import { engineKind, engineOfKind, isHere } from "./docker-address.ts";

test.each([
  [undefined, true],
  ["unix:///run/docker.sock", true],
  ["tcp://127.0.0.1:2375", false],
  ["ssh://root@localhost", false],
])("%s is this machine's: %s", (address, here) => {
  expect(isHere(address)).toBe(here);
});

test("the ledger tells engines apart by address, and leads back to it", () => {
  expect(engineKind({})).toBe("docker");
  expect(engineKind({ engine: "podman", dockerHost: "unix:///run/podman/podman.sock" })).toBe("podman");
  const far = { engine: "podman", dockerHost: "ssh://root@farm/run/podman/podman.sock" } as const;
  expect(engineOfKind(engineKind(far))).toEqual(far);
  expect(engineOfKind("docker")).toBeUndefined();
  expect(engineOfKind("libvirt qemu:///system")).toBeUndefined();
});

test.each([
  ["ssh://farm", { user: undefined, host: "farm", port: undefined, path: "" }],
  ["ssh://root@farm.example:2222", { user: "root", host: "farm.example", port: "2222", path: "" }],
  [
    "ssh://root@[::1]:22/run/podman/podman.sock",
    { user: "root", host: "::1", port: "22", path: "/run/podman/podman.sock" },
  ],
  ["ssh://farm/", { user: undefined, host: "farm", port: undefined, path: "" }],
  // Words that a program would take for options of its own.
  ["ssh://-oProxyCommand=touch", undefined],
  ["ssh://-root@farm", undefined],
  ["ssh://root@farm -oX", undefined],
  ["ssh://root:secret@farm", undefined],
  ["tcp://farm", undefined],
])("%s", (address, parts) => {
  expect(readSshUrl(address)).toEqual(parts);
});
