// Decides which changes of files are no news, by their paths, and under which name they are counted. Pure. Refuses to hide a change of
// owner, mode, label or rights: only contents, and that a file came or went, are ever left out.
import type { DiffChange, DiffFilter, DiffTopic } from "./image-diff.ts";

const byPath: readonly (readonly [DiffFilter, RegExp])[] = [
  ["bytecode", /\/__pycache__(\/|$)|\.py[co]$/],
  [
    "package-database",
    /^\/(var\/lib\/(dpkg|apt|rpm|pam|ucf|dnf|yum|zypp)|(usr\/)?lib\/(apk\/db|sysimage\/(rpm|libdnf5))|etc\/apk\/world)(\/|$)/,
  ],
  [
    "caches",
    /^\/var\/cache(\/|$)|^\/(root|home\/[^/]+)\/\.(cache|npm)(\/|$)|^\/usr\/share\/icons\/[^/]+\/icon-theme\.cache$/,
  ],
  [
    "indexes",
    /^\/etc\/ld\.so\.cache$|^\/usr\/share\/(info\/dir|mime\/(mime\.cache|magic)|glib-2\.0\/schemas\/gschemas\.compiled|applications\/mimeinfo\.cache)$|^\/var\/lib\/(systemd\/(catalog\/database|deb-systemd-helper-.*)|mlocate|man-db|command-not-found)(\/|$)|^\/usr\/lib\/udev\/hwdb\.bin$|\/gconv-modules\.cache$|^\/lib\/modules\/[^/]+\/modules\.[^/]+\.bin$/,
  ],
  ["logs", /^\/var\/log(\/|$)/],
  ["temporary", /^\/(tmp|var\/tmp|run|var\/run)(\/|$)/],
  ["machine-id", /^\/(etc|var\/lib\/dbus)\/machine-id$/],
  [
    "backups",
    /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$|\.(dpkg-(old|bak|dist|new)|ucf-(old|dist)|apk-new|rpm(new|save|orig))$/,
  ],
];
const accountFiles = /^\/etc\/(passwd|group|shadow|gshadow)$/;
/** What docker's export has that the image does not. */
const ofEngine = /^\/(\.dockerenv|dev(\/.*)?|proc|sys|etc\/(hosts|hostname|resolv\.conf|mtab))$/;

export interface NoiseFacts {
  /** Packages that were added, removed or changed. */
  readonly packages: ReadonlySet<string>;
  /** Whether users or groups are told to differ. */
  readonly accounts: boolean;
  /** Whether one of the images was read by an engine's export. */
  readonly engine: boolean;
}

const filtered: ReadonlySet<DiffTopic> = new Set(["unit", "kernel", "boot", "config", "file"]);
const rights: ReadonlySet<DiffTopic> = new Set(["setuid", "capability"]);
const harmless: ReadonlySet<string> = new Set(["file", "contents", "target"]);

/** @example noiseOf(changeOf("/etc/ld.so.cache"), facts) // "indexes" */
export function noiseOf(change: DiffChange, facts: NoiseFacts): DiffFilter | undefined {
  const { topic, kind, subject, details } = change;
  if (topic === "metadata") return subject === "created" ? "timestamps" : undefined;
  // Of a right that is there on both sides, new contents are as those of any file.
  if (!filtered.has(topic) && !(kind === "changed" && rights.has(topic))) return undefined;
  if (!details.every(({ of }) => harmless.has(of))) return undefined;
  if (facts.engine && ofEngine.test(subject)) return "engine";
  if (facts.accounts && accountFiles.test(subject)) return "accounts";
  const named = byPath.find(([, pattern]) => pattern.test(subject))?.[0];
  if (named !== undefined) return named;
  // What an administrator's file says is told whoever changed it; that it came with its package is not.
  const owned = change.package !== undefined && facts.packages.has(change.package);
  return owned && (topic !== "config" || kind !== "changed") ? "package-files" : undefined;
}
