// Decides which images a Dockerfile starts from or copies from, and puts others in their place; which stages it has, and what older
// builders do not know. Pure. Reads as much of the language as that needs: comments, the escape directive, continued lines,
// here-documents, ARG before FROM. Runs nothing.

/** A place in a Dockerfile that names an image. */
export interface ImageWord {
  /** The name with the arguments filled in. */
  readonly name: string;
  /** Where the word as written begins and ends in the text. */
  readonly from: number;
  readonly to: number;
  /** Counted from 1. */
  readonly line: number;
}

interface Instruction {
  readonly text: string;
  readonly offset: number;
  readonly line: number;
}

/**
 * The images that a Dockerfile needs from outside: of FROM, COPY --from and RUN --mount=…,from=. Not `scratch`, not its own stages.
 * @example imageWords("FROM base AS a\nFROM scratch\nCOPY --from=a /x /x\n", {}) // one, of name "base"
 */
export function imageWords(text: string, args: Readonly<Record<string, string>>): ImageWord[] {
  const known: Record<string, string> = {};
  const stages = new Set<string>();
  const found: ImageWord[] = [];
  let stage = 0;
  const add = ({ offset, line }: Instruction, at: number, word: string) => {
    const name = filledIn(word, known);
    if (name === "scratch" || stages.has(name.toLowerCase())) return;
    found.push({ name, from: offset + at, to: offset + at + word.length, line });
  };
  for (const instruction of instructions(text)) {
    const { text: said } = instruction;
    const declared = /^ARG\s(.*)/is.exec(said)?.[1];
    if (declared !== undefined && stage === 0)
      for (const [, key = "", usual] of declared.matchAll(/(?<=^|\s)(\w+)(?:=("[^"]*"|'[^']*'|\S*))?(?=\s|$)/g)) {
        const value = args[key] ?? (usual === undefined ? undefined : filledIn(usual, known));
        if (value !== undefined) known[key] = value;
      }
    const from = /^(FROM\s+(?:--\S+\s+)*)(\S+)(?:\s+AS\s+(\S+))?/i.exec(said);
    if (from !== null) {
      add(instruction, (from[1] ?? "").length, from[2] ?? "");
      stages.add(String(stage));
      stage += 1;
      if (from[3] !== undefined) stages.add(from[3].toLowerCase());
    }
    if (/^(COPY|ADD)\s/i.test(said))
      for (const flag of said.matchAll(/\s--from=(\S+)/g))
        add(instruction, flag.index + " --from=".length, flag[1] ?? "");
    if (/^RUN\s/i.test(said))
      for (const mount of said.matchAll(/\s--mount=\S*?\bfrom=([^,\s]+)/g))
        add(instruction, mount.index + mount[0].length - (mount[1] ?? "").length, mount[1] ?? "");
  }
  return found;
}

/** Names of the stages, in their order, as `target` takes them; one without a name is its number. */
export function stagesOf(text: string): string[] {
  const froms = instructions(text).filter(({ text: said }) => /^FROM\s/i.test(said));
  return froms.map(({ text: said }, at) => /\sAS\s+(\S+)/i.exec(said)?.[1] ?? String(at));
}

/** The first thing that builders without BuildKit, or of some years ago, do not know. */
export function newerThanSome(text: string): { readonly what: string; readonly line: number } | undefined {
  for (const { text: said, line } of instructions(text)) {
    const flag =
      /^(RUN\s+(?:--\S+\s+)*?--(?:mount|network|security))\b/i.exec(said) ??
      /^((?:COPY|ADD)\s+(?:--\S+\s+)*?--(?:chmod|link|parents|exclude|checksum))\b/i.exec(said);
    if (flag !== null) return { what: `${said.split(/\s/)[0]} ${flag[1]?.split(/\s+/).at(-1)}`, line };
    if (hereDocument.test(said)) return { what: "a here-document", line };
  }
  return undefined;
}

/** The text with other names in the places of `words`. */
export function withImages(text: string, words: readonly ImageWord[], other: (name: string) => string): string {
  return [...words]
    .sort((a, b) => b.from - a.from)
    .reduce((so, { name, from, to }) => so.slice(0, from) + other(name) + so.slice(to), text);
}

function filledIn(word: string, known: Readonly<Record<string, string>>): string {
  return word
    .replace(/^(["'])(.*)\1$/, "$2")
    .replace(/\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)/g, (_, name, fallback, bare) => known[name ?? bare] ?? fallback ?? "");
}

/** A word of its own, as builders take it: neither `$((1<<3))` nor `<<<word`. */
const hereDocument = /^(?:RUN|COPY|ADD)\s(?:.*?\s)?\d*<<-?(["']?)([\w.-]+)\1(?=\s|$)/is;

/** Instructions, continued lines kept in their places so that offsets hold; comments and here-documents are blank. */
function instructions(text: string): Instruction[] {
  const continuation = /^\s*#\s*escape\s*=\s*`/im.test(text.split(/\n(?!\s*#)/)[0] ?? "") ? "`" : "\\";
  const found: Instruction[] = [];
  let open: Instruction | undefined;
  let until: string | undefined;
  let offset = 0;
  for (const [at, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, " ");
    const start = offset;
    offset += raw.length + 1;
    if (until !== undefined) {
      if (line.trim() === until) until = undefined;
      continue;
    }
    const comment = /^\s*#/.test(line);
    if (comment && open === undefined) continue;
    const continued = comment || line.trimEnd().endsWith(continuation);
    const blank = comment ? " ".repeat(line.length) : line;
    const cut = continued && !comment ? `${blank.trimEnd().slice(0, -1)} `.padEnd(raw.length) : blank;
    const lead: number = open === undefined ? line.length - line.trimStart().length : 0;
    open =
      open === undefined
        ? { text: cut.slice(lead), offset: start + lead, line: at + 1 }
        : { ...open, text: `${open.text} ${cut}` };
    if (continued) continue;
    until = hereDocument.exec(open.text)?.[2];
    if (open.text.trim() !== "") found.push(open);
    open = undefined;
  }
  return open === undefined ? found : [...found, open];
}
