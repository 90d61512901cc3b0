// Decides what lies where in structured contents, in all four formats by one grammar, and that no contents harm who reads them.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError } from "../model/errors.ts";
import { dataIn } from "./data.ts";
import { type DataFormat, parseData } from "./data-parse.ts";
import { dataSteps, placeIn, sayPath } from "./data-path.ts";

const texts: Readonly<Record<DataFormat, string>> = {
  JSON: '{"server":{"name":"a.b","ports":["80","443"],"x.y":"dotted"}}',
  YAML: 'server:\n  name: a.b\n  ports: ["80", "443"]\n  x.y: dotted\n',
  INI: "[server]\nname = a.b\nports[] = 80\nports[] = 443\nx.y = dotted\n",
  XML: '<server at="top"><name>a.b</name><ports>80</ports><ports><![CDATA[443]]></ports><x.y>dotted</x.y></server>',
};

const read = (format: DataFormat, text: string | Buffer) => parseData(format, Buffer.from(text));
const judged = (
  format: DataFormat,
  path: string,
  say: (value: ReturnType<typeof dataIn>) => ReturnType<ReturnType<typeof dataIn>["exists"]>,
) => say(dataIn("/a", format, path)).judge(read(format, texts[format]));

describe.each(Object.keys(texts) as DataFormat[])("%s", (format) => {
  test.each<
    [string, string, (value: ReturnType<typeof dataIn>) => ReturnType<ReturnType<typeof dataIn>["exists"]>, boolean]
  >([
    ["is", "server.name", (value) => value.is("a.b"), true],
    ["is another", "server.name", (value) => value.is("b"), false],
    ["a list's element", "server.ports[1]", (value) => value.is("443"), true],
    ["a list's last element", "server.ports[-1]", (value) => value.is("443"), true],
    ["a list", "server.ports", (value) => value.is(["80", "443"]), true],
    ["a list in another order", "server.ports", (value) => value.is(["443", "80"]), false],
    ["contains an element", "server.ports", (value) => value.contains("80"), true],
    ["contains part of an element", "server.ports", (value) => value.contains("8"), false],
    ["contains a text", "server.name", (value) => value.contains("."), true],
    ["matches", "server.name", (value) => value.matches(/^a/), true],
    ["length", "server.ports", (value) => value.hasLength(2), true],
    ["starts with", "server.name", (value) => value.startsWith("a."), true],
    ["starts otherwise", "server.name", (value) => value.startsWith(".b"), false],
    ["ends with", "server.name", (value) => value.endsWith(".b"), true],
    ["ends otherwise", "server.name", (value) => value.endsWith("a."), false],
    ["a list starts with nothing", "server.ports", (value) => value.startsWith(""), false],
    ["exactly, in another order", "server.ports", (value) => value.hasExactly("443", "80"), true],
    ["exactly, one twice", "server.ports", (value) => value.hasExactly("80", "80"), false],
    ["exactly, one less", "server.ports", (value) => value.hasExactly("80"), false],
    ["a version", "server.ports[0]", (value) => value.isVersionIn(">=79.1 <81"), true],
    ["another version", "server.ports[0]", (value) => value.isVersionIn(">80"), false],
    ["no version", "server.name", (value) => value.isVersionIn(">=0"), false],
    ["each element", "server.ports[*]", (value) => value.is(["80", "443"]), true],
    ["each of what is no list", "server.name[*]", (value) => value.is(["a.b"]), true],
    ["each that has it", "server.ports[*].nose", (value) => value.is([]), true],
    ["a quoted name", 'server["x.y"]', (value) => value.is("dotted"), true],
    ["names", "server", (value) => value.hasNames("name", "ports"), true],
    ["a name that is missing", "server", (value) => value.hasNames("name", "nose"), false],
    ["at least", "server.ports[0]", (value) => value.isAtLeast(80), true],
    ["at most", "server.ports[0]", (value) => value.isAtMost(79), false],
    ["nothing there", "server.nose", (value) => value.exists(), false],
    ["not in a text", "server.name.x", (value) => value.exists(), false],
    ["beyond the list", "server.ports[2]", (value) => value.exists(), false],
    ["before the list", "server.ports[-3]", (value) => value.exists(), false],
    ["a prototype's name", "server.constructor", (value) => value.exists(), false],
  ])("%s", (_, path, say, met) => {
    expect(judged(format, path, say)).toMatchObject({ met });
  });
});

test("the message says how far the way went", () => {
  expect(judged("JSON", "server.nose", (value) => value.exists())).toMatchObject({
    seen: 'nothing there: server has the names "name", "ports", "x.y"',
  });
  expect(dataIn("/a b", "JSON", 'x["y.z"][0]').exists().title).toBe('x["y.z"][0] in the JSON of file "/a b" exists');
});

