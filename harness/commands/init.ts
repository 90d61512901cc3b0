// Decides what `assay init` puts into a directory so that a first spec of one's own runs green. Refuses to write over anything, and to
// write anything before it is known that all of it can be.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { readConfig } from "../config.ts";
import { DeclarationError, ExitCode, messageOf } from "../model/errors.ts";
import { installed } from "../place.ts";
import { identifier } from "./draft-text.ts";

export interface InitOptions {
  readonly json?: boolean;
}

/**
 * `assay init [name]`: a recipe, an environment and a spec of that name, `hello` without one; beside an installed package also what makes
 * the directory a project. With `json` prints `{ project, written, next }`. A `DeclarationError` (codes `bad-name`, `taken`,
 * `bad-project`) before anything is written.
 */
export async function initCommand(given: string | undefined, options: InitOptions): Promise<number> {
  const name = given ?? "hello";
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new DeclarationError({
      code: "bad-name",
      seen: `"${name}" names no environment`,
      hint: "use lower-case letters, digits and single dashes",
    });
  // In a checkout of Assay the project is the checkout, wherever one stands.
  const project = installed ? process.cwd() : readConfig().project;
  const specs = specFiles(name, installed ? "assay" : undefined);
  const texts = new Map([...specs, ...(installed ? projectFiles(project) : [])]);
  await requireUnused(project, name);
  const taken = [...specs.keys()].find((file) => existsSync(join(project, file)));
  if (taken !== undefined)
    throw new DeclarationError({
      code: "taken",
      seen: `${join(project, taken)} is there already`,
      hint: "give another name: assay init <name>",
    });
  for (const [file, text] of texts) {
    mkdirSync(dirname(join(project, file)), { recursive: true });
    writeFileSync(join(project, file), text);
  }
  const next = `npx assay run ${name}`;
  if (options.json === true) {
    console.log(
      JSON.stringify({ project, written: [...texts.keys()].map((file) => join(project, file)), next }, null, 2),
    );
    return ExitCode.met;
  }
  const where = (file: string) => relative(process.cwd(), join(project, file));
  const away = relative(project, process.cwd()).startsWith("..");
  console.log(
    [
      ...[...texts.keys()].map((file) => `wrote ${where(file)}`),
      `next: ${away ? `cd ${project} && ` : ""}${next}   (assay doctor tells what this machine lacks for it, assay setup mends it)`,
    ].join("\n"),
  );
  return ExitCode.met;
}

/** A name stands for one recipe and one environment, whichever file has it. */
async function requireUnused(project: string, name: string): Promise<void> {
  const { findEnvironments, findRecipes } = await import("./recipes.ts");
  const there = (room: string) => existsSync(join(project, room));
  const [recipe, environment] = await Promise.all([
    there("fixtures") ? findRecipes(project).then((all) => all.get(name)) : undefined,
    there("environments") ? findEnvironments(project).then((all) => all.get(name)) : undefined,
  ]);
  const other = recipe ?? environment;
  if (other !== undefined)
    throw new DeclarationError({
      code: "taken",
      at: other.at,
      seen: `the ${other.kind} "${name}" is there already`,
      hint: "give another name: assay init <name>",
    });
}

