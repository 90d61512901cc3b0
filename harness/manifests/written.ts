// Decides how objects of a cluster are written down: one YAML document each, so that readers of YAML 1.1 and of 1.2 read the same.
import { stringify } from "yaml";

/** Comments first, then the documents. */
export function writtenKube(comments: readonly string[], objects: readonly object[]): string {
  const head = comments.map((line) => `# ${line.replaceAll("\n", " ")}\n`).join("");
  return head + objects.map((each) => stringify(each, { version: "1.1", lineWidth: 0 })).join("---\n");
}
