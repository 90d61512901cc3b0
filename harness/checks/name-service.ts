// Decides how passwd, group and shadow are asked for on a node: by getent, whoever wrote it, else from the files. Refuses to take one
// getent's end at an unknown name for an answer about the names after it.
import { quoteWord } from "../model/check.ts";

/** Status of the script where it printed a whole database, because the node has no getent. */
export const byFile = 78;

/**
 * Shell text that prints lines of a database in /etc, by getent: glibc's goes on after a name that it does not know, musl's (Alpine) ends
 * there. A node without getent (busybox alone) has a C library that knows no other place than the file.
 */
export function askNameService(database: "passwd" | "group" | "shadow", names: readonly string[]): string {
  const words = names.map(quoteWord).join(" ");
  return `export LC_ALL=C
if command -v getent >/dev/null; then
  getent ${database} ${words}; status=$?
  [ $status = 2 ] || exit $status
  for name in ${words}; do getent ${database} "$name"; done
  exit 2
fi
command -v cat >/dev/null && [ -e /etc/${database} ] || exit 127
cat /etc/${database} && exit ${byFile}`;
}
