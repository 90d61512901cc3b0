// Decides which sentences can be said about packages of languages: Python's, Ruby's, Node's. Python and Ruby are asked themselves;
// of Node the package's own file is read. Refuses to look through other places than those that are named.
import { isAbsolute } from "node:path";
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { fileContents } from "./file-bytes.ts";
import { endFrame, readFrames } from "./frames.ts";
import { versionMatches } from "./package.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";
import type { Wanted } from "./wanted.ts";

const script = `import sys, importlib.metadata as metadata
for name in sys.argv[1:]:
    try: print("version", metadata.version(name))
    except metadata.PackageNotFoundError: print("none")`;

/** Subject: the interpreter's path and a package's name, parted by a space. Answer: its version, `undefined` where there is none. */
export const pythonVersions: Probe<string, string | undefined> = {
  name: "importlib.metadata",
  script: (subjects) => `export LC_ALL=C
${subjects
  .map((subject) => {
    const [python = "", name = ""] = subject.split(" ");
    return `${quoteWord(python)} -c ${quoteWord(script)} ${quoteWord(name)} 2>&1; ${endFrame('"$?"')}`;
  })
  .join("\n")}`,
  parse(output, subjects) {
    return readFrames("importlib.metadata", output, subjects.length).map(({ bytes, words }, index) => {
      const [python = ""] = (subjects[index] ?? "").split(" ");
      const said = bytes.toString("utf8").trim();
      if (words === "127" || words === "126") return missingTool(python, "a Python package");
      if (words === "0" && said === "none") return undefined;
      const version = /^version (\S+)$/.exec(said)?.[1];
      return words === "0" && version !== undefined
        ? version
        : unreadable("importlib.metadata", { ...output, stdout: bytes });
    });
  },
};

/** Subject: a gem's name. Answer: its versions, newest first; none where there is none. */
export const gemVersions: Probe<string, readonly string[]> = {
  name: "gem list",
  script: () => "LC_ALL=C gem list --local --no-verbose",
  parse(output, names) {
    if (output.status === 127 || output.status === 126) throw missingTool("gem", "a gem");
    const lines = output.stdout.toString("utf8").split("\n").filter(Boolean);
    const listed = lines.map((line) => /^([\w.-]+) \((.*)\)$/.exec(line));
    // Ruby brings gems of its own: an empty list is not gem's.
    if (output.status !== 0 || listed.length === 0 || listed.includes(null)) throw unreadable("gem list", output);
    const found = new Map(listed.map((match) => [match?.[1], (match?.[2] ?? "").split(", ")] as const));
    return names.map((name) =>
      (found.get(name) ?? []).map((version) => version.replace(/^default: /, "").split(" ")[0] ?? ""),
    );
  },
};

function sentences(title: string, command: string, observe: (node: Node) => Promise<readonly string[]>) {
  const ask = about<Node, readonly string[]>({ subject: title, command, observe });
  const say = (seen: readonly string[]) => seen.join(", ") || "it is not installed";
  return {
    isInstalled: () => ask("is installed", (seen) => verdict(seen.length > 0, "installed", say(seen))),
    /** One that is installed has this version: whole, or as its beginning at the end of a number; a pattern is searched. */
    hasVersion: (wanted: Wanted) =>
      ask(`has version ${wanted}`, (seen) =>
        verdict(
          seen.some((version) => versionMatches(wanted, version)),
          `version ${wanted}`,
          say(seen),
        ),
      ),
  };
}

/**
 * A Python package, as the interpreter finds it: of a virtual environment, give its interpreter. Names are compared as pip does.
 * @example await expect(soe).toMeet(pip("requests", { python: "/opt/venv/bin/python" }).hasVersion("2.31"));
 */
export function pip(name: string, { python = "python3" }: { readonly python?: string } = {}) {
  requireName("Python package", name);
  requireSubject(/^[^\s-]\S*$/.test(python), `"${python}" is not an interpreter`, "write a program's name or its path");
  return sentences(`Python package ${name}`, `${python} -m pip show ${name}`, async (node) => {
    const version = await node.observe(pythonVersions, `${python} ${name}`);
    return version === undefined ? [] : [version];
  });
}

/** A Ruby gem. @example await expect(soe).toMeet(gem("rake").isInstalled()); */
export function gem(name: string) {
  requireName("gem", name);
  return sentences(`gem ${name}`, `gem list --local --exact ${name}`, (node) => node.observe(gemVersions, name));
}

/**
 * A package for Node, by the directory whose `node_modules` has it. Default: the places of packages installed with `npm -g`.
 * @example await expect(soe).toMeet(npm("express", { in: "/srv/app" }).hasVersion("4"));
 */
export function npm(name: string, { in: place }: { readonly in?: string } = {}) {
  requireSubject(
    /^(@[a-z0-9._~-]+\/)?[a-z0-9._~-]+$/i.test(name),
    `"${name}" is not the name of a package for Node`,
    'write it as npm does, as in "express" or "@scope/name"',
  );
  requireSubject(place === undefined || isAbsolute(place), `"${place}" is not an absolute path`, "write it from /");
  const places = place === undefined ? ["/usr/local/lib", "/usr/lib"] : [place];
  return sentences(
    `npm package ${name}`,
    `npm ls ${place === undefined ? "-g" : `--prefix ${place}`} ${name}`,
    async (node) => {
      const files = places.map((directory) => `${directory.replace(/\/$/, "")}/node_modules/${name}/package.json`);
      const found = await Promise.all(files.map((path) => node.observe(fileContents, path)));
      return found.flatMap((seen, index) => ("nothing" in seen ? [] : [versionIn(files[index] ?? "", seen.bytes)]));
    },
  );
}

function versionIn(path: string, bytes: Buffer): string {
  try {
    const { version } = JSON.parse(bytes.toString("utf8")) as { version?: unknown };
    if (typeof version === "string") return version;
  } catch (error) {
    throw failedProbe(`cannot read ${path}`, (error as Error).message);
  }
  throw failedProbe(`cannot read ${path}`, "it has no version");
}

function requireName(what: string, name: string): void {
  requireSubject(
    /^[A-Za-z0-9][\w.-]*$/.test(name),
    `"${name}" is not the name of a ${what}`,
    "write it without a version",
  );
}
