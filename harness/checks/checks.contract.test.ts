// Decides that each check, asked of a real container and of this machine, says what is the case there.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check, Probe } from "../model/check.ts";
import { container, tmpfs } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { HarnessError, ObservationError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { group, groupEntry, groupsOf, user, userEntry } from "./account.ts";
import { all } from "./all.ts";
import { command } from "./command.ts";
import { addresses, dns } from "./dns.ts";
import { file } from "./file.ts";
import { fileContents, fileSha256 } from "./file-bytes.ts";
import { fileStat } from "./file-stat.ts";
import { http } from "./http.ts";
import { httpExchange } from "./http-exchange.ts";
import { image } from "./image.ts";
import { logs } from "./logs.ts";
import { mount, mountFacts } from "./mount.ts";
import { pkg } from "./package.ts";
import { packageFacts } from "./package-facts.ts";
import { listeners, port } from "./port.ts";
import { process as processCheck } from "./process.ts";
import { processesNamed } from "./process-table.ts";
import { state } from "./state.ts";

const environment = defineEnvironment("checks", {
  nodes: {
    box: container({
      image: soe,
      entrypoint: ["/bin/sh", "-c", "echo the box is open; echo and it complains >&2; exec sleep 86400"],
      command: [],
      mounts: { "/memory": tmpfs({ size: "1m", mode: 0o1777 }) },
      networks: ["quiet"],
      dnsOptions: ["timeout:1", "attempts:1"],
      hosts: { "friend.example": "192.0.2.7" },
      env: { DECLARED: "at run time" },
      ready: { log: /complains/ },
    }),
  },
  networks: { quiet: { internal: true } },
});

const host = hostNode();
let stage: Stage;
let box: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  box = (await stage.standUp(environment)).nodes.box;
});

afterAll(async () => {
  const { leaked } = await stage.close();
  await host.close();
  expect(leaked).toEqual([]);
});

/** Exactly one of "met" and "not met", by the check's own judge. */
async function isMet<N extends Node>(node: N, check: Check<N>): Promise<boolean> {
  const judgement = check.judge(await check.observe(node));
  if ("skipped" in judgement) throw new Error(`skipped: ${judgement.skipped}`);
  return judgement.met;
}

