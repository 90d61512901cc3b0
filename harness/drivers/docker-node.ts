// Decides what a container can do as a node: the common vocabulary, and the engine's verbs.
import { spawn } from "node:child_process";
import { basename, dirname } from "node:path";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import type { Probe } from "../model/check.ts";
import { type ContainerDeclaration, type ReadyOptions, readReady } from "../model/container.ts";
import { DeclarationError, ProvisionError, TransportError } from "../model/errors.ts";
import { type Command, type ExecOptions, type ExecResult, sayCommand } from "../model/exec.ts";
import type { ImageFacts } from "../model/image.ts";
import type { Card, ConnectOptions, ContainerNode, ContainerState, Death, Node } from "../model/node.ts";
import type { Transport } from "../transports/transport.ts";
import { cardsOf, portOf } from "./bridge-ports.ts";
import { statusNamed } from "./docker-dialect.ts";
import { engineError, isGone, statusOf } from "./docker-engine.ts";
import { imageFacts } from "./docker-image.ts";
import { type ContainerLife, endsByItself, sayDeath } from "./docker-life.ts";
import { readLog } from "./docker-logs.ts";
import { inspectNode } from "./docker-namespace.ts";
import { busyboxTarget, hasBusybox } from "./docker-tools.ts";
import { ShellNode } from "./shell-node.ts";
import { bothEnded, tarEnded } from "./tar-end.ts";

/** How long the engine may take to note that a container has ended whose processes are gone. */
const mostSettlingMs = 10_000;

/** Docker's own default, said each time: podman kills at once where nothing is said. */
const usualStopMs = 10_000;

export interface DockerNodeFacts {
  readonly title: string;
  readonly name: string;
  readonly transport: Transport;
  readonly user?: string | undefined;
  readonly docker: Docker;
  readonly container: Docker.Container;
  readonly life: ContainerLife;
  readonly carrier: Node;
  /** The engine's processes are this machine's. */
  readonly here: boolean;
  /** As the engine told them when the container started last. */
  readonly inspected: { facts: Docker.ContainerInspectInfo };
  readonly stopTimeoutMs: number | undefined;
  /** `docker`, `podman` */
  readonly engine: string;
  /** Network of the environment → network of the engine. */
  readonly networks: ReadonlyMap<string, string>;
  /** Waits until the node is ready again: as it was declared, or as `meant`. */
  readonly ready: (node: ContainerNode, meant?: ContainerDeclaration["ready"]) => Promise<void>;
}

/** A container of a docker engine. */
export class DockerNode extends ShellNode implements ContainerNode {
  readonly kind = "container";
  readonly carrier: Node;
  readonly #facts: DockerNodeFacts;

  constructor(facts: DockerNodeFacts) {
    super(facts);
    this.#facts = facts;
    this.carrier = facts.carrier;
  }

  get id(): string {
    return this.#facts.container.id;
  }

