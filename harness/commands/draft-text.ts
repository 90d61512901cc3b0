// Decides how a draft is written down: an environment and a spec as a person would write them, ready to be cut down. Pure.
import type { Chapter, Sentence } from "./draft-sentences.ts";

/** Where the image is, as a declaration says it. */
export type DraftSource =
  | { readonly from: "engine"; readonly reference: string }
  /** `word` is what the file exports it by. */
  | { readonly from: "recipe"; readonly path: string; readonly word: string }
  | { readonly from: "docker-archive"; readonly path: string }
  | { readonly from: "oci-layout"; readonly path: string }
  | { readonly from: "rootfs"; readonly path: string };

/** How nodes of it are made: with its own program, with one that waits, or not at all. */
export type DraftMode = "runs" | "idle" | "still";

export interface Draft {
  /** Of the environment: lower-case letters, digits and dashes. */
  readonly name: string;
  readonly source: DraftSource;
  readonly mode: DraftMode;
  /** What the image is called, and its digest where it has one. */
  readonly image: string;
  readonly chapters: readonly Chapter[];
  /** What is imported from where: `../harness/index.ts` in a checkout of Assay, else `assay`. */
  readonly surface: string;
}

const openers = { "docker-archive": "fromDockerArchive", "oci-layout": "fromOciLayout", rootfs: "fromRootfs" } as const;

/** `environments/<name>.ts` */
export function environmentText({ name, source, mode, image, surface }: Draft): string {
  const [words, node, own] = declaredBy(source, mode);
  const harness = `import { ${["defineEnvironment", ...words].sort((a, b) => a.localeCompare(b)).join(", ")} } from ${literal(surface)};`;
  const how = {
    runs: "",
    idle: "// It idles: its own program ends by itself.\n",
    still: "// At rest: nothing of it runs.\n",
  };
  return `// ${image}.
${how[mode]}${sorted(surface, harness, own).join("\n")}

export const ${identifier(name)} = defineEnvironment(${literal(name)}, {
  nodes: { box: ${node} },
});
`;
}

/** Words of the harness, the node's declaration, and what of the project is imported for it. */
function declaredBy(source: DraftSource, mode: DraftMode): readonly [string[], string, string?] {
  if (source.from !== "engine" && source.from !== "recipe") {
    const opener = openers[source.from];
    const place = source.path.startsWith("/") ? "" : ", { in: import.meta.dirname }";
    return [[opener, "stillImage"], `stillImage({ image: ${opener}(${literal(source.path)}${place}) })`];
  }
  const [word, more] = mode === "still" ? ["stillImage", ""] : ["container", mode === "idle" ? ", idle: true" : ""];
  if (source.from === "engine") return [[word], `${word}({ image: ${literal(source.reference)}${more} })`];
  // The environment may be called as the recipe is.
  const named = source.word === "image" ? "image" : `${source.word} as image`;
  return [[word], `${word}({ image${more} })`, `import { ${named} } from ${literal(source.path)};`];
}

/** As a linter would sort them: packages before files, files by their paths. */
function sorted(surface: string, harness: string, own: string | undefined): readonly string[] {
  if (own === undefined) return [harness];
  return surface.startsWith("../") ? [own, harness] : [harness, own];
}

/** `specs/<name>-draft.spec.ts` */
export function specText({ name, image, chapters, surface }: Draft): string {
  const words = new Set(
    chapters.flatMap(({ sentences }) => sentences.map(({ about: [word] }) => word.split(".")[0] ?? "")),
  );
  const severals = chapters.some(({ sentences }) => sentences.length > 1) ? ["all"] : [];
  const imported = [...severals, "expect", "testIn", ...words].sort((a, b) => a.localeCompare(b));
  const oneLine = `import { ${imported.join(", ")} } from ${literal(surface)};`;
  const list =
    oneLine.length <= 120
      ? oneLine
      : `import {\n${imported.map((each) => `  ${each},\n`).join("")}} from ${literal(surface)};`;
  const environment = `import { ${identifier(name)} } from ${literal(`../environments/${name}.ts`)};`;
  return `// Drafted from ${image}.
// Each line was so when it was drafted: keep what must stay so, say why, and throw the rest away.
${sorted(surface, list, environment).join("\n")}

const test = testIn(${identifier(name)});
${chapters.map(chapterText).join("")}`;
}

function chapterText({ title, sentences, takesTime }: Chapter): string {
  const within = takesTime ? `, { within: "30s" }` : "";
  const lines = sentences.map(sentenceText);
  const asked =
    lines.length === 1
      ? `  await expect(box).toMeet(${lines[0]}${within});\n`
      : takesTime
        ? `  await expect(box).toMeet(\n    all(\n${lines.map((line) => `      ${line},\n`).join("")}    ),\n    { within: "30s" },\n  );\n`
        : `  await expect(box).toMeet(\n    all(\n${lines.map((line) => `      ${line},\n`).join("")}    ),\n  );\n`;
  return `\ntest(${literal(title)}, async ({ box }) => {\n${asked}});\n`;
}

/** @example sentenceText({ about: ["file", "/srv"], says: ["hasMode", 0o755] }) // 'file("/srv").hasMode(0o755)' */
export function sentenceText({ about: [word, ...subject], says: [predicate, ...values] }: Sentence): string {
  const told = values.map((value) => (predicate === "hasMode" ? `0o${Number(value).toString(8)}` : literal(value)));
  const line = `${word}(${subject.map(literal).join(", ")}).${predicate}(${told.join(", ")})`;
  const [list] = values;
  if (line.length <= 110 || !Array.isArray(list)) return line;
  // As a formatter would break it.
  const [first, ...chain] = word.split(".");
  const indent = chain.length > 0 ? "\n        ." : ".";
  const inner = chain.length > 0 ? "        " : "      ";
  const items = list.map((each) => `${inner}  ${literal(each)},\n`).join("");
  return `${[first, ...chain].join(indent)}(${subject.map(literal).join(", ")})${indent}${predicate}([\n${items}${inner}])`;
}

/** The language's own words cannot name a variable. */
const reserved =
  /^(break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof|new|null|return|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|let|static|await|package|private|protected|public|interface|implements|test|expect|all)$/;

/** @example identifier("studio-web") // "studioWeb" */
export function identifier(name: string): string {
  const word = name.replace(/-+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, "");
  return /^\d/.test(word) || reserved.test(word) ? `image${word.charAt(0).toUpperCase()}${word.slice(1)}` : word;
}

/** Text of a program, whatever the image's words hold: JSON is, but for two characters that end lines there. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  return JSON.stringify(value).replace(
    /[\u2028\u2029\u007f-\u009f]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
