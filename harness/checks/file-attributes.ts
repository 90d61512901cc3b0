// Decides how extended attributes are seen: with getfattr, one for all files; where it is not there, in what GNU tar writes of each file.
// A symbolic link is looked at itself. What the attributes mean is not decided here.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { failedProbe, missingTool, pathFailure, unreadable } from "./unanswered.ts";

/** Values by full names: `security.capability`, `user.origin`, `system.posix_acl_access`. */
export type FileAttributes = ReadonlyMap<string, Buffer>;

/** More than the kernel keeps of one file on the file systems of images. */
const headerLimit = 1024 * 1024;

/**
 * Subject: an absolute path. Answer: its extended attributes, none where the file system keeps none; `undefined` where nothing is.
 * Attributes of the name space `trusted` are seen by root alone.
 */
export const fileAttributes: Probe<string, FileAttributes | undefined> = {
  name: "getfattr",
  script: (paths) => `export LC_ALL=C
case "$(getfattr --version 2>/dev/null)" in "getfattr "[0-9]*)
  printf 'getfattr\\0'
  getfattr -h -d -m - -e hex --absolute-names -- ${paths.map(quoteWord).join(" ")}
  ${endFrame('"$?"')}
  exit 0
esac
case "$(tar --version 2>/dev/null)" in "tar (GNU tar)"*) ;; *) exit 127; esac
command -v head >/dev/null || exit 127
printf 'tar\\0'
for path in ${paths.map(quoteWord).join(" ")}; do
  if [ -e "$path" ] || [ -L "$path" ]; then
    tar -P --no-recursion --format=pax --xattrs --xattrs-include='*' -cf - -- "$path" | head -c ${headerLimit}; ${endFrame("seen")}
  else ${endFrame('"$( { : <"$path"; } 2>&1)"')}; fi
done`,
  async fromTree(tree, paths) {
    const entries = await tree.look(paths);
    return entries.map((entry, index) => {
      if (entry === undefined || entry instanceof Error) return entry;
      // Node reads no attributes, so that a directory on this machine is a tree that cannot tell.
      return entry.attributes ?? failedProbe(`cannot see the attributes of ${paths[index]}`, "only archives tell them");
    });
  },
  parse(output, paths) {
    if (output.status === 127) throw missingTool("getfattr (attr) or GNU tar", "extended attributes");
    const end = output.stdout.indexOf(0);
    const tool = output.stdout.toString("utf8", 0, Math.max(end, 0));
    const rest = { ...output, stdout: output.stdout.subarray(end + 1) };
    if (tool === "getfattr") return readDump(readFrames("getfattr", rest, 1)[0] as Frame, output.stderr, paths);
    if (tool !== "tar") throw unreadable("getfattr", output);
    // Such a tar writes the file all the same, without a word of its attributes.
    if (/XATTR support is not available/i.test(output.stderr))
      throw missingTool("getfattr (attr) or GNU tar that was built with attributes", "extended attributes");
    const blind = /^.*: Warning: Cannot \w*xattr.*$/m.exec(output.stderr)?.[0];
    if (blind !== undefined) throw failedProbe("cannot see extended attributes", blind);
    const frames = readFrames("tar", rest, paths.length);
    return paths.map((path, index) => {
      const { bytes, words } = frames[index] as Frame;
      if (words !== "seen") return pathFailure(path, words.trim().split(": ").at(-1) ?? "");
      return (
        paxAttributes(bytes) ?? failedProbe(`cannot read the attributes of ${path}`, output.stderr.trim().slice(0, 300))
      );
    });
  },
};

/** `getfattr -d -e hex`: a block for each file that has attributes, its name escaped as `\012`. */
function readDump({ bytes, words }: Frame, stderr: string, paths: readonly string[]) {
  const text = bytes.toString("latin1");
  const blocks = new Map<string, FileAttributes>();
  for (const block of text.split("\n\n").filter((each) => each.trim() !== "")) {
    const [head = "", ...lines] = block.split("\n");
    const name = /^# file: (.*)$/.exec(head)?.[1];
    const pairs = lines.filter(Boolean).map((line) => /^([^=]+)=?(?:0x([0-9a-f]*))?$/i.exec(line));
    if (name === undefined || pairs.includes(null))
      throw unreadable("getfattr", { stdout: bytes, stderr, status: Number(words) });
    const unescaped = name.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    blocks.set(
      Buffer.from(unescaped, "latin1").toString("utf8"),
      new Map(pairs.map((pair) => [pair?.[1] ?? "", Buffer.from(pair?.[2] ?? "", "hex")])),
    );
  }
  const failures = stderr.split(/^getfattr: /m).slice(1);
  const ofNone = failures.some((line) => !paths.some((path) => line.startsWith(`${path}: `)));
  if (ofNone || (Number(words) !== 0 && failures.length === 0))
    throw unreadable("getfattr", { stdout: bytes, stderr, status: Number(words) });
  return paths.map((path) => {
    const attributes = blocks.get(path);
    if (attributes !== undefined) return attributes;
    const reason = failures
      .find((line) => line.startsWith(`${path}: `))
      ?.slice(path.length + 2)
      .trim();
    if (reason === undefined) return new Map<string, Buffer>();
    return /not supported/i.test(reason) ? new Map<string, Buffer>() : pathFailure(path, reason);
  });
}

const block = 512;

/**
 * The attributes in the extended header that an archive of one file begins with (POSIX pax; the records are those of star and GNU tar,
 * `SCHILY.xattr.NAME`). `undefined` where the bytes are no archive, or end within the header.
 */
export function paxAttributes(archive: Buffer): FileAttributes | undefined {
  if (archive.length < block || archive.toString("latin1", 257, 262) !== "ustar") return undefined;
  const found = new Map<string, Buffer>();
  if (archive.toString("latin1", 156, 157) !== "x") return found;
  const size = Number.parseInt(archive.toString("latin1", 124, 136), 8);
  const end = block + size;
  if (!Number.isSafeInteger(end) || archive.length < end) return undefined;
  for (let at = block; at < end; ) {
    const space = archive.indexOf(0x20, at);
    const length = Number(archive.toString("latin1", at, space));
    const equals = archive.indexOf(0x3d, space);
    if (space === -1 || !Number.isSafeInteger(length) || length <= 0 || at + length > end || equals > at + length)
      return undefined;
    const key = archive.toString("utf8", space + 1, equals);
    if (key.startsWith("SCHILY.xattr."))
      found.set(
        key.slice("SCHILY.xattr.".length).replaceAll("%3D", "=").replaceAll("%25", "%"),
        archive.subarray(equals + 1, at + length - 1),
      );
    at += length;
  }
  return found;
}
