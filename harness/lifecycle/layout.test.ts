// Decides that what is told of a declaration is what a picture needs, and nothing that could be a secret.
import { expect, test } from "vitest";
import { bind, container, scratch, tmpfs, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { copy, debianRootfs, fromImage, recipe, run } from "../model/recipe.ts";
import { vm } from "../model/vm.ts";
import { layoutOf, provenanceOf } from "./layout.ts";

const token = "C4nary-in-a-declaration";
const soe = recipe("soe", {
  version: "1",
  from: debianRootfs({ suite: "bookworm" }),
  disk: {},
  steps: [run(["curl", "-H", `Authorization: ${token}`]), copy("motd", "/etc/motd")],
  context: import.meta.dirname,
});

const studio = defineEnvironment("studio", {
  networks: { studio: { subnet: "10.9.0.0/24" }, guests: { internal: true } },
  volumes: { data: {}, shots: { nfs: { server: "server", path: "/srv/nfs" } } },
  nodes: {
    server: vm({ image: soe, networks: { studio: { address: "10.9.0.7" } }, disks: { cache: { size: "1g" } } }),
    wiki: container({
      image: fromImage("wiki:1"),
      on: "server",
      env: { TOKEN: token },
      command: ["serve", token],
      mounts: {
        "/data": volume("data"),
        "/shots": volume("shots", { readOnly: true }),
        "/tmp": tmpfs(),
        "/conf": scratch({ files: { conf: { content: token } } }),
        "/etc/localtime": bind("/etc/localtime", { readOnly: true }),
      },
    }),
    guest: container({
      image: "guest:2",
      networks: ["guests"],
      ports: [80, { container: 53, protocol: "udp", host: 5300 }],
    }),
    beside: container({ image: "guest:2", networkFrom: "guest" }),
  },
});

test("a picture has nodes in what carries them, networks, mounts with their sources, and ports", () => {
  const { nodes, networks } = layoutOf(studio);
  expect(networks).toEqual([
    { network: "studio", about: "10.9.0.0/24" },
    { network: "guests", about: "no way out" },
  ]);
  expect(nodes).toEqual([
    {
      node: "server",
      kind: "vm",
      image: "soe:1",
      networks: [{ network: "studio", address: "10.9.0.7" }],
      mounts: [],
      extras: ["disk cache"],
    },
    {
      node: "wiki",
      kind: "container",
      image: "wiki:1",
      on: "server",
      networks: [],
      mounts: [
        { at: "/data", source: "volume data" },
        { at: "/shots", source: "nfs server:/srv/nfs, read-only" },
        { at: "/tmp", source: "tmpfs" },
        { at: "/conf", source: "scratch" },
        { at: "/etc/localtime", source: "host /etc/localtime, read-only" },
      ],
      extras: [],
    },
    {
      node: "guest",
      kind: "container",
      image: "guest:2",
      networks: [{ network: "guests" }],
      mounts: [],
      extras: ["port 80/tcp", "port 53/udp on 127.0.0.1:5300"],
    },
    { node: "beside", kind: "container", image: "guest:2", networks: [], mounts: [], extras: ["network of guest"] },
  ]);
  expect(JSON.stringify(layoutOf(studio))).not.toContain(token);
});

test("of a recipe its base, its steps without what commands are given, and its place are told", () => {
  const told = provenanceOf(soe);
  expect(told).toMatchObject({
    from: "debian bookworm, minbase, by mmdebstrap",
    steps: ["run curl", "copy motd to /etc/motd"],
    declaredAt: expect.stringMatching(/^harness\/lifecycle\/layout\.test\.ts:\d+:\d+$/),
  });
  expect(JSON.stringify(told)).not.toContain(token);
});
