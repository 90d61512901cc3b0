// Decides how the files of a machine's tree get their SELinux labels: by the tree's own policy and tool, after everything else was
// done to it. The host's kernel need not know SELinux.
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import { runTool, stepFailed, type Workplace } from "./steps-tool.ts";
import { inTree } from "./tree-path.ts";

/** Labels every file of the tree. Rejects with `no-policy` where the tree lacks the policy or `setfiles`. */
export async function labelTree(place: Workplace, policy: string): Promise<void> {
  const contexts = `/etc/selinux/${policy}/contexts/files/file_contexts`;
  for (const [path, brings] of [
    [contexts, `the policy "${policy}"`],
    ["/usr/sbin/setfiles", "policycoreutils"],
  ] as const) {
    const there = await access(await inTree(place.tree, path)).then(
      () => true,
      () => false,
    );
    if (there) continue;
    throw new ProvisionError({
      code: "no-policy",
      phase: "build",
      node: place.recipe,
      seen: `the tree has no ${path}`,
      hint: `install ${brings} in a step`,
    });
  }
  // mke2fs makes it, without a label, unless it is there.
  await mkdir(join(place.tree, "lost+found"), { recursive: true, mode: 0o700 });
  // Seen through a bind mount of its own, the tree is without the mount that setfiles needs to run, and nothing is lent to it:
  // what a step would see another file in the place of, as /etc/resolv.conf, is labelled too.
  const script =
    'mount -t proc proc "$1/proc" && mount --bind "$1" "$1/mnt" && exec chroot "$1" setfiles -F -r /mnt "$2" /mnt';
  const status = await runTool(place, ["sh", "-c", script, "sh", place.tree, contexts]);
  if (status !== 0) {
    const last = place.log.lines.filter((line) => !line.startsWith("$ ")).slice(-3);
    throw stepFailed(place, {
      code: "label-failed",
      seen: `setfiles ended with status ${status}: ${last.join(" / ")}`,
    });
  }
}