describe("in a container", () => {
  test("files: each kind, owner, mode, contents, and what is not there", async () => {
    await box.succeed(
      shell(`mkdir -p /lab/dir && cd /lab && printf 'one\\ntwo\\n' >plain && chown 1234:2345 plain && chmod 4750 plain
ln -s ../lab/plain link && mkfifo pipe && printf '\\0\\377' >'odd name'`),
    );
    const met = all(
      file("/lab/plain").isFile(),
      file("/lab/plain").ownedBy(1234, 2345),
      file("/lab/plain").hasMode(0o4750),
      file("/lab/plain").hasSize(8),
      file("/lab/plain").contains(/^two$/m),
      file("/lab/plain").hasContents("one\ntwo\n"),
      file("/lab/plain").hasSha256(createHash("sha256").update("one\ntwo\n").digest("hex")),
      file("/lab/odd name").hasContents(new Uint8Array([0, 255])),
      file("/lab/dir").isDirectory(),
      file("/lab/link").isSymlink(),
      file("/lab/link").linksTo("../lab/plain"),
      file("/lab/link").contains("one"),
      file("/lab/pipe").isFifo(),
      file("/dev/null").isCharacterDevice(),
      file("/etc/passwd").ownedBy("root", "root"),
    );
    expect(met.judge(await met.observe(box))).toMatchObject({ met: true });
    for (const check of [
      file("/lab/nothing").exists(),
      file("/lab/plain/below").exists(),
      file("/lab/plain").ownedBy("root"),
      file("/lab/plain").ownedBy(1234, 1),
      file("/lab/plain").contains("three"),
      file("/lab/pipe").contains("x"),
      file("/lab/link").isFile(),
    ])
      expect.soft(await isMet(box, check), check.title).toBe(false);
  });

  test("a file inside is not one on the host", async () => {
    expect(await isMet(box, file("/lab/plain").exists())).toBe(true);
    expect(await isMet(host, file("/lab/plain").exists())).toBe(false);
  });

  test("accounts and packages", async () => {
    const met = all(
      user("root").hasUid(0),
      user("root").hasHome("/root"),
      user("root").isInGroup("root"),
      group("shadow").hasGid(42),
      pkg("dpkg").isInstalled(),
      pkg("libc6").hasVersion(/^\d/),
    );
    expect(met.judge(await met.observe(box))).toMatchObject({ met: true });
    for (const check of [
      user("nobody-here").exists(),
      user("daemon").isInGroup("shadow"),
      group("none-here").exists(),
      pkg("no-such-package").isInstalled(),
      pkg("libc6").hasVersion("1.0"),
    ])
      expect.soft(await isMet(box, check), check.title).toBe(false);
  });

  test("processes: the main one, and none of ours", async () => {
    expect(
      await isMet(
        box,
        all(
          processCheck("sleep").hasCount(1),
          processCheck("sleep").runsAs("root"),
          processCheck("sleep").hasArguments("86400"),
        ),
      ),
    ).toBe(true);
    for (const name of ["sh", "grep", "no-such-process"])
      expect.soft(await isMet(box, processCheck(name).isRunning()), name).toBe(false);
  });

  test("mounts, ports, names", async () => {
    expect(
      await isMet(
        box,
        all(mount("/memory").hasType("tmpfs"), mount("/memory").hasOption("size=1024k"), mount("/proc").exists()),
      ),
    ).toBe(true);
    expect(await isMet(box, mount("/lab").exists())).toBe(false);
    expect(await isMet(box, port(22).isListening())).toBe(false);
    expect(
      await isMet(box, all(dns("localhost").resolvesTo("127.0.0.1"), dns("friend.example").resolvesTo("192.0.2.7"))),
    ).toBe(true);
    expect(await isMet(box, dns("friend.example").resolvesTo("192.0.2.8"))).toBe(false);
  });

  test("a name server that cannot be reached is no answer, on a network without a way out", async () => {
    await expect(dns("nosuch.example").resolves().observe(box)).rejects.toMatchObject({
      code: "probe-failed",
      seen: expect.stringMatching(/Temporary failure/),
    });
  });

  test("http is asked inside: a server of the host's loopback is not there", async () => {
    const server = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect(await isMet(host, http(url).answers(200))).toBe(true);
    expect(await isMet(box, http(url).answers())).toBe(false);
    server.close();
    await once(server, "close");
  });

  test("command, logs, state and image", async () => {
    const met = all(
      command(["printenv", "DECLARED"]).prints("at run time"),
      command(["sh", "-c", "exit 7"]).exits(7),
      logs().contain("the box is open"),
      logs().contain(/^and it complains$/m),
      state().isRunning(),
    );
    expect(met.judge(await met.observe(box))).toMatchObject({ met: true });
    for (const check of [
      logs().contain("it is shut"),
      state().exitedWith(0),
      state().isHealthy(),
      image().hasEnv("DECLARED"),
      image().hasUser("ops"),
      image().exposes(65000),
    ])
      expect.soft(await isMet(box, check as Check<ContainerNode>), check.title).toBe(false);
  });

  test("another user is told that it may not look", async () => {
    await box.succeed(shell("mkdir -p /locked && chmod 700 /locked && touch /locked/in"));
    const nobody = box.as("65534:65534");
    const check = file("/locked/in");
    for (const asked of [check.exists(), check.contains("x"), all(file("/lab").exists(), check.isFile())]) {
      await expect(asked.observe(nobody)).rejects.toThrow(ObservationError);
      await expect(asked.observe(nobody)).rejects.toMatchObject({ code: "probe-denied" });
    }
    expect(await isMet(box, check.exists())).toBe(true);
  });
});

type AnyProbe = Probe<string, unknown>;
const probes: readonly [AnyProbe, string][] = [
  [fileStat, "/etc/passwd"],
  [fileSha256, "/etc/passwd"],
  [fileContents, "/etc/passwd"],
  [userEntry, "root"],
  [groupEntry, "root"],
  [groupsOf, "root"],
  [packageFacts, "dpkg"],
  [processesNamed, "sleep"],
  [listeners, "tcp/1"],
  [mountFacts, "/"],
  [addresses, "localhost"],
  [httpExchange, "http://127.0.0.1:1/"],
];

describe.each(probes.map(([probe, subject]) => ({ name: probe.name, probe, subject })))(
  "$name in a container",
  ({ probe, subject }) => {
    test("answers as it is, and names the missing tool where there are none", async () => {
      expect(await box.observe(probe, subject)).toBeDefined();
      const bare: AnyProbe = { ...probe, script: (subjects) => `PATH=/nonexistent\n${probe.script(subjects)}` };
      await expect(box.observe(bare, subject)).rejects.toThrow(ObservationError);
      await expect(box.observe(bare, subject)).rejects.toMatchObject({ code: "probe-missing" });
    });
  },
);

test("a container that has died answers nothing but its state, its logs and its image", async () => {
  await box.kill();
  expect(
    await isMet(
      box,
      all<ContainerNode>(state().exitedWith(137), logs().contain("the box is open"), image().hasArchitecture("amd64")),
    ),
  ).toBe(true);
  for (const [probe, subject] of probes)
    await expect(box.observe(probe, subject), probe.name).rejects.toThrow(HarnessError);
  await expect(file("/etc/passwd").exists().observe(box)).rejects.toThrow(HarnessError);
  await expect(command(["true"]).exits(0).observe(box)).rejects.toThrow(HarnessError);
});