/** By their paths in the project. `surface`: the package's name; in a checkout each reaches for the harness. */
export function specFiles(name: string, surface: string | undefined): ReadonlyMap<string, string> {
  const word = identifier(name);
  // As a linter would sort them: packages before files, files by their paths.
  const imports = (harness: string, own: string) =>
    (surface === undefined ? [own, harness] : [harness, own]).join("\n");
  const from = (depth: number) => surface ?? `${"../".repeat(depth)}harness/index.ts`;
  return new Map([
    [
      `fixtures/${name}/recipe.ts`,
      `// The image: what it is made of, and of nothing else. \`npx assay why ${name}\` tells what changed in it.
import { debianRootfs, recipe, run } from "${from(2)}";

export const image = recipe("${name}", {
  version: "0.1.0",
  from: debianRootfs({
    suite: "bookworm",
    include: ["ca-certificates", "iproute2", "iputils-ping", "procps", "python3"],
  }),
  steps: [run(["useradd", "--uid", "1000", "--create-home", "--shell", "/bin/bash", "ops"])],
  context: import.meta.dirname,
});
`,
    ],
    [
      `environments/${name}.ts`,
      `// What is stood up: one container of the image, and a fresh directory of the host at /films.
${imports(`import { container, defineEnvironment, scratch } from "${from(1)}";`, `import { image } from "../fixtures/${name}/recipe.ts";`)}

export const ${word} = defineEnvironment("${name}", {
  nodes: {
    box: container({ image, idle: true, user: "1000:1000", mounts: { "/films": scratch({ mode: 0o777 }) } }),
  },
});
`,
    ],
    [
      `specs/${name}.spec.ts`,
      `// What must be true of it. Each check is a sentence; README's table has the words, their docstrings are the manual.
${imports(`import { all, expect, file, inventory, pkg, testIn, user } from "${from(1)}";`, `import { ${word} } from "../environments/${name}.ts";`)}

const test = testIn(${word});

test("ops is there, and nobody knows a password", async ({ box }) => {
  await expect(box).toMeet(
    all(
      user("ops").hasUid(1000),
      user("ops").hasShell("/bin/bash"),
      user("ops").hasLockedPassword(),
      user("root").hasLockedPassword(),
    ),
  );
});

test("it has what was asked for, and no telnet", async ({ box }) => {
  await expect(box).toMeet(pkg("python3").hasVersion("3.11"));
  await expect(box).not.toMeet(pkg("telnet").isInstalled());
});

test("nothing is open to everybody", async ({ box }) => {
  await expect(box).toMeet(all(inventory.worldWritable("/etc").areNone(), file("/etc/shadow").hasMode(0o640)));
});

test("a file that ops makes belongs to ops on the host too", async ({ box, host }) => {
  await box.succeed(["touch", "/films/reel"]);
  await expect(host).toMeet(file(box.mountSource("/films/reel")).ownedBy(1000, 1000));
});
`,
    ],
  ]);
}

/** What makes a directory a project, as far as it is not there. */
export function projectFiles(project: string): readonly (readonly [file: string, text: string])[] {
  const lacks = (file: string) => !existsSync(join(project, file));
  return [
    ...manifest(project),
    ...(lacks("tsconfig.json") ? [["tsconfig.json", tsconfig] as const] : []),
    ...ignored(project),
  ];
}

const tsconfig = `{
  "compilerOptions": {
    "target": "ES2024",
    "module": "NodeNext",
    "strict": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true,
    "allowImportingTsExtensions": true,
    "noEmit": true
  },
  "include": ["specs", "environments", "fixtures"]
}
`;

function manifest(project: string): (readonly [string, string])[] {
  const file = join(project, "package.json");
  if (!existsSync(file)) {
    const made = { name: packageName(project), private: true, type: "module", scripts: { test: "assay run" } };
    return [["package.json", `${JSON.stringify(made, null, 2)}\n`]];
  }
  const text = readFileSync(file, "utf8");
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw new DeclarationError({ code: "bad-project", seen: `${file} is no JSON: ${messageOf(error)}`, cause: error });
  }
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new DeclarationError({ code: "bad-project", seen: `${file} holds no object` });
  const { type, ...rest } = read as { readonly type?: unknown };
  if (type === "module") return [];
  if (type !== undefined)
    throw new DeclarationError({
      code: "bad-project",
      seen: `${file} says "type": ${JSON.stringify(type)}, and specs are modules`,
      hint: `make a directory of its own for them, or write "type": "module"`,
    });
  const indent = /^[ \t]+/m.exec(text)?.[0] ?? "  ";
  return [["package.json", `${JSON.stringify({ ...rest, type: "module" }, null, indent)}\n`]];
}

/** As npm would take it. */
function packageName(project: string): string {
  const name = basename(resolve(project))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" ? "images" : name;
}

function ignored(project: string): (readonly [string, string])[] {
  const file = join(project, ".gitignore");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const lines = text.split("\n").map((line) => line.trim().replace(/^\/|\/$/g, ""));
  const missing = ["node_modules", "reports/runs"].filter((each) => !lines.includes(each));
  if (missing.length === 0) return [];
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return [[".gitignore", `${before}${missing.map((each) => `/${each}/\n`).join("")}`]];
}
