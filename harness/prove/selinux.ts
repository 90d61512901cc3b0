// Decides which changes of SELinux a spec ought to notice that asks for it: another label, a boolean the other way round, a machine that
// denies nothing. Where there is no SELinux none applies, which is said and not counted.
import type { FileLabel } from "../checks/file-label.ts";
import type { LabelSubject } from "../checks/selinux-label.ts";
import type { NoSelinux } from "../checks/selinux-policy.ts";
import type { SelinuxState } from "../checks/selinux-state.ts";
import { byScript, type Made, notHere, type Observation } from "./mutation.ts";

const labelled = (path: string) => `give ${path} another label`;

/** Nothing else of the file changes, so that nothing is kept of it. */
function relabel(seen: Observation, path: string): Made {
  return byScript(seen, "label", labelled(path), {
    paths: [],
    args: [path],
    look: 'stat -c %C -- "$1"',
    // Debian's policy and Fedora's have both types.
    change: `guard "$1" && stat -c %C -- "$1" >"$kept/label" || return
case $(cat "$kept/label") in *:tmp_t | *:tmp_t:*) type=etc_t ;; *) type=tmp_t ;; esac
chcon -h -t "$type" -- "$1"`,
    undo: 'read -r label <"$kept/label"; chcon -h -- "$label" "$1"',
  });
}

/** Of a file's label. */
export function ofLabel(seen: Observation): readonly Made[] {
  const path = String(seen.subject);
  const label = seen.answer as FileLabel | undefined;
  if (label === undefined) return [];
  if (!label.selinux) return [notHere(seen, labelled(path), "the node's kernel has no SELinux")];
  return label.label === "none"
    ? [notHere(seen, labelled(path), "its file system has no labels")]
    : [relabel(seen, path)];
}

/** Of labels that are the policy's. */
export function ofLabels(seen: Observation): readonly Made[] {
  const { path } = seen.subject as LabelSubject;
  const without = whyNot(seen.answer);
  if (without !== undefined) return [notHere(seen, labelled(path), without)];
  return Array.isArray(seen.answer) && seen.answer.length === 0 ? [relabel(seen, path)] : [];
}

/** Of a boolean in force. */
export function ofBoolean(seen: Observation): readonly Made[] {
  const name = String(seen.subject);
  const what = `turn the boolean ${name} round`;
  const without = whyNot(seen.answer);
  if (without !== undefined) return [notHere(seen, what, without)];
  if (typeof seen.answer !== "boolean") return [];
  return [
    byScript(seen, "label", what, {
      paths: [],
      args: [name, seen.answer ? "off" : "on", seen.answer ? "on" : "off"],
      look: 'getsebool "$1"',
      change: 'setsebool "$1" "$2"',
      undo: 'setsebool "$1" "$3"',
    }),
  ];
}

/** Of the mode. */
export function ofMode(seen: Observation): readonly Made[] {
  const state = seen.answer as SelinuxState | undefined;
  const what = "let SELinux deny nothing";
  if (state?.mode === "disabled") return [notHere(seen, what, state.why)];
  // What the next boot will be, and which policy there is, is seen with it.
  const titles = seen.titles.filter((title) => / is (enforcing|permissive)$/.test(title));
  if (state?.mode !== "enforcing" || titles.length === 0) return [];
  const script = {
    paths: [],
    look: "cat /sys/fs/selinux/enforce; echo",
    change: "setenforce 0",
    undo: "setenforce 1",
  };
  return [{ ...byScript(seen, "label", what, script), titles }];
}

function whyNot(answer: unknown): string | undefined {
  return (answer as NoSelinux | null | undefined)?.without;
}
