import { describe, expect, test } from "vitest";
import type { FileStat } from "../checks/file-stat.ts";
import type { ImageFacts } from "../model/image.ts";
import { apkFiles, servicesIn } from "./draft-facts.ts";
import { checkOf } from "./draft-judge.ts";
import { isNoise } from "./draft-noise.ts";
import { chapters, type Facts } from "./draft-sentences.ts";
import { sentenceText } from "./draft-text.ts";

const none: Facts = {
  image: undefined,
  texts: new Map(),
  packages: [],
  important: [],
  own: [],
  inventories: { setuid: undefined, setgid: undefined, worldWritable: undefined, orphaned: undefined },
  services: [],
  running: undefined,
};
/** What is said of these facts, as a spec has it; each is a check that there is. */
const said = (facts: Partial<Facts>) =>
  chapters({ ...none, ...facts })
    .flatMap(({ sentences }) => sentences)
    .map((sentence) => {
      expect(checkOf(sentence).title).not.toBe("");
      return sentenceText(sentence);
    });
const stat = (more: Partial<FileStat>): FileStat => ({
  ...{ type: "file", mode: 0o644, uid: 0, gid: 0, user: "root", group: "root", size: 1, target: undefined },
  ...more,
});
const entry = (path: string, more: Partial<FileStat> = {}) => ({ path, stat: stat(more) });

test("nothing is said of what could not be seen", () => expect(chapters(none)).toEqual([]));

test("of a small image whose packages nobody chose, all of them; of a large one none", () => {
  expect(said({ packages: ["tzdata", "base-files"] })).toEqual([
    'pkg("base-files").isInstalled()',
    'pkg("tzdata").isInstalled()',
  ]);
  expect(said({ packages: Array.from({ length: 41 }, (_, at) => `pkg-${at}`) })).toEqual([]);
});

test("a chapter has an end, whatever an image lists", () => {
  const passwd = Array.from({ length: 500 }, (_, at) => `u${at}:x:${2000 + at}:1::/:/bin/sh`).join("\n");
  expect(said({ texts: new Map([["/etc/passwd", passwd]]) })).toHaveLength(200);
});

test("people are told with all that they are, users of packages by name, users of each system not at all", () => {
  const texts = new Map([
    [
      "/etc/passwd",
      [
        "root:x:0:0:root:/root:/bin/bash",
        "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin",
        "_apt:x:100:65534::/nonexistent:/usr/sbin/nologin",
        "redis:x:101:103::/var/lib/redis:/usr/sbin/nologin",
        "ops:x:1000:1000::/home/ops:/bin/bash",
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
      ].join("\n"),
    ],
    ["/etc/group", "root:x:0:\nsudo:x:27:ops,boss\nops:x:1000:\n"],
  ]);
  expect(said({ texts })).toEqual([
    'user("root").hasLockedPassword()',
    'user("redis").exists()',
    'user("ops").hasUid(1000)',
    'user("ops").hasGid(1000)',
    'user("ops").hasHome("/home/ops")',
    'user("ops").hasShell("/bin/bash")',
    'user("ops").hasLockedPassword()',
    'user("ops").isInGroup("sudo")',
    'group("ops").hasGid(1000)',
  ]);
});

test("files by owner and mode, links by where they lead, a crowded directory as a whole", () => {
  const crowd = Array.from({ length: 13 }, (_, at) => entry(`/opt/app/${at}`));
  const own = [entry("/etc/motd.d", { mode: 0o1755 }), entry("/etc/release", { target: "motd.d" })];
  expect(said({ own: [...own, entry("/opt/app", { type: "directory", mode: 0o2775, uid: 7 }), ...crowd] })).toEqual([
    'file("/etc/motd.d").ownedBy(0, 0)',
    'file("/etc/motd.d").hasMode(0o1755)',
    'file("/etc/release").linksTo("motd.d")',
    'file("/opt/app").ownedBy(7, 0)',
    'file("/opt/app").hasMode(0o2775)',
    'tree("/opt/app").belongsTo(7, 0)',
  ]);
});

