// Decides what is going on at this moment: spec files, what is stood up for them, the tests and checks under way.
// Knows the events so far and the time; refuses to know how it is drawn.
import type { Instant, RunEvent } from "../model/event.ts";
import { type Counts, countOutcomes, type Outcome } from "../model/outcome.ts";

/** A phase or a test under way. */
export interface UnderWay {
  readonly title: string;
  readonly since: Instant;
  detail?: string;
}

/** A spec file; or what belongs to none, under the name "". */
export interface FileState {
  readonly file: string;
  readonly since: Instant;
  planned: number;
  readonly ended: Outcome[];
  readonly phases: Map<string, UnderWay>;
  readonly tests: Map<string, UnderWay>;
}

export class ProgressTree {
  readonly #files = new Map<string, FileState>();
  readonly #fileOf = new Map<string, string>();

  /** Takes an event in. Gives the spec file that it completed: every planned test has ended. */
  see(event: RunEvent): FileState | undefined {
    if (event.event === "planned") {
      const state = this.#file(event.file, event.at);
      state.planned = Math.max(state.planned, event.tests.length);
    } else if (event.event === "phase") this.#phase(event);
    else if (event.event === "test-started") {
      this.#file(event.file, event.at).tests.set(event.test, { title: event.test, since: event.at });
    } else if (event.event === "check") {
      const test = this.#file(event.file, event.at).tests.get(event.test);
      if (test !== undefined) test.detail = event.title;
    } else if (event.event === "test-ended") {
      const state = this.#file(event.file, event.at);
      state.tests.delete(event.test);
      state.ended.push(event.outcome);
      if (state.ended.length === state.planned) return state;
    }
    return undefined;
  }

  /** Files with something to do or doing it, in the order they were heard of. */
  underWay(): FileState[] {
    return [...this.#files.values()].filter(
      ({ planned, ended, phases, tests }) =>
        phases.size > 0 || tests.size > 0 || (planned > 0 && ended.length < planned),
    );
  }

  /** Tests that were planned and have not ended. */
  toGo(): number {
    return [...this.#files.values()].reduce((sum, { planned, ended }) => sum + Math.max(0, planned - ended.length), 0);
  }

  counts(): Counts {
    return countOutcomes([...this.#files.values()].flatMap(({ ended }) => ended));
  }

  #phase(event: Extract<RunEvent, { event: "phase" }>): void {
    const standUp = JSON.stringify([event.environment, event.scope]);
    if (event.file !== undefined) this.#fileOf.set(standUp, event.file);
    const { phases } = this.#file(event.file ?? this.#fileOf.get(standUp) ?? "", event.at);
    const where = event.node === undefined ? event.environment : `${event.environment}/${event.node}`;
    const key = JSON.stringify([standUp, event.node, event.phase]);
    if (event.state !== "started") phases.delete(key);
    else {
      const known = phases.get(key) ?? { title: `${where} ${event.phase}`, since: event.at };
      if (event.detail !== undefined) known.detail = event.detail;
      phases.set(key, known);
    }
  }

  #file(file: string, at: Instant): FileState {
    const known = this.#files.get(file) ?? {
      file,
      since: at,
      planned: 0,
      ended: [],
      phases: new Map<string, UnderWay>(),
      tests: new Map<string, UnderWay>(),
    };
    this.#files.set(file, known);
    return known;
  }
}
