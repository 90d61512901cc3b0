// Decides how a program is ended on a node when nothing is known of it but a variable that it was started with. Its children
// have the variable too, and no pid can be mistaken for it.

/** Name of the variable. Only engines that leave cut programs running are given it. */
export const markVariable = "ASSAY_EXEC";

/**
 * Kills what has the mark `$1`; the shell that runs this must not have it. Built-ins alone: shells leave out the NULs that they read,
 * where busybox's grep ends a line at the first. Twice, because what is forked while the list is read is not in it.
 */
export const killMarkedScript = [
  "for round in 1 2; do for file in /proc/[0-9]*/environ; do",
  'while line=; read -r line || [ -n "$line" ]; do',
  `case $line in *"${markVariable}=$1"*) pid=\${file#/proc/}; kill -KILL "\${pid%/environ}"; break ;; esac`,
  'done <"$file"',
  "done; done 2>/dev/null; :",
].join("\n");