  get facts(): Readonly<Record<string, string>> {
    const probedBy = hasBusybox(this.#facts.inspected.facts) ? "busybox" : "image";
    // What the engine made it of, whatever its name stands for by now.
    return { engine: this.#facts.engine, probedBy, image: this.#facts.inspected.facts.Image };
  }

  get died(): Promise<Death> {
    return this.#facts.life.died;
  }

  as(user: string): this {
    return new DockerNode({ ...this.#facts, user }) as this;
  }

  override async exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    const result = await this.#explained(super.exec(command, options));
    const { signal } = result;
    if (signal !== undefined)
      this.#facts.life.tell({ sign: "signalled", at: Date.now(), signal, words: sayCommand(command) });
    return result;
  }

  override observe<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<Answer> {
    return this.#explained(super.observe(probe, subject));
  }

  override connect(port: number, options: ConnectOptions = {}): Promise<Duplex> {
    return this.#explained(super.connect(port, options));
  }

  async stop(): Promise<{ status: number; tookMs: number }> {
    const began = performance.now();
    const t = Math.ceil((this.#facts.stopTimeoutMs ?? usualStopMs) / 1000);
    await this.#ending(() => this.#facts.container.stop({ t }), [304]);
    const { exitCode } = await this.state();
    return { status: exitCode, tookMs: performance.now() - began };
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (signal === "SIGKILL") await this.#ending(() => this.#facts.container.kill({ signal }));
    else {
      // Whether it ends by it, and when, is its own affair.
      this.#facts.life.provoke();
      await this.#verb(() => this.#facts.container.kill({ signal }));
    }
  }

  async crash(): Promise<void> {
    const { State } = await this.#verb(() => this.#facts.container.inspect());
    if (!State.Running)
      throw new ProvisionError({
        code: "not-running",
        phase: "exec",
        node: this.title,
        seen: `there is nothing to kill: the container is ${statusNamed(State.Status)}`,
      });
    const over = new AbortController();
    try {
      const ended = this.#facts.life.next(({ action }) => action === "die", over.signal);
      this.#facts.life.provoke();
      await this.carrier.succeed(["kill", "-KILL", String(State.Pid)]);
      await Promise.race([ended, pause(mostSettlingMs, undefined, { signal: over.signal, ref: false })]);
    } finally {
      over.abort();
    }
  }

  async start({ ready }: { readonly ready?: ReadyOptions } = {}): Promise<void> {
    const meant = ready === undefined ? undefined : readReady(ready);
    await this.#verb(() => this.#facts.life.heard());
    const { State } = await this.#verb(() => this.#facts.container.inspect());
    if (!State.Running) await this.#facts.life.toldOver(mostSettlingMs);
    this.#facts.life.begin();
    if (meant !== undefined && endsByItself(meant)) this.#facts.life.mayEnd();
    await this.#verb(() => this.#facts.container.start(), [304]);
    // A free port and an address may be others in the new life.
    this.#facts.inspected.facts = await this.#verb(() => inspectNode(this.#facts.docker, this.id));
    await this.#facts.ready(this, meant);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async pause(): Promise<void> {
    await this.#verb(() => this.#facts.container.pause());
  }

  async unpause(): Promise<void> {
    await this.#verb(() => this.#facts.container.unpause());
  }

  async copyTo(source: string, targetDirectory: string): Promise<void> {
    await this.#mustBeThere(targetDirectory, "to");
    const tar = spawn(
      "tar",
      ["--create", "--owner=0", "--group=0", "--numeric-owner", "--directory", dirname(source), "--", basename(source)],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const put = this.#verb(() => this.#facts.container.putArchive(tar.stdout, { path: targetDirectory }));
    await bothEnded(tar, [put, tarEnded(tar, this.title, source)]);
  }

  async copyFrom(source: string, targetDirectory: string): Promise<void> {
    await this.#mustBeThere(source, "from");
    const archive = await this.#verb(() => this.#facts.container.getArchive({ path: source }));
    const tar = spawn("tar", ["--extract", "--no-same-owner", "--directory", targetDirectory], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    const fed = pipeline(archive as NodeJS.ReadableStream, tar.stdin).catch(() => undefined); // tar's own words are better
    await bothEnded(tar, [fed, tarEnded(tar, this.title, targetDirectory)]);
  }

  async logs(): Promise<string> {
    return this.#verb(() => readLog(this.#facts.container));
  }

  mountSource(target: string): string {
    const mounts = this.#facts.inspected.facts.Mounts.filter(
      ({ Source, Type, Destination }) => Source !== "" && Type !== "tmpfs" && Destination !== busyboxTarget,
    );
    const [mount] = mounts
      .filter(({ Destination }) => target === Destination || target.startsWith(`${Destination}/`))
      .sort((a, b) => b.Destination.length - a.Destination.length);
    if (mount === undefined) {
      throw new DeclarationError({
        code: "no-mount",
        node: this.title,
        seen: `${this.title} has nothing with a host side mounted at ${target}`,
        hint: `it has ${mounts.map(({ Destination }) => Destination).join(", ") || "no mounts"}`,
      });
    }
    return mount.Source + target.slice(mount.Destination.length);
  }

  address(network?: string): string {
    const known = Object.entries(this.#facts.inspected.facts.NetworkSettings.Networks);
    const wanted = network === undefined ? known[0]?.[0] : this.#facts.networks.get(network);
    const found = known.find(([name]) => name === wanted)?.[1].IPAddress;
    if (found === undefined || found === "")
      throw new DeclarationError({
        code: "no-address",
        node: this.title,
        seen: `${this.title} has no address${network === undefined ? "" : ` on network "${network}"`}`,
      });
    return found;
  }

  async cards(): Promise<readonly Card[]> {
    const { here, inspected, networks } = this.#facts;
    const seen = here ? cardsOf(inspected.facts.State.Pid) : [];
    const known = Object.entries(inspected.facts.NetworkSettings.Networks);
    const cards = known.flatMap(([engines, { MacAddress }]): Card[] => {
      const mac = (MacAddress ?? "").toLowerCase();
      const network = [...networks].find(([, name]) => name === engines)?.[0] ?? engines;
      const peer = seen.find((each) => each.mac === mac);
      const port = peer === undefined ? undefined : portOf(peer);
      return port === undefined ? [] : [{ network, mac, port }];
    });
    if (cards.length > 0) return cards;
    throw new DeclarationError({
      code: "not-on-a-bridge",
      node: this.title,
      seen: `${this.title} has no card that can be seen on a bridge of this machine`,
      hint: here
        ? "it has one while it runs, on a network of an engine that runs as root"
        : "name the machine that carries it, or use this machine's engine",
    });
  }

  port(containerPort: number): { host: string; port: number } {
    const { Ports } = this.#facts.inspected.facts.NetworkSettings;
    const [bound] = Ports[`${containerPort}/tcp`] ?? Ports[`${containerPort}/udp`] ?? [];
    if (bound === undefined)
      throw new DeclarationError({
        code: "no-port",
        node: this.title,
        seen: `${this.title} publishes no port ${containerPort}`,
        hint: `add ${containerPort} to its ports`,
      });
    return { host: bound.HostIp, port: Number(bound.HostPort) };
  }

  async state(): Promise<ContainerState> {
    const { State, RestartCount } = await this.#verb(() => this.#facts.container.inspect());
    return {
      status: statusNamed(State.Status),
      exitCode: State.ExitCode,
      oomKilled: State.OOMKilled,
      health: (State.Health?.Status as ContainerState["health"] | "" | undefined) || "none",
      restarts: RestartCount ?? 0,
    };
  }

  async image(): Promise<ImageFacts> {
    const facts = await imageFacts(this.#facts.docker, this.#facts.inspected.facts.Image);
    if (facts === undefined)
      throw new ProvisionError({
        code: "image-missing",
        phase: "observe",
        node: this.title,
        seen: `the engine no longer has the image ${this.#facts.inspected.facts.Image}`,
      });
    return facts;
  }

  /** Docker refuses to put something into what is not there; podman makes the directory and says nothing, and does not name what it lacks. */
  async #mustBeThere(path: string, way: "to" | "from"): Promise<void> {
    try {
      await this.#facts.container.infoArchive({ path });
    } catch (error) {
      if (!isGone(error)) throw engineError(error, "exec", this.title);
      throw new ProvisionError({
        code: "copy-failed",
        phase: "exec",
        node: this.title,
        seen: `there is no ${path} to copy ${way}`,
        ...(way === "to" ? { hint: "make the directory first" } : {}),
        cause: error,
      });
    }
  }

  /** `fine`: answers of the engine that mean the same as success. */
  async #verb<Answer>(call: () => Promise<Answer>, fine: readonly number[] = []): Promise<Answer> {
    try {
      return await call();
    } catch (error) {
      if (fine.includes(statusOf(error) ?? 0)) return undefined as Answer;
      throw engineError(error, "exec", this.title);
    }
  }

  /**
   * Ends this life by `call`; resolves when the engine has told of the end, so that it is not taken for the next life's. Where its events
   * were lost, it is asked for the state.
   */
  async #ending(call: () => Promise<unknown>, already: readonly number[] = []): Promise<void> {
    const over = new AbortController();
    const ended = this.#facts.life.next(({ action }) => action === "die", over.signal);
    this.#facts.life.expectEnd();
    try {
      const was = await this.#verb(async () => {
        await call();
        return "running";
      }, already);
      if (was !== "running") return;
      const told = await Promise.race([ended, pause(mostSettlingMs, undefined, { signal: over.signal, ref: false })]);
      if (told !== undefined) return;
      if ((await this.state()).status === "running")
        throw new ProvisionError({
          code: "still-running",
          phase: "exec",
          node: this.title,
          seen: `the engine said that it ended the container, which runs on ${mostSettlingMs / 1000} s later`,
          hint: "look at the engine's own log",
        });
      this.#facts.life.over();
    } finally {
      over.abort();
    }
  }

  /** A lost connection to a container that has ended says how it ended; a command that hung in a paused one says that. */
  async #explained<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof TransportError) || !["shell-closed", "cannot-start", "deadline"].includes(error.code))
        throw error;
      const late = error.code === "deadline";
      const status = late ? await this.#status() : await this.#settledStatus();
      if (status === undefined || status === "running" || (late && status !== "paused")) throw error;
      const paused = status === "paused";
      throw new TransportError({
        code: paused ? "paused" : "died",
        phase: "exec",
        node: this.title,
        seen: paused ? "the container is paused" : `the container ${sayDeath(await this.#facts.life.death())}`,
        hint: paused ? "unpause it first" : "the whole log is in the run's evidence",
        cause: error,
      });
    }
  }

  #status(): Promise<ContainerState["status"] | undefined> {
    return this.state().then(
      ({ status }) => status,
      () => undefined,
    );
  }

  /** The status once it is settled: a dying container loses its shells some time before the engine notes its end. */
  async #settledStatus(): Promise<ContainerState["status"] | undefined> {
    const over = new AbortController();
    const ended = this.#facts.life.next(({ action }) => action === "die", over.signal);
    try {
      const status = await this.#status();
      if (status !== "running") return status;
      // What it answers is no matter; an image need not even have the program.
      const lives = await super.exec(["true"], { user: "0" }).then(
        () => true,
        (error: unknown) => error instanceof TransportError && error.code === "no-such-file",
      );
      if (lives) return status;
      await Promise.race([ended, pause(mostSettlingMs, undefined, { signal: over.signal, ref: false })]);
      return await this.#status();
    } finally {
      over.abort();
    }
  }
}
