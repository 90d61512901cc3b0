// Decides how each declared option reads in the body of the engine's ContainerCreate.
import { describe, expect, test } from "vitest";
import { addressOf } from "../model/address-text.ts";
import { bind, type ContainerOptions, container, scratch, tmpfs, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { BuiltImage } from "../model/image.ts";
import { debianRootfs, fromImage, recipe } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { containersOn } from "./docker-names.ts";
import { createOptions, idleEntrypoint, imageReference, laterNetworks, portsOf } from "./docker-options.ts";
import { busyboxTarget } from "./docker-tools.ts";
import { volumeSettings } from "./docker-volume.ts";
import type { Standing } from "./driver.ts";

const soe = recipe("soe", { version: "1.2", from: debianRootfs({ suite: "bookworm" }), context: "/" });
const built = { imageId: "sha256:abc" } as BuiltImage;

function standing(options: Partial<ContainerOptions>): Standing {
  return {
    owner: { run: "r1", identity: "host boot ns 1 2" },
    environment: defineEnvironment("env", {
      networks: { lan: { subnet: "10.9.8.0/24" }, back: {} },
      volumes: {
        data: { labels: { team: "render", "dev.assay.run": "forged" } },
        stored: { nfs: { server: "vfx-nfs-001", path: "/srv/nfs/vfx", options: ["hard", "timeo=50"] } },
      },
      nodes: { other: container({ image: "x" }), box: container({ image: "image:tag", ...options }) },
    }),
    scope: "s1",
    directory: "/scratch/r1/s1",
    images: new Map([["soe:1.2", built]]),
  };
}
const body = (options: Partial<ContainerOptions> = {}) => {
  const stood = standing(options);
  return createOptions(stood, "box", containersOn(stood, undefined).get("box") ?? expect.fail("no box"));
};

describe("network of another, restart, groups, addresses, shared directories", () => {
  test("the network is the other container's, by its engine name", () => {
    const { HostConfig, NetworkingConfig } = body({ networkFrom: "other" });
    expect(HostConfig?.NetworkMode).toBe("container:assay-r1-s1-env-other");
    expect(NetworkingConfig).toBeUndefined();
  });

  test("restart and groups are said where they are declared", () => {
    expect(body({ restart: "on-failure", groups: [7, 998] }).HostConfig).toMatchObject({
      RestartPolicy: { Name: "on-failure" },
      GroupAdd: ["7", "998"],
    });
    expect(body().HostConfig).not.toHaveProperty("RestartPolicy");
    expect(body().HostConfig).not.toHaveProperty("GroupAdd");
  });

  test("an address is put where it is named", () => {
    const stood = standing({ env: { URL: addressOf("other", { before: "tcp://", after: ":80" }) } });
    const box = containersOn(stood, undefined).get("box") ?? expect.fail("no box");
    expect(createOptions(stood, "box", box, undefined, new Map([["other", "10.0.0.7"]])).Env).toEqual([
      "URL=tcp://10.0.0.7:80",
    ]);
    expect([...containersOn(stood, undefined).keys()]).toEqual(["other", "box"]);
  });

  test("a shared directory is one for all, and a file of it can be mounted alone", () => {
    const files = { "a.conf": { content: "a" } };
    const { HostConfig } = body({
      mounts: {
        "/spool": scratch({ shared: "spool" }),
        "/etc/a": scratch({ shared: "conf", files, readOnly: true }),
        "/etc/a.conf": scratch({ shared: "conf", files, readOnly: true, file: "a.conf" }),
      },
    });
    expect(HostConfig?.Mounts).toMatchObject([
      { Source: "/scratch/r1/s1/_shared/spool", Target: "/spool" },
      { Source: "/scratch/r1/s1/_shared/conf", Target: "/etc/a", ReadOnly: true },
      { Source: "/scratch/r1/s1/_shared/conf/a.conf", Target: "/etc/a.conf" },
    ]);
  });
});

describe("image and process", () => {
  test("name and labels say whose it is, and win over declared ones", () => {
    const { name, Labels } = body({ labels: { team: "render", "dev.assay.run": "forged" } });
    expect(name).toBe("assay-r1-s1-env-box");
    expect(Labels).toEqual({
      team: "render",
      "dev.assay.run": "r1",
      "dev.assay.owner": "host boot ns 1 2",
      "dev.assay.environment": "env",
      "dev.assay.scope": "s1",
      "dev.assay.node": "box",
    });
  });

  test("what waits in an image without a shell is ours, and no more than a mount", () => {
    const stood = standing({ idle: true, noNewPrivileges: true });
    const box = containersOn(stood, undefined).get("box") ?? expect.fail("no box");
    const { Entrypoint, HostConfig } = createOptions(stood, "box", box, "/usr/bin/busybox");
    expect(Entrypoint).toEqual([busyboxTarget, "sh", ...idleEntrypoint.slice(1)]);
    expect(HostConfig?.SecurityOpt).toEqual(["no-new-privileges"]);
    expect(HostConfig?.Mounts).toEqual([
      { Type: "bind", Source: "/usr/bin/busybox", Target: busyboxTarget, ReadOnly: true },
    ]);
    expect(body({ idle: true }).HostConfig).toMatchObject({ Mounts: [] });
  });

  test("what is not declared is left to image and engine", () => {
    const created = body();
    for (const key of [
      "Cmd",
      "Entrypoint",
      "User",
      "WorkingDir",
      "Hostname",
      "StopSignal",
      "StopTimeout",
      "Healthcheck",
    ])
      expect(created).not.toHaveProperty(key);
    for (const key of ["Memory", "NanoCpus", "PidsLimit"]) expect(created.HostConfig).not.toHaveProperty(key);
    expect(created.HostConfig).toMatchObject({ NetworkMode: "bridge", Privileged: false, ReadonlyRootfs: false });
  });

  test.each([
    ["a tag", "image:tag", "image:tag"],
    ["a reference", fromImage("debian:12"), "debian:12"],
    ["a recipe's, by id", soe, "sha256:abc"],
  ] as const)("the image is %s", (_, image, expected) => expect(body({ image }).Image).toBe(expected));

  test("a recipe that is not built is asked for by name", () => {
    expect(imageReference(container({ image: soe }))).toBe("soe:1.2");
  });

  test("entrypoint and command are words; idle replaces both", () => {
    expect(body({ entrypoint: ["/a"], command: ["b c"] })).toMatchObject({ Entrypoint: ["/a"], Cmd: ["b c"] });
    expect(body({ command: [] })).toMatchObject({ Cmd: [] });
    expect(body({ idle: true })).toMatchObject({ Entrypoint: idleEntrypoint, Cmd: [] });
  });

  test("user, env, workdir, hostname, stop", () => {
    expect(
      body({
        user: "1:2",
        env: { A: "b=c", S: secret("body secret", "body-secret-value") },
        workdir: "/w",
        hostname: "milla",
        stopSignal: "SIGUSR1",
        stopTimeout: "1500ms",
      }),
    ).toMatchObject({
      User: "1:2",
      Env: ["A=b=c", "S=body-secret-value"],
      WorkingDir: "/w",
      Hostname: "milla",
      StopSignal: "SIGUSR1",
      StopTimeout: 2,
    });
  });

  test("health: nanoseconds, and what is not given is the engine's", () => {
    expect(body({ health: { test: ["a", "b"], interval: "1s" } }).Healthcheck).toEqual({
      Test: ["CMD", "a", "b"],
      Interval: 1e9,
    });
    expect(body({ health: { test: ["a"], timeout: "2s", startPeriod: "3s", retries: 4 } }).Healthcheck).toEqual({
      Test: ["CMD", "a"],
      Timeout: 2e9,
      StartPeriod: 3e9,
      Retries: 4,
    });
  });
});

describe("mounts", () => {
  const host = (mounts: ContainerOptions["mounts"]) => body({ mounts }).HostConfig ?? expect.fail("no host part");

  test("bind and scratch", () => {
    expect(
      host({ "/a": bind("/src", { readOnly: true }), "/b/c": scratch(), "/d": bind("/s", { propagation: "rslave" }) })
        .Mounts,
    ).toEqual([
      { Type: "bind", Source: "/src", Target: "/a", ReadOnly: true },
      { Type: "bind", Source: "/scratch/r1/s1/box/b%2Fc", Target: "/b/c", ReadOnly: false },
      { Type: "bind", Source: "/s", Target: "/d", ReadOnly: false, BindOptions: { Propagation: "rslave" } },
    ]);
  });

  test("z and Z, with their other options, in the API's older form and in no other", () => {
    const both = host({
      "/z": bind("/src", { selinux: "z" }),
      "/Z": scratch({ selinux: "Z", readOnly: true, propagation: "rshared" }),
    });
    expect(both.Binds).toEqual(["/src:/z:z,rw", "/scratch/r1/s1/box/Z:/Z:Z,ro,rshared"]);
    expect(both.Mounts).toEqual([]);
  });

  test("volumes", () => {
    expect(host({ "/v": volume("data", { noCopy: true, readOnly: true }) }).Mounts).toEqual([
      expect.objectContaining({
        Type: "volume",
        Source: "assay-r1-s1-env-vol_data",
        Target: "/v",
        ReadOnly: true,
        VolumeOptions: {
          NoCopy: true,
          Labels: expect.objectContaining({ team: "render", "dev.assay.run": "r1" }),
          DriverConfig: { Name: "local", Options: {} },
        },
      }),
    ]);
  });

  test("a volume that a server exports is one however the engine comes to make it", () => {
    const options = { type: "nfs", device: ":/srv/nfs/vfx", o: "addr=vfx-nfs-001,vers=4.2,hard,timeo=50" };
    expect(host({ "/v": volume("stored") }).Mounts).toMatchObject([
      { VolumeOptions: { DriverConfig: { Name: "local", Options: options } } },
    ]);
    expect(volumeSettings(standing({}), "stored")).toMatchObject({ Driver: "local", DriverOpts: options });
  });

  test("tmpfs, with owner and mode in octal", () => {
    const flags = { "/t": tmpfs({ size: "1m", mode: 0o1770, uid: 5, gid: 6 }), "/r": tmpfs({ readOnly: true }) };
    expect(host(flags).Tmpfs).toEqual({ "/t": "rw,size=1048576,mode=1770,uid=5,gid=6", "/r": "ro" });
  });

  test("volumesFrom", () => {
    expect(body({ volumesFrom: ["other"] }).HostConfig?.VolumesFrom).toEqual(["assay-r1-s1-env-other"]);
    expect(body({ volumesFrom: [{ node: "other", readOnly: true }] }).HostConfig?.VolumesFrom).toEqual([
      "assay-r1-s1-env-other:ro",
    ]);
  });
});

describe("networks, names and ports", () => {
  test("the first network at creation, the others afterwards, each with the node's name and its aliases", () => {
    const networks = { lan: { address: "10.9.8.7", aliases: ["store"] }, back: {} };
    const created = body({ networks });
    expect(created.HostConfig?.NetworkMode).toBe("assay-r1-s1-env-net_lan");
    expect(created.NetworkingConfig?.EndpointsConfig).toEqual({
      "assay-r1-s1-env-net_lan": { Aliases: ["box", "store"], IPAMConfig: { IPv4Address: "10.9.8.7" } },
    });
    const stood = standing({ networks });
    const box = containersOn(stood, undefined).get("box") ?? expect.fail("no box");
    expect(laterNetworks(stood, "box", box)).toEqual([
      { name: "assay-r1-s1-env-net_back", endpoint: { Aliases: ["box"] } },
    ]);
  });

  test("dns and hosts", () => {
    expect(
      body({
        dns: ["192.0.2.1"],
        dnsSearch: ["a.b"],
        dnsOptions: ["ndots:2"],
        hosts: { x: "192.0.2.7", h: "host-gateway" },
      }).HostConfig,
    ).toMatchObject({
      Dns: ["192.0.2.1"],
      DnsSearch: ["a.b"],
      DnsOptions: ["ndots:2"],
      ExtraHosts: ["x:192.0.2.7", "h:host-gateway"],
    });
  });

  test("ports: on loopback and free unless declared otherwise", () => {
    const ports: ContainerOptions["ports"] = [80, { container: 53, protocol: "udp", host: 5353, address: "0.0.0.0" }];
    const created = body({ ports });
    expect(created.ExposedPorts).toEqual({ "80/tcp": {}, "53/udp": {} });
    expect(created.HostConfig?.PortBindings).toEqual({
      "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }],
      "53/udp": [{ HostIp: "0.0.0.0", HostPort: "5353" }],
    });
    expect(portsOf(container({ image: "a", ports }))).toEqual([
      { container: 80, host: undefined, address: "127.0.0.1", protocol: "tcp" },
      { container: 53, host: 5353, address: "0.0.0.0", protocol: "udp" },
    ]);
  });
});

test("rights and limits", () => {
  expect(
    body({
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      privileged: true,
      readOnlyRoot: true,
      devices: { "/dev/a": {}, "/dev/b": { path: "/dev/c", rights: "r" } },
      memory: "64m",
      cpus: 1.25,
      pids: 9,
      ulimits: { nofile: 5, nproc: { soft: 1, hard: 2 } },
    }).HostConfig,
  ).toMatchObject({
    CapAdd: ["NET_ADMIN"],
    CapDrop: ["ALL"],
    Privileged: true,
    ReadonlyRootfs: true,
    Devices: [
      { PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rwm" },
      { PathOnHost: "/dev/b", PathInContainer: "/dev/c", CgroupPermissions: "r" },
    ],
    Memory: 67_108_864,
    NanoCpus: 1_250_000_000,
    PidsLimit: 9,
    Ulimits: [
      { Name: "nofile", Soft: 5, Hard: 5 },
      { Name: "nproc", Soft: 1, Hard: 2 },
    ],
  });
});
