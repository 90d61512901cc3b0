// Decides which sentences can be said about what a container's main process printed.
import type { ContainerNode } from "../model/node.ts";
import { about, verdict } from "./question.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

/** The main process's standard output and error. @example await expect(db).toMeet(logs().contain(/ready to accept/), { within: "30s" }); */
export function logs() {
  const ask = about<ContainerNode, string>({
    subject: "logs",
    command: "docker logs CONTAINER",
    observe: (node) => node.logs(),
  });
  return {
    /** Text or pattern occurs in what was printed so far. */
    contain: (wanted: Wanted) =>
      ask(`contain ${sayWanted(wanted)}`, (seen) =>
        verdict(
          occurs(wanted, seen),
          sayWanted(wanted),
          occurs(wanted, seen) ? `it has ${sayWanted(wanted)}` : lastLines(seen),
        ),
      ),
  };
}

/** The end of a log says why something has not come yet. */
export function lastLines(text: string): string {
  const most = 10;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return "nothing was printed";
  const told = lines.slice(-most).map((line) => `  ${line.slice(0, 200)}`);
  return `${lines.length} lines, the last of them:\n${told.join("\n")}`;
}