test("each of several lists, and of those some, are one list", () => {
  const whole = {
    pods: [{ name: "a", containers: [{ image: "x" }, { image: "y" }] }, { containers: [{ image: "z" }] }, {}],
  };
  const at = (path: string) => placeIn(whole, dataSteps(path));
  expect(at("pods[*].containers[*].image")).toEqual({ found: true, value: ["x", "y", "z"] });
  expect(at("pods[*].containers[-1].image")).toEqual({ found: true, value: ["y", "z"] });
  expect(at("pods[*].name")).toEqual({ found: true, value: ["a"] });
  expect(at("pots[*].name")).toMatchObject({ found: false });
  expect(sayPath(dataSteps("pods[*].containers[*]"))).toBe("pods[*].containers[*]");
  expect(() => dataSteps("pods[**]")).toThrow(DeclarationError);
});

test("formats keep what is theirs", () => {
  expect(read("JSON", '{"n":1,"t":"1","z":null}')).toEqual({ value: { n: 1, t: "1", z: null } });
  expect(read("YAML", "a: 1\n---\nb: no\n")).toEqual({ value: [{ a: 1 }, { b: "no" }] });
  expect(read("YAML", "")).toEqual({ value: null });
  expect(read("INI", "; comment\ntop = 1\n[a.b]\nc = true\nd = 'x y'\n")).toEqual({
    value: { top: "1", a: { b: { c: true, d: "x y" } } },
  });
  expect(read("XML", '<p:a xmlns:p="urn:x" p:n="1">text<b/></p:a>')).toMatchObject({
    value: { "p:a": { "@p:n": "1", b: "", "#text": "text" } },
  });
});

test.each<[string, DataFormat, string | Buffer, RegExp]>([
  ["cut off JSON", "JSON", '{"a":', /JSON/],
  ["JSON after a byte order mark", "JSON", "\ufeff{}", /JSON/],
  ["no UTF-8", "JSON", Buffer.from([0x22, 0xff, 0x22]), /valid/],
  ["a duplicate key", "YAML", "a: 1\na: 2\n", /unique \(line 2, column 1\)/],
  [
    "aliases that multiply",
    "YAML",
    `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(",")}]`).join("\n")}\n`,
    /alias/i,
  ],
  ["a tag that runs code", "YAML", "a: !!js/function 'function(){}'\n", /tag/i],
  ["nested beyond reason", "YAML", "[".repeat(100_000), /./],
  ["XML without an end", "XML", "<a><b></a>", /mismatch|Premature|Opening/],
  ["XML nested beyond reason", "XML", "<a>".repeat(5000) + "</a>".repeat(5000), /depth|nest/i],
])("%s is a flaw of the contents, not met", (_, format, text, flaw) => {
  const seen = read(format, text);
  expect(seen).toEqual({ flaw: expect.stringMatching(flaw) });
  expect(dataIn("/a", format).exists().judge(seen)).toMatchObject({
    met: false,
    seen: expect.stringMatching(/^it is not/),
  });
});

test("entities of XML read no file and do not multiply", () => {
  const seen = read("XML", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>');
  expect(JSON.stringify(seen)).not.toContain("root:");
  const bomb = `<!DOCTYPE a [<!ENTITY l0 "x">${Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join("")}]><a>&l9;</a>`;
  expect(JSON.stringify(read("XML", bomb)).length).toBeLessThan(500);
});

test("no names of a prototype are set by contents", () => {
  for (const [format, text] of [
    ["JSON", '{"__proto__":{"polluted":1}}'],
    ["YAML", "__proto__: {polluted: 1}\n"],
    ["INI", "[__proto__]\npolluted = 1\n"],
    ["XML", "<__proto__><polluted>1</polluted></__proto__>"],
  ] as const)
    read(format, text);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test.each(["a..b", ".a", "a.", "a[x]", "a[0", 'a["b]', "a b"])("the path %s is refused where it is written", (path) => {
  expect(() => dataIn("/a", "JSON", path)).toThrow(DeclarationError);
  expect(() => dataIn("/a", "JSON", path)).toThrow(/data\.test\.ts:\d+/);
});

test("a path said is the path that was read", () => {
  for (const path of ["", "a", "a.b[0]", 'a["b.c"][-1].d', "[0].a"]) expect(sayPath(dataSteps(path))).toBe(path);
});

test("a file that may not be read, or is too long, is an error", async () => {
  const node = hostNode();
  const path = await node.succeed(["mktemp"]);
  await node.succeed(["truncate", "-s", "5M", path]);
  await expect(dataIn(path, "JSON").exists().observe(node)).rejects.toMatchObject({ code: "probe-failed" });
  await node.succeed(["chmod", "600", path]);
  await expect(dataIn(path, "JSON").exists().observe(node.as("65534:65534"))).rejects.toMatchObject({
    code: "probe-denied",
  });
  await node.succeed(["rm", path]);
  const check = dataIn(path, "JSON").exists();
  expect(check.judge(await check.observe(node))).toMatchObject({ met: false, seen: "the file does not exist" });
  await node.close();
});
