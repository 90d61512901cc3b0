// Decides which sentences can be said about what a URL answers, as seen from the node that is asked.
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { type Exchange, exchangeFromHere, httpExchange } from "./http-exchange.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { excerpt, occurs, sayFound, sayWanted, type Wanted } from "./wanted.ts";

/**
 * One GET, without following redirects. Asked of `host` it is made by this process; of any other node, inside it, by curl, python3 or
 * bash. A refused or silent connection is "not met"; a name that cannot be resolved, or no tool, rejects. Waits at most 5 s.
 *
 * @example await expect(web).toMeet(http("http://127.0.0.1:8080/health").answers(200), { within: "20s" });
 * @example await expect(host).toMeet(http(`http://127.0.0.1:${web.port(8080).port}/`).bodyContains("Welcome"));
 */
export function http(url: string) {
  requireSubject(
    /^https?:\/\/[^\s\0]+$/.test(url) && URL.canParse(url),
    `"${url}" is not an http or https URL`,
    "write it whole, as in http://127.0.0.1:8080/",
  );
  const ask = about<Node, Exchange>({
    subject: url,
    command: sayCommand(["curl", "-i", url]),
    observe: (node) => (node.kind === "host" ? exchangeFromHere(url) : node.observe(httpExchange, url)),
  });
  return {
    /** With this status, or with any response at all. */
    answers: (status?: number) =>
      ask(`answers${status === undefined ? "" : ` ${status}`}`, (seen) =>
        answered(seen, status === undefined ? "an answer" : String(status), (response) => ({
          met: status === undefined || response.status === status,
          seen: sayResponse(response),
        })),
      ),
    /** Has a header, with a value where one is given: text is the whole value, a pattern is searched in it. */
    hasHeader: (name: string, value?: Wanted) =>
      ask(`has header ${name}${value === undefined ? "" : ` ${sayWanted(value)}`}`, (seen) =>
        answered(seen, value === undefined ? `header ${name}` : `${name}: ${sayWanted(value)}`, (response) => {
          const held = response.headers[name.toLowerCase()];
          const met =
            held !== undefined &&
            (value === undefined || (typeof value === "string" ? held === value : occurs(value, held)));
          return {
            met,
            seen:
              held === undefined
                ? `no such header; there are ${Object.keys(response.headers).join(", ")}`
                : `${name}: ${excerpt(held)}`,
          };
        }),
      ),
    /** Text or pattern occurs in the body, whatever the status. */
    bodyContains: (wanted: Wanted) =>
      ask(`has ${sayWanted(wanted)} in its body`, (seen) =>
        answered(seen, sayWanted(wanted), (response) => ({
          met: occurs(wanted, response.body),
          seen: sayFound(wanted, response.body),
        })),
      ),
  };
}

type Response = Extract<Exchange, { status: number }>;

function answered(
  seen: Exchange,
  expected: string,
  judge: (response: Response) => { met: boolean; seen: string },
): Judgement {
  if ("refused" in seen) return verdict(false, expected, `no answer: ${seen.refused}`);
  const { met, seen: what } = judge(seen);
  return verdict(met, expected, what);
}

function sayResponse({ status, body }: Response): string {
  return status < 400 ? String(status) : `${status}: ${excerpt(body, 200)}`;
}
