// Decides that an engine on another machine is used as one of this machine is, and that what only that machine knows is asked there or
// not at all: through an ssh server beside a private engine, whose files are apart from this machine's, and in TLS.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { readConfig } from "../config.ts";
import { bind, container, scratch, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import { transportContract } from "../transports/contract.ts";
import { dockerExecTransport } from "../transports/docker-exec.ts";
import { makeKeyPair } from "../transports/ssh-keys.ts";
import { type PrivateSshd, privateSshd, sshdPath } from "../transports/testing/private-sshd.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";
import type { EngineAddress } from "./docker-address.ts";
import { reachEngine } from "./docker-reach.ts";
import { PrivateEngine } from "./testing/private-engine.ts";
import { makeAuthority, TlsProxy } from "./testing/tls-proxy.ts";

const here = mkdtempSync(join(tmpdir(), "assay-remote-"));
const only = join(here, "there");
mkdirSync(only);
afterAll(() => rmSync(here, { recursive: true, force: true }));

const { scratch: scratchRoot } = readConfig();
mkdirSync(scratchRoot, { recursive: true });

/** What a person's ssh is told, for `ssh -F`. */
function sshConfig({ port, login, host }: PrivateSshd, known: string = host.publicKey): string {
  const at = (name: string) => join(here, `${name}-${port}-${known.length}`);
  writeFileSync(at("key"), login.privateKey.reveal(), { mode: 0o600 });
  writeFileSync(at("known"), known === "" ? "" : `[127.0.0.1]:${port} ${known}\n`);
  const lines = [`IdentityFile ${at("key")}`, "IdentitiesOnly yes", `UserKnownHostsFile ${at("known")}`];
  writeFileSync(at("config"), `${["GlobalKnownHostsFile /dev/null", ...lines].join("\n")}\n`);
  return at("config");
}

describe("through ssh", () => {
  if (!existsSync(sshdPath)) {
    test("the suite", ({ skip }) => skip(`${sshdPath} is not there: apt-get install openssh-server`));
    return;
  }
  let engine: PrivateEngine;
  let server: PrivateSshd;
  let stage: Stage;
  let address: EngineAddress;
  const source = join(only, "studio");

  const environment = defineEnvironment("remote", {
    volumes: { data: {} },
    nodes: {
      box: container({
        image: soe,
        idle: true,
        mounts: { "/fresh": scratch({ mode: 0o770 }), "/studio": bind(source), "/data": volume("data") },
      }),
    },
  });
  let staged: Staged<typeof environment>;

  beforeAll(async () => {
    engine = await PrivateEngine.start({ size: "2g", apart: [scratchRoot, only] });
    server = await privateSshd([], engine.inside);
    const socket = engine.host.replace("unix://", "");
    address = { dockerHost: `ssh://root@127.0.0.1:${server.port}${socket}`, ssh: { config: sshConfig(server) } };
    stage = await openStage({ ...address, ledger: join(here, "ssh.db") });
  });
  afterAll(async () => {
    await stage?.close();
    await server?.stop();
    await engine?.close();
  });

  test("what is not on that machine is a declaration's error, whatever is here", async () => {
    mkdirSync(source);
    const error = await stage.standUp(environment).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "DeclarationError", code: "mount-source-missing" });
    rmSync(source, { recursive: true });
  });

  test("an environment stands there: image, mounts, host", async () => {
    const { host, close } = await reachEngine(address, scratchRoot);
    await host.succeed(shell(`mkdir ${source} && echo from there >${source}/file`));
    await close();
    staged = await stage.standUp(environment);
    const { box, host: machine } = staged.nodes;
    expect(machine.title).toContain("ssh://root@127.0.0.1");
    expect(await box.succeed(["cat", "/studio/file"])).toBe("from there");
    await box.succeed(["touch", "/fresh/a", "/data/b"]);
    const fresh = box.mountSource("/fresh");
    expect(await machine.succeed(["stat", "-c", "%a", fresh])).toBe("770");
    await machine.succeed(["test", "-e", `${fresh}/a`, "-a", "-e", box.mountSource("/data/b")]);
    expect([existsSync(fresh), existsSync(source)]).toEqual([false, false]);
    expect(box.carrier).toBe(machine);
    expect((await stage.found()).map(({ driver }) => driver)).toEqual([
      `docker ${address.dockerHost}`,
      `docker ${address.dockerHost}`,
    ]);
  });

  test("verbs, events, copies and logs go through", async () => {
    const { box } = staged.nodes;
    writeFileSync(join(here, "brought"), "a".repeat(3_000_000));
    await box.copyTo(join(here, "brought"), "/fresh");
    expect(await box.succeed(["stat", "-c", "%s", "/fresh/brought"])).toBe("3000000");
    await box.copyFrom("/fresh/brought", only);
    expect(existsSync(join(only, "brought"))).toBe(true);
    expect(await box.succeed(["sha256sum"], { stdin: "over the wire" })).toMatch(/^[0-9a-f]{64} /);
    const died = box.died;
    // By itself, as far as the harness knows; the shell that did it goes too.
    await box.exec(shell("kill -TERM 1; sleep 60")).catch(() => undefined);
    await died;
    expect(await box.state()).toMatchObject({ status: "exited", exitCode: 0 });
    expect(await box.logs()).toBe("");
  });

  test("what it takes down is gone there", async () => {
    const fresh = staged.nodes.box.mountSource("/fresh");
    const { host: machine } = staged.nodes;
    await staged.takeDown();
    expect(await stage.found()).toEqual([]);
    await machine.fail(["test", "-e", fresh]);
    expect(await machine.succeed(["ls", "-A", scratchRoot])).toBe("");
  });

  test("a server whose key is not known is refused, with what to do", async () => {
    const unknown = reachEngine({ ...address, ssh: { config: sshConfig(server, "") } }, scratchRoot);
    await expect(unknown).rejects.toMatchObject({
      code: "host-key-unknown",
      message: expect.stringMatching(
        /log in once by hand and compare its fingerprint.*: ssh -F \S+ -p \d+ root@127\.0\.0\.1$/,
      ),
    });
  });

  test("a server that has another key than the known one is told nothing", async () => {
    const { publicKey } = await makeKeyPair("some other server's key");
    const { docker, close } = await reachEngine(
      { ...address, ssh: { config: sshConfig(server, `${publicKey} x`) } },
      scratchRoot,
    );
    await expect(docker.version()).rejects.toMatchObject({ code: "host-key-mismatch" });
    await close();
  });

  test("nobody at the socket is no engine, and says where was looked", async () => {
    const dockerHost = `ssh://root@127.0.0.1:${server.port}/no/such.sock`;
    const other = await openStage({ ...address, dockerHost, ledger: join(here, "none.db") });
    await expect(other.driver.probe()).rejects.toMatchObject({
      code: "engine-down",
      message: expect.stringContaining("/no/such.sock"),
    });
    await other.close();
  });

  transportContract("an engine through ssh", async () => {
    const { nodes } = await stage.standUp(plain);
    const { docker } = await reachEngine(address, scratchRoot);
    return dockerExecTransport(docker.getContainer(nodes.box.id), "remote/box");
  });
});

