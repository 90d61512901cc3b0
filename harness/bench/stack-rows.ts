// Decides which numbers of a stack become which row of the table, and what is asked of each. Pure.
import type { Row } from "./table.ts";
import { howOf, loadOf, side, type Told } from "./told.ts";

/** Rows of what `stack.bench` took. */
export function stackRows(told: Told): Row[] {
  const up = {
    work: "stack of 8 services up and ready, images warm",
    ours: side(told, "up: ours", "standUp, readiness by events"),
  };
  return [
    {
      ...up,
      peer: side(told, "up: script", "docker run by a script as compose orders them, asked every 100 ms"),
      target: 0.9,
      ...loadOf(told, "up: load"),
    },
    {
      ...up,
      peer: side(told, "up: testcontainers", "testcontainers in the same order, its wait strategies"),
      target: 0.7,
      ...loadOf(told, "up: load"),
    },
    {
      work: "40 checks on database, broker and web server",
      ours: side(told, "checks: ours", "expect(node).toMeet(…) of all at once, to the last promise"),
      peer: side(
        told,
        "checks: docker exec",
        "the same by docker exec: pymongo in place of mongosh, http.client in place of curl, rabbitmqctl",
      ),
      target: 1 / 10,
      ...loadOf(told, "checks: load"),
    },
    {
      work: "stack of 8 services clean again for the next test, where a test takes 8 s",
      ours: side(
        told,
        "clean: ours",
        "a spare (testIn's option) came up while the last test ran; from the end of its body to the beginning of the next one's",
      ),
      peer: side(told, "clean: script", "down and up by the same script"),
      target: 0.35,
      ...loadOf(told, "up: load"),
    },
    {
      work: "memory of the stack",
      ours: side(told, "memory: stack", "sum of what docker stats says"),
      limit: 1200,
      unit: "MiB",
    },
    {
      work: "memory of the harness with the stack up",
      ours: side(told, "memory: harness", "growth of the test process by the stack, its clients and forty answers"),
      limit: 80,
      unit: "MiB",
    },
  ];
}

/** Rows of what `stack-reset.bench` took. */
export function resetRows(told: Told): Row[] {
  return [
    {
      work: "stack of 8 services clean again for the next test, on a machine",
      ours: side(told, "reset: ours", `the machine brought back with all of them (${howOf(told)}), until they answer`),
      peer: side(told, "reset: script", "down and up by a script in the same machine, asked every second"),
      target: 0.35,
      ...loadOf(told, "reset: load"),
    },
    {
      work: "that stack's first start, images brought into the machine",
      ours: side(told, "first: on a machine", "standUp"),
    },
  ];
}
