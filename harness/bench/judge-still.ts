// Decides how an image at rest is judged where that is measured: in a process of its own, as a run does it once. Prints what it took;
// ends with 1 where an answer is wrong.
import { file } from "../checks/file.ts";
import { ImageNode } from "../drivers/still-node.ts";
import type { Node } from "../model/node.ts";
import { openStill } from "../store/still-image.ts";
import { stillFiles } from "./still-work.ts";

/** The line that is printed. */
export interface Judged {
  /** From the call that opens the archive to the last answer. */
  readonly ms: number;
  /** The most memory that the process had, in KiB. */
  readonly memory: number;
  readonly met: number;
}

/** Of how many files. */
const files = stillFiles.slice(0, Number(process.argv[3] ?? stillFiles.length));
const began = performance.now();
const contents = await openStill({
  still: "docker-archive",
  path: process.argv[2] ?? "",
  image: undefined,
  at: undefined,
});
// Nothing that is asked leads to the machine that would carry it.
const node: Node = new ImageNode({ title: "bench", name: "bench", contents, carrier: undefined as unknown as Node });
const answers = await Promise.all(
  files
    .flatMap(({ path, owner }) => [file(path).exists(), file(path).ownedBy(owner), file(path).ownedBy(owner, owner)])
    .map(async (check) => check.judge(await check.observe(node))),
);
const ms = performance.now() - began;
await contents.close();
const met = answers.filter((each) => "met" in each && each.met).length;
const judged: Judged = { ms, memory: process.resourceUsage().maxRSS, met };
console.log(JSON.stringify(judged));
process.exitCode = met === files.length * 3 ? 0 : 1;
