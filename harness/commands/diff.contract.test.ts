// Decides that the command tells each known change between two real images, by whichever way they are read, nothing of equal ones, and ends with
// what scripts are told.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { readConfig } from "../config.ts";
import type { DiffChange, ImageDiff } from "../diff/image-diff.ts";
import { diffDocumentSchema } from "../diff/violations.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import type { BuiltImage } from "../model/image.ts";
import { fromRecipe, recipe, run } from "../model/recipe.ts";
import { Store } from "../store/store.ts";

/** One change of each kind that a container's image can have. */
const changed = recipe("diff-changed", {
  version: "1",
  from: fromRecipe(soe),
  steps: [
    run([
      "sh",
      "-euc",
      `chmod u+s /usr/bin/env; setcap cap_net_raw+ep /usr/bin/tac; chmod 666 /etc/issue
useradd --uid 4321 --no-create-home keeper; dpkg --purge iputils-ping
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s /lib/systemd/system/probe.service /etc/systemd/system/multi-user.target.wants/probe.service
printf '[Socket]\\nListenStream=9\\n' >/etc/systemd/system/discard.socket
echo changed >>/etc/profile; printf '\\033[2J' >/srv/notes; mkdir /opt/app; echo x >/opt/app/x; echo >/var/log/new.log
: >"/srv/$(printf 'a\\033[31mb')"`,
    ]),
  ],
  context: import.meta.dirname,
  image: { cmd: ["sleep", "1"], expose: ["8080/tcp"] },
});

const config = readConfig();
const store = new Store({ directory: config.store, disks: config.disks });
let driver: DockerDriver;
let old: BuiltImage;
let now: BuiltImage;
beforeAll(async () => {
  driver = await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch });
  const say = () => undefined;
  old = (await store.build(soe, { say })).image;
  now = (await store.build(changed, { say })).image;
  await driver.load(now);
});
afterAll(() => driver.close());

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

async function diff(...words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(config.project, "harness/cli.ts"), "diff", ...words], {
    cwd: config.project,
    env: { ...process.env, NO_COLOR: "1", ASSAY_SETTINGS: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: status as number | null, out, err };
}

async function document(...words: readonly string[]): Promise<ImageDiff> {
  const { status, out, err } = await diff(...words, "--json");
  expect(status, err).toBe(0);
  return diffDocumentSchema.parse(JSON.parse(out));
}

const said = ({ topic, kind, subject }: DiffChange) => `${topic} ${kind} ${subject}`;
const expected = [
  "setuid added /usr/bin/env",
  "capability removed /usr/bin/ping",
  "capability added /usr/bin/tac",
  "writable added /etc/issue",
  "user added keeper",
  "group added keeper",
  "unit added /etc/systemd/system/discard.socket",
  "unit added probe.service",
  "package removed iputils-ping",
  "port added 8080/tcp of EXPOSE",
  "port added 9/tcp of discard.socket",
  "metadata changed cmd",
  "config changed /etc/profile",
  "file added /opt/app",
  "file added /opt/app/x",
  "file added /srv/a\u001b[31mb",
  "file added /srv/notes",
];

test("each change is told, by archives and by the engine's export alike", async () => {
  const byStore = await document("vfx-studio-soe", now.recipeDigest);
  const told = byStore.changes.map(said);
  for (const line of expected) expect(told).toContain(line);
  // Beside them: labels that name the recipe, its history, and what useradd writes into /etc.
  const more = told.filter((line) => !expected.includes(line));
  expect(
    more.filter((line) => !/^(metadata \w+ (label|history) |config \w+ \/etc\/(sub[ug]id|systemd))/.test(line)),
  ).toEqual([]);
  expect(byStore.filtered.map(({ filter }) => filter)).toEqual(
    expect.arrayContaining(["package-files", "package-database", "accounts", "logs"]),
  );
  const byEngine = await document("vfx-studio-soe", "diff-changed:1");
  // An engine does not tell how each step was made.
  const alike = (changes: readonly DiffChange[]) => changes.filter(({ subject }) => !subject.startsWith("history"));
  expect(alike(byEngine.changes)).toEqual(alike(byStore.changes));
});

test("people are shown the same, rights first, and nothing that a terminal would act on", async () => {
  const { status, out } = await diff("vfx-studio-soe", now.recipeDigest);
  expect(status).toBe(0);
  const lines = out.split("\n");
  expect(lines.findIndex((line) => line.includes("/usr/bin/env (coreutils): mode 0755 → 4755"))).toBe(4);
  for (const word of [
    "- iputils-ping: version",
    "+ keeper: uid 4321",
    "+ probe.service: enabled multi-user.target.wants",
  ])
    expect(out).toContain(word);
  expect(out.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
});

test("equal images have no difference, however they are read", async () => {
  expect(await document(old.archive ?? "", "vfx-studio-soe")).toMatchObject({
    verdict: "identical",
    changes: [],
    filtered: [],
    unknown: [],
  });
  const engine = await document(now.recipeDigest, "diff-changed:1");
  expect(engine).toMatchObject({ verdict: "equal", changes: [], unknown: [] });
  expect(engine.filtered.map(({ filter }) => filter).sort()).toEqual(["engine", "timestamps"]);
  const directory = await document(old.archive ?? "", old.tree);
  // Nothing but what a directory cannot tell.
  expect(directory).toMatchObject({ verdict: "unknown", changes: [] });
});

test.each([
  [["--fail-on", "setuid-added,packages-added=3"], 1, /setuid-added: \/usr\/bin\/env/],
  [["--fail-on", "kernel-changed,package-older,packages-added=0"], 0, /differences/],
  [["--fail-on", "no-such-rule"], 2, /no rule/],
] as const)("%j ends with %d", async (words, code, words_) => {
  const { status, out, err } = await diff("vfx-studio-soe", now.recipeDigest, ...words);
  expect(status, err).toBe(code);
  expect(out + err).toMatch(words_);
});

test("what is not there is usage, what cannot be read is not a difference", async () => {
  expect((await diff("./no-such.tar", "vfx-studio-soe")).status).toBe(2);
  expect((await diff("sha256:000000000000", "vfx-studio-soe")).status).toBe(2);
  const notAnImage = join(config.project, "package.json");
  const { status, out } = await diff(notAnImage, "vfx-studio-soe", "--json");
  expect([status, out]).toEqual([3, ""]);
});