test("inventories are exact; a list that nobody would read is left out", () => {
  const setgid = Array.from({ length: 61 }, (_, at) => `/bin/${at}`);
  expect(said({ inventories: { ...none.inventories, setuid: ["/bin/su"], setgid, orphaned: [] } })).toEqual([
    'inventory.setuid("/").equals(["/bin/su"])',
    'inventory.orphaned("/").areNone()',
  ]);
});

test("the configuration without what each build makes anew, and without a secret's value", () => {
  const config: ImageFacts["config"] = {
    entrypoint: [],
    cmd: ["nginx", "-g"],
    env: { TZ: "UTC", DB_PASSWORD: "hunter22", DB: "postgres://web:hunter22@db/web" },
    labels: { "org.opencontainers.image.revision": "abc", maintainer: 'a "quoted" one' },
    user: "",
    workdir: "/srv",
    expose: ["80/tcp", "53/udp"],
    volumes: ["/data"],
  };
  const image = { id: "sha256:1", tags: [], architecture: "amd64", created: "", config };
  expect(said({ image })).toEqual([
    "image().hasEntrypoint([])",
    'image().hasCmd(["nginx", "-g"])',
    'image().hasUser("")',
    'image().hasWorkdir("/srv")',
    'image().hasEnv("TZ", "UTC")',
    'image().hasEnv("DB_PASSWORD")',
    'image().hasEnv("DB")',
    'image().hasLabel("maintainer", "a \\"quoted\\" one")',
    "image().exposes(80)",
    'image().exposes("53/udp")',
    'image().hasVolume("/data")',
  ]);
});

test("what runs and listens, without the engine's own name server", () => {
  const listening = [
    { protocol: "tcp", port: 8080, address: "0.0.0.0", by: ["web"] },
    { protocol: "tcp", port: 9000, address: "127.0.0.1", by: [] },
    { protocol: "tcp", port: 41_235, address: "127.0.0.11", by: [] },
    { protocol: "udp", port: 514, address: "::", by: [] },
  ] as const;
  expect(said({ running: { main: "web", user: "www-data", listening } })).toEqual([
    'process("web").isRunning()',
    'process("web").runsAs("www-data")',
    'port(8080).isListeningOn("0.0.0.0")',
    'port(8080).isHeldBy("web")',
    'port(9000).isListeningOn("127.0.0.1")',
    'port(514, "udp").isListeningOn("::")',
    "ports().areOnly(8080)",
  ]);
});

describe("noise", () => {
  test.each(["/etc/hosts", "/etc/passwd-", "/etc/rc2.d/S01cron", "/etc/ssl/certs/a.pem", "/usr/local/share/man"])(
    "%s is",
    (path) => expect(isNoise(path)).toBe(true),
  );
  test.each([
    "/etc/studio/release",
    "/usr/local/bin/web",
    "/etc/systemd/system/web.service",
    "/etc/apt/sources.list.d/x.list",
  ])("%s is none", (path) => expect(isNoise(path)).toBe(false));
});

test("services by their links, without those of each system", () => {
  const paths = [
    "/etc/systemd/system/multi-user.target.wants/nginx.service",
    "/etc/systemd/system/getty.target.wants/getty@tty1.service",
    "/etc/rc3.d/S01nginx",
    "/etc/rc3.d/S02cron",
    "/etc/rc0.d/K01cron",
    "/etc/rc2.d/S01procps",
  ];
  expect(servicesIn(paths)).toEqual(["cron", "nginx"]);
});

test("apk's database names directories and the files in them", () => {
  expect([...apkFiles("P:busybox\nF:bin\nM:0:0:755\nR:busybox\nF:etc\nR:securetty\n")]).toEqual([
    "/bin",
    "/bin/busybox",
    "/etc",
    "/etc/securetty",
  ]);
});
