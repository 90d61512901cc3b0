// Decides how mounted file systems are seen: one `findmnt` and one `stat -f` for all, `tune2fs -l` for what the last fsck left. Without
// findmnt (Alpine) the kernel's table tells what is mounted, and nothing of UUIDs and labels.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { readMountLine } from "./mount.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface FileSystemFacts {
  readonly type: string;
  /** `/dev/vda1`, `tmpfs`, `overlay` */
  readonly source: string;
  readonly uuid: string | undefined;
  readonly label: string | undefined;
  /** The node has no findmnt: nobody knows its UUID and label. */
  readonly nameless?: true;
  readonly bytes: number;
  /** What an ordinary user may still write; root may use more. */
  readonly freeBytes: number;
  readonly inodes: number;
  readonly freeInodes: number;
}

/** Subject: a mount point. Answer: the file system mounted there, the uppermost of several; `undefined` for none. */
export const fileSystemFacts: Probe<string, FileSystemFacts | undefined> = {
  name: "findmnt and stat -f",
  script: (targets) => `export LC_ALL=C
command -v stat >/dev/null || exit 127
if ! command -v findmnt >/dev/null; then
  command -v cat >/dev/null || exit 127
  cat /proc/self/mountinfo; ${endFrame("mountinfo")}
  for target in ${targets.map(quoteWord).join(" ")}; do
    sizes=$(stat -f -c '%S %b %a %c %d' "$target") && printf '%s\\0%s\\0%s\\0%s\\0%s\\0%s\\0' "$target" $sizes
  done; ${endFrame('"$?"')}
  exit 0
fi
findmnt -J -l -o TARGET,SOURCE,FSTYPE,UUID,LABEL; ${endFrame('"$?"')}
stat -f --printf '%n\\0%S\\0%b\\0%a\\0%c\\0%d\\0' -- ${targets.map(quoteWord).join(" ")}; ${endFrame('"$?"')}`,
  parse(output, targets) {
    if (output.status === 127) throw missingTool("findmnt or stat", "a file system");
    const [mounted, measured] = readFrames("findmnt and stat -f", output, 2);
    const text = mounted?.bytes.toString("utf8") ?? "";
    const mounts = mounted?.words === "mountinfo" ? readMountTable(text) : readMounts(text);
    if (!["0", "mountinfo"].includes(mounted?.words ?? "") || mounts === undefined || mounts.size === 0)
      throw unreadable("findmnt -J", output);
    const fields = measured?.bytes.toString("utf8").split("\0") ?? [];
    if (fields.length % 6 !== 1) throw unreadable("stat -f", output);
    const sizes = new Map<string, readonly number[]>();
    for (let at = 0; at + 6 < fields.length; at += 6)
      sizes.set(fields[at] ?? "", fields.slice(at + 1, at + 6).map(Number));
    return targets.map((target) => {
      const mount = mounts.get(target);
      if (mount === undefined) return undefined;
      const size = sizes.get(target);
      if (size === undefined || size.some(Number.isNaN))
        return /: Permission denied$/m.test(output.stderr)
          ? denied(`cannot measure ${target}`, output.stderr.trim())
          : unreadable("stat -f", output);
      const [block = 0, blocks = 0, free = 0, inodes = 0, freeInodes = 0] = size;
      return { ...mount, bytes: block * blocks, freeBytes: block * free, inodes, freeInodes };
    });
  },
};

export interface CheckState {
  /** ext's word for it: `clean`, `not clean`, `clean with errors`. */
  readonly state: string;
  /** Errors that the kernel has counted since the last fsck. */
  readonly errors: number;
}

/** Subject: a device with an ext file system. Answer: what its superblock says of the last fsck and of errors since. */
export const checkState: Probe<string, CheckState> = {
  name: "tune2fs -l",
  script: (devices) => `export LC_ALL=C
command -v tune2fs >/dev/null || exit 127
for device in ${devices.map(quoteWord).join(" ")}; do tune2fs -l "$device" 2>&1; ${endFrame('"$?"')}; done`,
  parse(output, devices) {
    if (output.status === 127) throw missingTool("tune2fs", "what the last fsck left");
    return readFrames("tune2fs -l", output, devices.length).map(({ bytes, words }, index) => {
      const said = bytes.toString("utf8");
      const reason = /^tune2fs: (.+) while trying to open /m.exec(said)?.[1];
      if (reason !== undefined)
        return /permission denied/i.test(reason)
          ? denied(`cannot read ${devices[index]}`, reason)
          : failedProbe(`cannot read ${devices[index]}`, reason);
      const state = /^Filesystem state: +(.+)$/m.exec(said)?.[1];
      if (words !== "0" || state === undefined) return unreadable("tune2fs -l", output);
      return { state: state.trim(), errors: Number(/^FS Error count: +(\d+)$/m.exec(said)?.[1] ?? 0) };
    });
  },
};

type Mounted = Pick<FileSystemFacts, "type" | "source" | "uuid" | "label" | "nameless">;

/** The kernel's table, in which a later line covers an earlier one at the same place. `undefined` for anything else. */
function readMountTable(text: string): ReadonlyMap<string, Mounted> | undefined {
  const mounts = text.split("\n").filter(Boolean).map(readMountLine);
  if (mounts.includes(undefined)) return undefined;
  return new Map(
    mounts
      .filter((mount) => mount !== undefined)
      .map(({ target, type, source }) => [target, { type, source, uuid: undefined, label: undefined, nameless: true }]),
  );
}

/** `undefined` for anything but findmnt's JSON. */
function readMounts(text: string): ReadonlyMap<string, Mounted> | undefined {
  try {
    const { filesystems } = JSON.parse(text) as { filesystems: readonly Record<string, string | null>[] };
    return new Map(
      filesystems.map(({ target, source, fstype, uuid, label }) => {
        if (!target || !fstype) throw new TypeError("not a mount of findmnt's");
        return [target, { type: fstype, source: source ?? "", uuid: uuid ?? undefined, label: label ?? undefined }];
      }),
    );
  } catch {
    return undefined;
  }
}