const plain = defineEnvironment("plain", { nodes: { box: container({ image: soe, idle: true }) } });

describe("in TLS", () => {
  let proxy: TlsProxy;
  let stage: Stage;
  let address: EngineAddress;

  beforeAll(async () => {
    const { engineHosts } = readConfig();
    proxy = await TlsProxy.start((engineHosts.docker ?? "unix:///var/run/docker.sock").replace("unix://", ""));
    const { dockerHost, dockerTls } = readConfig({ DOCKER_CONFIG: proxy.config, DOCKER_CONTEXT: "private" });
    address = { dockerHost, dockerTls };
    stage = await openStage({ ...address, ledger: join(here, "tls.db") });
  });
  afterAll(async () => {
    const { leaked } = await stage.close();
    await proxy.close();
    expect(leaked).toEqual([]);
  });

  test("the context's address and keys are those that were declared, as the variables' are", () => {
    expect(address.dockerHost).toBe(proxy.address);
    const variables = { DOCKER_HOST: proxy.address, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: proxy.certificates };
    expect(readConfig(variables)).toMatchObject({
      dockerHost: proxy.address,
      dockerTls: { ca: join(proxy.certificates, "ca.pem") },
    });
  });

  test("containers run; their machine is not answered for", async () => {
    const { nodes, takeDown } = await stage.standUp(plain);
    expect(await nodes.box.succeed(["cat"], { stdin: "typed" })).toBe("typed");
    await expect(nodes.host.exec(["true"])).rejects.toMatchObject({
      name: "TransportError",
      code: "no-host",
      message: expect.stringContaining("reach the engine by ssh://user@host"),
    });
    await takeDown();
  });

  test.each([
    ["scratch", scratch()],
    ["a bind mount", bind(here)],
  ])("%s needs that machine: it could not be asked, and that is no word about the declaration", async (_, mount) => {
    const wanting = defineEnvironment("wanting", {
      nodes: { box: container({ image: soe, idle: true, mounts: { "/x": mount } }) },
    });
    await expect(stage.standUp(wanting)).rejects.toMatchObject({ name: "ProvisionError", code: "no-host" });
    expect(await stage.found()).toEqual([]);
  });

  test("an engine whose certificate somebody else signed is refused, and so is a client without one", async () => {
    const other = mkdtempSync(join(here, "other-"));
    makeAuthority(other);
    const ask = async (dockerTls: EngineAddress["dockerTls"]) => {
      const { docker, close } = await reachEngine({ ...address, dockerTls }, scratchRoot);
      await docker.version().finally(close);
    };
    await expect(ask({ ...address.dockerTls, ca: join(other, "ca.pem") })).rejects.toThrow(
      /self-signed|unable to verify/,
    );
    await expect(ask({ ca: join(proxy.certificates, "ca.pem") })).rejects.toThrow(
      /certificate required|socket hang up|ECONNRESET/i,
    );
  });
});
