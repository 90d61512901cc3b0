// Decides that the manual is whole: each check and each fault that a spec may import has a docstring with an example, and the words that
// README.md beside this file promises to those who come from goss, container-structure-test, testinfra and serverspec exist.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const read = (path: string) => readFileSync(join(import.meta.dirname, path), "utf8");

/** The checks and faults of `index.ts`, by name, with the text of the file that each is in. */
const checks = [
  ...read("../index.ts").matchAll(/^export \{([^}]*)\} from "\.(\/(?:checks|faults)\/[^"]+)";$/gm),
].flatMap(([, names = "", file = ""]) =>
  names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => ({ name, text: read(`..${file}`) })),
);

/** The comment right before the declaration of `name`; `undefined` where there is none. */
function docstring(name: string, text: string): string | undefined {
  const declared = new RegExp(`(?:/\\*\\*((?:[^*]|\\*(?!/))*)\\*/\\n)?export (?:async )?(?:function|const) ${name}\\b`);
  return declared.exec(text)?.[1];
}

describe("docstrings", () => {
  test("one with an example is told from others", () => {
    const text =
      "/** Of another. @example a() */\nfunction a() {}\n/** A.\n * @example b() */\nexport function b() {}\nexport const c = 1;\n/** D. */\nexport const d = 1;\n";
    expect(docstring("b", text)).toContain("@example");
    expect(docstring("c", text)).toBeUndefined();
    expect(docstring("d", text)).not.toContain("@example");
  });

  test("there are checks to look at", () => {
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["all", "file", "dns", "sudo", "unit", "partition"]),
    );
  });

  test.each(checks)("$name has one, with an example", ({ name, text }) => {
    expect(docstring(name, text)).toMatch(/@example \S|@example\n \* \S/);
  });
});

/** The table of README.md: each code span of the second column, with the row it is in. */
const promised = [...read("README.md").matchAll(/^\| ([^|]+) \| (.+) \|$/gm)].flatMap(([, theirs = "", ours = ""]) =>
  theirs.startsWith("---") ? [] : [...ours.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => ({ theirs, span })),
);

/** What no check says but the rest of Assay: values of nodes, of vitest, of JavaScript. */
const elsewhere = ["all", "any", "as", "container", "exec", "expect", "not", "shell", "succeed", "toMeet", "vm"];

describe("the words of others", () => {
  const exported = new Set(checks.map(({ name }) => name));
  const sentences = new Set(
    readdirSync(import.meta.dirname)
      .filter((name) => /^[a-z-]+\.ts$/.test(name))
      .flatMap((name) => [...read(name).matchAll(/^ {2,8}(?:async )?([a-z]\w*)(?:\(|: \(|: [a-z])/gm)])
      .map(([, word]) => word),
  );
  const unknown = (span: string) => {
    const code = span.replace(/"[^"]*"|\/(?:[^/ ])+\/|\[[^\]]*\]/g, "");
    const subjects = [...code.matchAll(/(?<![.\w])([a-z]\w*)\(/g)].map(([, word = ""]) => word);
    const said = [...code.matchAll(/\.([a-z]\w*)/g)].map(([, word = ""]) => word);
    return [
      ...subjects.filter((word) => !exported.has(word) && !elsewhere.includes(word)),
      ...said.filter((word) => !sentences.has(word) && !elsewhere.includes(word)),
    ];
  };

  test("a word that nobody has is found", () => {
    expect(unknown("file(p).exists()")).toEqual([]);
    expect(unknown("fil(p).isTasty(/a.b/)")).toEqual(["fil", "isTasty"]);
  });

  test.each(promised)("$theirs: $span", ({ span }) => expect(unknown(span)).toEqual([]));
});
