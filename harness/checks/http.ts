// Decides which sentences can be said about what a URL answers, as seen from the node that is asked.
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { readAs, sentencesAbout } from "./data.ts";
import { type Exchange, exchangeFromHere, httpExchange } from "./http-exchange.ts";
import { type HttpOptions, httpRequest } from "./http-request.ts";
import { about, verdict } from "./question.ts";
import { excerpt, occurs, sayFound, sayWanted, type Wanted } from "./wanted.ts";

/**
 * One request, a GET that follows no redirects unless it is told otherwise. Asked of `host` it is made by this process; of any other
 * node, inside it, by curl or python3; plain http without redirects also by bash or busybox's nc. A refused or silent connection, a
 * certificate that is not trusted and redirects without end are "not met"; a name that cannot be resolved, a file that is not there, or
 * no tool, rejects. Waits at most 5 s.
 *
 * @example await expect(web).toMeet(http("http://127.0.0.1:8080/health").answers(200), { within: "20s" });
 * @example await expect(web).toMeet(http("https://web/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}", ca: "/etc/ca.pem" }).answers(401));
 * @example await expect(host).toMeet(http(`http://127.0.0.1:${web.port(8080).port}/`).bodyContains("Welcome"));
 */
export function http(url: string, options: HttpOptions = {}) {
  const request = httpRequest(url, options);
  const { method } = request;
  const subject = method === "GET" ? url : `${method} ${url}`;
  // Headers and body may hold secrets: they are not said.
  const command = sayCommand(["curl", "-i", ...(method === "GET" ? [] : ["-X", method]), url]);
  const observe = (node: Node) =>
    node.kind === "host" ? exchangeFromHere(request) : node.observe(httpExchange, request);
  const ask = about<Node, Exchange>({ subject, command, observe });
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
    /**
     * A value in a body of JSON, whatever the status, by the path of `file(…).json`.
     * @example http("http://127.0.0.1:9200/_cluster/health").json("status").is("green")
     */
    json: (path?: string) =>
      sentencesAbout<Node>(
        {
          subject: (place) => `${place("JSON")} that ${subject} answers`,
          command,
          async observe(node) {
            const seen = await observe(node);
            return "refused" in seen ? { flaw: `no answer: ${seen.refused}` } : readAs("JSON", Buffer.from(seen.body));
          },
        },
        "JSON",
        path,
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
