// Decides that machines are alike when nothing differs that reaches the guest, and what is read of a machine's identity.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { broughtByImage, identityScript, notToBeKept, readIdentity } from "./libvirt-warm-identity.ts";
import { type Likeness, likenessOf, onlyBoots } from "./libvirt-warm-key.ts";

const likeness = (run: string, change: Partial<Likeness> = {}): Likeness => ({
  xml: `<domain><name>assay-${run}</name><metadata><a>${run}</a></metadata><memory>1</memory><file>/s/${run}/d</file><mac>m${run}</mac></domain>`,
  own: [`assay-${run}`, `/s/${run}`, `m${run}`],
  disk: { path: "/disks/a", digest: "sha256:a", virtualSize: 1, kernelArguments: [] },
  injected: "1",
  payload: undefined,
  names: ["node"],
  declaration: { transport: "ports", ready: { unit: "booted", within: 1 } },
  ...change,
});

test("machines of two runs are alike; what reaches the guest makes them others", () => {
  const one = likenessOf(likeness("one"));
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(likenessOf(likeness("other"))).toBe(one);
  const { xml, disk } = likeness("one");
  const others: Partial<Likeness>[] = [
    { xml: xml.replace("<memory>1", "<memory>2") },
    { disk: { ...disk, digest: "sha256:b" } },
    { disk: { ...disk, path: "/disks/b" } },
    { injected: "2" },
    { payload: { images: [{ tag: "a:1", imageId: "sha256:c", archive: "/a" }], serial: "s" } },
    { names: ["other"] },
    { declaration: { transport: "ssh", ready: { unit: "booted", within: 1 } } },
    { declaration: { transport: "ports", ready: { unit: "ssh.service", within: 1 } } },
  ];
  const keys = others.map((change) => likenessOf(likeness("one", change)));
  expect(new Set([one, ...keys]).size).toBe(others.length + 1);
});

test("what a seed, a login or a TPM has made one machine's own always boots", () => {
  const free = { start: "warm", devices: { rng: true, tpm: false }, after: [] as string[] } as unknown as Parameters<
    typeof onlyBoots
  >[0];
  expect(onlyBoots(free, "initrd", false)).toBeUndefined();
  expect(onlyBoots({ ...free, start: "boot" }, "initrd", false)).toBe("it is declared to");
  expect(onlyBoots({ ...free, devices: { rng: true, tpm: true } }, "initrd", false)).toContain("TPM");
  expect(onlyBoots({ ...free, after: ["server"] }, "initrd", false)).toContain("it waits for server");
  expect(onlyBoots(free, "initrd", true)).toContain("bridge");
  for (const way of ["seed", "console"] as const) expect(onlyBoots(free, way, false)).toBeDefined();
});

const id = "0123456789abcdef0123456789abcdef";
const publicKey = "AAAAC3NzaC1lZDI1NTE5AAAAIEQPgEw1zZ1qS3nYbVQYwlYKJGqC1YwqxqGDk8q0ZQ3C";
const said = [
  "made /etc/machine-id",
  `mark /etc/machine-id ${id}`,
  "key /etc/ssh/ssh_host_ed25519_key ssh-ed25519 root@here",
  `mark /etc/ssh/ssh_host_ed25519_key ${publicKey}`,
  "state running",
  "unit ssh.service",
  "unit fstrim.timer",
  "",
].join("\n");

test("an identity is read, and one of a boot that goes on is not kept", async () => {
  const seen = readIdentity(said);
  expect(seen).toEqual({
    state: "running",
    keys: [{ path: "/etc/ssh/ssh_host_ed25519_key", type: "ssh-ed25519", comment: "root@here" }],
    services: ["ssh.service"],
    timers: ["fstrim.timer"],
    made: ["/etc/machine-id"],
    mounts: [],
    marks: [
      { path: "/etc/machine-id", text: id },
      { path: "/etc/ssh/ssh_host_ed25519_key", text: publicKey },
    ],
  });
  expect(notToBeKept(seen)).toBeUndefined();
  expect(notToBeKept({ ...seen, state: "starting" })).toContain('"starting"');
  expect(notToBeKept(readIdentity(said.replace("ssh-ed25519", "ssh-dss")))).toContain("ssh-dss");
  expect(notToBeKept(readIdentity(`${said}mount /vfx\n`))).toContain("at /vfx");
});

test("no two machines get the same id or key, and what the image brought is left alone", async () => {
  const change = { cards: [["52:54:00:00:00:01", "52:54:00:00:00:02"]] as const, ssh: undefined };
  const [one, other] = await Promise.all([1, 2].map(() => identityScript(readIdentity(said), change)));
  expect(one).not.toBe(other);
  expect(one).toMatch(/'%s\\n' [0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15} >\/etc\/machine-id/);
  expect(one).toContain("52:54:00:00:00:02");
  const baked = await identityScript(readIdentity("state running\n"), { ...change, cards: [] });
  expect(baked).not.toMatch(/machine-id|ssh_host/);
});

test("what a boot copied out of the image is not taken for what it drew", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-image-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const image = join(directory, "image.qcow2");
  const { marks } = readIdentity(said);
  // Across the border of what is read at once.
  const before = Buffer.alloc((4 << 20) - 20, 1);
  writeFileSync(image, Buffer.concat([before, Buffer.from(`ssh-ed25519 ${publicKey}\n`), before]));
  expect(await broughtByImage(marks, image)).toEqual(marks[1]);
  writeFileSync(image, Buffer.concat([before, Buffer.from(publicKey.slice(1))]));
  expect(await broughtByImage(marks, image)).toBeUndefined();
  // `uninitialized` is what images should have.
  writeFileSync(image, "uninitialized");
  expect(await broughtByImage([{ path: "/etc/machine-id", text: "uninitialized" }], image)).toBeUndefined();
});
