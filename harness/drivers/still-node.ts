// Decides what an image at rest can be asked: probes that files alone answer, many in one passage. Everything that would run something
// is refused with the reason.
import type { Duplex } from "node:stream";
import type { Probe } from "../model/check.ts";
import { ObservationError, ProvisionError, TransportError } from "../model/errors.ts";
import { type Command, type ExecResult, sayCommand } from "../model/exec.ts";
import type { ImageFacts } from "../model/image.ts";
import type { Death, Node, StillNode } from "../model/node.ts";
import type { StillContents } from "../model/still.ts";
import { TreeQuestions } from "../transports/tree-questions.ts";

const hint = "declare it with container({ image: … }) to ask a running one";

export interface ImageNodeFacts {
  readonly title: string;
  readonly name: string;
  readonly contents: StillContents;
  readonly carrier: Node;
  readonly user?: string | undefined;
}

export class ImageNode implements StillNode {
  readonly kind = "image";
  readonly title: string;
  readonly name: string;
  readonly carrier: Node;
  readonly facts: Readonly<Record<string, string>>;
  /** What does not run does not die. */
  readonly died: Promise<Death> = new Promise(() => undefined);
  readonly #given: ImageNodeFacts;
  readonly #questions: TreeQuestions;

  constructor(given: ImageNodeFacts) {
    this.#given = given;
    this.title = given.title;
    this.name = given.name;
    this.carrier = given.carrier;
    this.facts = given.contents.facts;
    this.#questions = new TreeQuestions(given.contents.tree, given.title);
  }

  async exec(command: Command): Promise<ExecResult> {
    throw new TransportError({
      code: "not-running",
      phase: "exec",
      node: this.title,
      seen: `"${sayCommand(command)}" needs a running container, and this is an image at rest`,
      hint,
    });
  }

  async succeed(command: Command): Promise<string> {
    return (await this.exec(command)).stdout;
  }

  fail(command: Command): Promise<ExecResult> {
    return this.exec(command);
  }

  async connect(port: number): Promise<Duplex> {
    throw new TransportError({
      code: "not-running",
      phase: "exec",
      node: this.title,
      seen: `nobody listens on port ${port} of an image at rest`,
      hint,
    });
  }

  async observe<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<Answer> {
    const { user } = this.#given;
    if (probe.fromTree !== undefined && user === undefined) return this.#questions.ask(probe, subject);
    const what = user === undefined ? `"${probe.name}"` : `what ${user} may see`;
    throw new ObservationError({
      code: "not-running",
      phase: "observe",
      node: this.title,
      seen: `${what} needs a running container, and this is an image at rest`,
      hint,
    });
  }

  as(user: string): this {
    return new ImageNode({ ...this.#given, user }) as this;
  }

  async image(): Promise<ImageFacts> {
    const { image } = this.#given.contents;
    if (image !== undefined) return image;
    throw new ProvisionError({
      code: "no-configuration",
      phase: "observe",
      node: this.title,
      seen: "a bare directory says nothing of the image's configuration",
    });
  }
}
