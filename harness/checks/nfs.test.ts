// Decides that a server's etab is read, and every sentence about an export.
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { type ExportFacts, exportFacts, nfsExport } from "./nfs.ts";

// As nfs-utils 2.6.2 of Debian 12 writes it.
const options =
  "rw,sync,wdelay,hide,nocrossmnt,secure,root_squash,no_all_squash,no_subtree_check,secure_locks,acl,no_pnfs,anonuid=65534,anongid=65534,sec=sys,rw,secure,root_squash,no_all_squash";
const etab = [
  `/srv/nfs/vfx\t172.16.0.0/24(${options})`,
  `/srv/two\\040words\t*.studio.example(ro,sync)`,
  "/srv/nfs/vfx\t10.0.0.7(ro,sync,no_root_squash)",
  "# end",
  "",
].join("\n");
const output = (text: string, status = 0, stderr = "") => ({ status, stdout: Buffer.from(text), stderr });
const read = (...paths: string[]) => exportFacts.parse(output(etab), paths) as readonly (readonly ExportFacts[])[];

test("each client of a path, with its options; names with blanks; what is not exported has none", () => {
  const [vfx, words, none] = read("/srv/nfs/vfx", "/srv/two words", "/srv");
  expect(vfx?.map(({ client }) => client)).toEqual(["172.16.0.0/24", "10.0.0.7"]);
  expect(vfx?.[0]?.options).toContain("anonuid=65534");
  expect(words).toEqual([{ client: "*.studio.example", options: ["ro", "sync"] }]);
  expect(none).toEqual([]);
  expect(exportFacts.parse(output("# end\n"), ["/srv"])).toEqual([[]]);
});

test("lines of another kind, and a machine that is no server, are no answer", () => {
  expect(() => exportFacts.parse(output("what?\n# end\n"), ["/"])).toThrow(ObservationError);
  expect(() => exportFacts.parse(output(etab.slice(0, 100)), ["/"])).toThrow(ObservationError);
  const missing = output("", 1, "cat: /var/lib/nfs/etab: No such file or directory");
  expect(() => exportFacts.parse(missing, ["/"])).toThrow(/is this an NFS server/);
});

probeContract(hostNode, {
  probe: exportFacts,
  subject: "/srv",
  tools: ["cat"],
  elsewhere: "this machine exports nothing",
});

const [offers = []] = read("/srv/nfs/vfx");
const seen = { path: "/srv/nfs/vfx", offers, there: true };
test.each([
  ["export /srv/nfs/vfx exists", nfsExport("/srv/nfs/vfx").exists(), true],
  ["export /srv/nfs/vfx is offered to 10.0.0.7", nfsExport("/srv/nfs/vfx").isOfferedTo("10.0.0.7"), true],
  ["export /srv/nfs/vfx is offered to 10.0.0.8", nfsExport("/srv/nfs/vfx").isOfferedTo("10.0.0.8"), false],
  [
    "export /srv/nfs/vfx is offered only to 10.0.0.7, 172.16.0.0/24",
    nfsExport("/srv/nfs/vfx").isOfferedOnlyTo("10.0.0.7", "172.16.0.0/24"),
    true,
  ],
  [
    "export /srv/nfs/vfx is offered only to 172.16.0.0/24",
    nfsExport("/srv/nfs/vfx").isOfferedOnlyTo("172.16.0.0/24"),
    false,
  ],
  ["export /srv/nfs/vfx is offered only to nobody", nfsExport("/srv/nfs/vfx").isOfferedOnlyTo(), false],
  ["export /srv/nfs/vfx has option sync", nfsExport("/srv/nfs/vfx").hasOption("sync"), true],
  ["export /srv/nfs/vfx has option root_squash", nfsExport("/srv/nfs/vfx").hasOption("root_squash"), false],
])("%s", (title, check, met) => {
  expect(check.title).toBe(title);
  expect(check.judge(seen)).toMatchObject({ met, seen: expect.stringContaining("172.16.0.0/24(rw,sync") });
});

test("what is not exported has no option, and is offered to nobody", () => {
  const none = { path: "/srv", offers: [], there: true };
  expect(nfsExport("/srv").hasOption("rw").judge(none)).toMatchObject({ met: false, seen: "it is not exported" });
  expect(nfsExport("/srv").isOfferedOnlyTo().judge(none)).toMatchObject({ met: true });
  const nowhere = "there is no /srv on the server, and it is not exported";
  expect(
    nfsExport("/srv")
      .exists()
      .judge({ ...none, there: false }),
  ).toMatchObject({ met: false, seen: nowhere });
});

test("what is in the server's table and not on its disk is said to be so, and is offered to nobody", () => {
  const missing = { ...seen, there: false };
  const exported = nfsExport("/srv/nfs/vfx");
  for (const check of [
    exported.exists(),
    exported.isOfferedTo("10.0.0.7"),
    exported.isOfferedOnlyTo("10.0.0.7", "172.16.0.0/24"),
    exported.isOfferedOnlyTo(),
    exported.hasOption("sync"),
  ])
    expect(check.judge(missing)).toMatchObject({
      met: false,
      seen: expect.stringMatching(
        /^there is no \/srv\/nfs\/vfx on the server: clients are refused, though it is exported to 172\.16\.0\.0\/24\(rw,/,
      ),
    });
});

test("a path that is relative is refused", () => {
  expect(() => nfsExport("srv")).toThrow(DeclarationError);
});
