// Decides how certificates are read off a node: those of one file, and the authorities that its system trusts. That there are none is an
// answer; that a file could not be read is not. Judges no certificate.
import type { Node } from "../model/node.ts";
import { readCertificates, type Seen, storePaths } from "./certificate-chain.ts";
import { fileContents } from "./file-bytes.ts";
import { failedProbe } from "./unanswered.ts";

export async function certificatesOf(node: Node, path: string): Promise<Seen> {
  const contents = await node.observe(fileContents, path);
  if ("nothing" in contents) return { flaw: `${path} ${sayNothing(contents.nothing)}` };
  if (!contents.whole) throw failedProbe(`cannot read the certificates in ${path}`, "it is longer than what is read");
  return readCertificates(path, contents.bytes);
}

/** The bundle that the system's libraries read. */
export async function systemStore(node: Node): Promise<Seen> {
  const all = await Promise.all(storePaths.map((path) => certificatesOf(node, path)));
  return all.find((seen) => !("flaw" in seen)) ?? { flaw: `no bundle of authorities: ${storePaths.join(", ")}` };
}

export function sayNothing(nothing: "absent" | "irregular"): string {
  return nothing === "absent" ? "does not exist" : "is not a regular file";
}
