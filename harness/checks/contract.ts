// Decides what every probe must do when it cannot ask, as a suite that each probe runs for real, in a shell.
// A probe that turned any of this into an answer would make `.not` pass on a broken node.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Probe } from "../model/check.ts";
import { HarnessError, ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";

export interface ProbeUnderTest<Subject, Answer> {
  readonly probe: Probe<Subject, Answer>;
  /** Something that the probe can see on the node. */
  readonly subject: Subject;
  /** The programs it needs, as commands of the shell. */
  readonly tools: readonly string[];
  /** Its tools print nothing but what they were asked to show, so that no output of theirs is wrong. */
  readonly anyBytes?: boolean;
  /** What this node lacks, so that here the probe can only be broken: it answers in the contract tests, on nodes that have it. */
  readonly elsewhere?: string;
}

/** Runs the contract on a node with a POSIX shell; `open` makes one that `close` ends. */
export function probeContract<Subject, Answer>(
  open: () => Node & { close(): Promise<void> },
  { probe, subject, tools, anyBytes = false, elsewhere }: ProbeUnderTest<Subject, Answer>,
): void {
  describe(`the probe "${probe.name}" never turns "I could not ask" into an answer`, () => {
    let node: Node & { close(): Promise<void> };
    let directory: string;
    beforeAll(async () => {
      node = open();
      directory = await node.succeed(["mktemp", "-d"]);
    });
    afterAll(async () => {
      await node.succeed(["rm", "-r", directory]);
      await node.close();
    });
    const preceded = (shellText: string): Probe<Subject, Answer> => ({
      ...probe,
      script: (subjects) => `${shellText}\n${probe.script(subjects)}`,
    });
    /** The probe, with a program of our own in the place of one of its tools. */
    const instead = async (tool: string, script: string) => {
      const path = `${directory}/${tool}`;
      await node.succeed(["sh", "-c", 'printf "#!/bin/sh\\n%s\\n" "$1" >"$2"; chmod 755 "$2"', "sh", script, path]);
      return preceded(`PATH=${directory}:$PATH`);
    };
    const rejection = async (answer: Promise<Answer>) =>
      answer.then(
        (seen) => expect.unreachable(`it answered ${JSON.stringify(seen)}`),
        (error: unknown) => error,
      );

    if (elsewhere === undefined)
      test("it answers where nothing is wrong", async () => {
        expect(await node.observe(probe, subject)).toBeDefined();
      });

    test("a missing tool is named", async () => {
      const error = await rejection(node.observe(preceded("PATH=/nonexistent"), subject));
      expect(error).toBeInstanceOf(ObservationError);
      expect(error).toMatchObject({ code: "probe-missing", phase: "observe", hint: expect.stringContaining("image") });
      expect((error as ObservationError).seen).toContain(tools[0]);
    });

    test.each(anyBytes ? [] : tools)("another program that goes by the name of %s is not believed", async (tool) => {
      const error = await rejection(node.observe(await instead(tool, "echo nonsense: is all it says"), subject));
      expect(error).toBeInstanceOf(ObservationError);
    });

    test.each(tools)("a %s that says nothing is not believed", async (tool) => {
      expect(await rejection(node.observe(await instead(tool, ":"), subject))).toBeInstanceOf(ObservationError);
    });

    test.each(tools)("a %s that fails without a word is not believed", async (tool) => {
      expect(await rejection(node.observe(await instead(tool, "exit 3"), subject))).toBeInstanceOf(ObservationError);
    });

    test("a node that is gone rejects", async () => {
      const gone = open();
      await gone.close();
      const error = await Promise.resolve()
        .then(() => gone.observe(probe, subject))
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      expect(error).toBeInstanceOf(HarnessError);
    });
  });
}
