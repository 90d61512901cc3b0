// Decides that a defect in our XML is found before libvirt is asked, and that a machine without schemas says so.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkXml, whyUnchecked } from "./libvirt-schema.ts";

const here = mkdtempSync(join(tmpdir(), "assay-schema-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

// A schema of the test's own, of two files, as libvirt's are: unit tests need no libvirt.
writeFileSync(
  join(here, "network.rng"),
  `<grammar xmlns="http://relaxng.org/ns/structure/1.0"><start><ref name="network"/></start><include href="common.rng"/></grammar>`,
);
writeFileSync(
  join(here, "common.rng"),
  `<grammar xmlns="http://relaxng.org/ns/structure/1.0"><define name="network"><element name="network"><element name="name"><text/></element></element></define></grammar>`,
);

test("what is in the language, again and again", async () => {
  expect(await checkXml("network", "<network><name>a</name></network>", [here])).toEqual({ checked: true });
  expect(await checkXml("network", "<network><name>b</name></network>", ["/nowhere", here])).toEqual({ checked: true });
  expect(whyUnchecked("network", [here])).toBeUndefined();
});

test.each([
  ["a misspelt element", "<network><nmae>a</nmae></network>"],
  ["one too many", "<network><name>a</name><ports/></network>"],
  ["something else", "<domain/>"],
  ["no XML", "<network><name>"],
])("%s is refused, and told as ours", async (_, xml) => {
  await expect(checkXml("network", xml, [here])).rejects.toMatchObject({
    code: "bad-xml",
    seen: expect.stringMatching(/^the network's XML is not in libvirt's language: \S.*[^\n]$/),
    hint: expect.stringContaining("defect of Assay"),
  });
});

test("without a schema it is said why, and what mends it", async () => {
  const why = expect.stringContaining("no domain.rng in /nowhere or /no-such");
  expect(await checkXml("domain", "<anything/>", ["/nowhere", "/no-such"])).toEqual({ checked: false, why });
  expect(whyUnchecked("domain", ["/nowhere", "/no-such"])).toEqual(expect.stringContaining("apt-get install"));
});

test("a schema that cannot be read is an error, and no pass", async () => {
  const broken = mkdtempSync(join(here, "broken-"));
  writeFileSync(join(broken, "network.rng"), "<grammar");
  await expect(checkXml("network", "<network/>", [broken])).rejects.toThrow();
});
