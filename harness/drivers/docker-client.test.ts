// What is left out of dockerode at its start comes when it is called.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dockerClient } from "./docker-client.ts";

const { cache, resolve } = createRequire(import.meta.url);
const loaded = (part: string) => Object.keys(cache).some((file) => file.includes(`/node_modules/${part}/`));

test("a client is opened without gRPC and SSH", () => {
  const docker = dockerClient({ socketPath: "/nowhere/docker.sock" });
  expect(docker.modem).toMatchObject({ socketPath: "/nowhere/docker.sock" });
  expect([loaded("dockerode"), loaded("@grpc/grpc-js"), loaded("ssh2")]).toEqual([true, false, false]);
});

test("an SSH host gets the real thing", () => {
  const docker = dockerClient({ protocol: "ssh", host: "nowhere.invalid", username: "nobody" });
  // The request goes nowhere; that its agent was made of ssh2 is what counts.
  docker.ping(() => undefined);
  expect(loaded("ssh2")).toBe(true);
});

test("a BuildKit session is the module's own function, called as it is", () => {
  const [file = ""] = Object.keys(cache).filter((each) => each.endsWith("/dockerode/lib/session.js"));
  const dialled: unknown[] = [];
  const modem = { dial: (options: unknown) => dialled.push(options) };
  cache[file]?.exports({ modem }, undefined, () => undefined);
  expect(dialled).toMatchObject([{ path: "/session" }]);
  expect(resolve("dockerode")).toContain("dockerode");
});

test("an engine that is named is that one, whatever docker's variables say", () => {
  const code = `
    import { dockerClient } from ${JSON.stringify(join(import.meta.dirname, "docker-client.ts"))};
    const { host, protocol, socketPath, cert } = dockerClient({ socketPath: "/run/own.sock" }).modem;
    console.log(JSON.stringify({ host, protocol, socketPath, cert }));`;
  const env = { PATH: "/usr/bin:/bin", DOCKER_HOST: "ssh://root@far:2222" };
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
    env,
  });
  expect({ stderr, seen: JSON.parse(stdout) }).toEqual({
    stderr: "",
    seen: { protocol: "http", socketPath: "/run/own.sock" },
  });
});
