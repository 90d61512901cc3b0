// Decides how text becomes a child's standard input where the child opens that anew, as virsh and nft do: a socket, as Node's pipes are,
// does not allow it.
import { randomUUID } from "node:crypto";
import { openSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An open file without a name, which goes when it is closed. */
export function nameless(text: string): number {
  const path = join(tmpdir(), `assay-${randomUUID()}`);
  const file = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  // At its beginning, where the child finds it, whether it opens it anew or reads on.
  writeSync(file, text, 0);
  return file;
}
