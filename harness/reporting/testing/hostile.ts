// Decides what the worst is that others can say: texts that are markup, commands, escapes, or no texts, and a run that is full of them.
import type { Layout, RunEvent } from "../../model/event.ts";
import { began, check, ranTest, runEnded, runStarted, stoodUp } from "../sample.ts";

/** A machine that carries a container, on a network, every text of it `text`. */
export function layoutSaying(text: string): Layout {
  const about = { image: text, mounts: [{ at: text, source: text }], extras: [text] };
  return {
    nodes: [
      { node: text, kind: "vm", ...about, networks: [{ network: text, address: text }] },
      { node: `${text}2`, kind: "container", ...about, on: text, networks: [] },
    ],
    networks: [{ network: text, about: text }],
  };
}

/** A run in which every text that others can choose is `text`. */
export function saying(text: string): RunEvent[] {
  const error = { name: text, message: text, code: text, at: text, stack: text };
  const about = { node: text, title: text, expected: text, seen: text, command: text, reason: text };
  const host = { hostname: text, kernel: text, cpus: 1, memoryBytes: 1, node: text, engines: { [text]: text } };
  const image = { recipe: text, tag: text, recipeDigest: text, treeDigest: text, imageId: text };
  return [
    runStarted({ run: text, version: text, command: [text], host }),
    { event: "image", at: began, ...image, built: true, ms: 1, from: text, steps: [text], declaredAt: text },
    { event: "declared", at: began, environment: text, scope: text, file: text, layout: layoutSaying(text) },
    ...stoodUp(text, text, 0, 100),
    {
      event: "phase",
      at: began,
      environment: text,
      scope: text,
      file: text,
      node: text,
      phase: "ready",
      state: "failed",
      detail: text,
    },
    { event: "resource", at: began, environment: text, kind: "volume", name: text, id: text, state: "leaked" },
    ...ranTest(text, `${text}1`, "failed", {
      checks: [check(text, `${text}1`, { ...about, outcome: "failed" }), check(text, `${text}1`, about)],
      ended: { errors: [error], environment: text },
    }),
    ...ranTest(text, `${text}2`, "errored", { ended: { errors: [error] } }),
    ...ranTest(text, `${text}3`, "skipped", { ended: { reason: text } }),
    ...ranTest(text, `${text}4`, "passed"),
    { event: "flaky", at: began, file: text, test: `${text}4`, failedIn: [text] },
    { event: "inputs", at: began, file: text, inputs: [{ path: text, sha256: "0".repeat(64) }] },
    { event: "evidence", at: began, environment: text, scope: text, node: text, title: text, path: text },
    { event: "trouble", at: began, file: text, outcome: "errored", exitCode: 3, error },
    runEnded({
      leaked: [text],
      kept: {
        stands: [
          {
            environment: text,
            scope: text,
            nodes: [{ node: text, kind: "container", name: text, reach: [text] }],
            resources: [text],
          },
        ],
      },
    }),
  ];
}

export const hostile = {
  script: "<script>alert(1)</script>",
  attribute: `"'><img src=x onerror=alert(1)> ' onload='x`,
  cdata: "]]><!-- --><![CDATA[ <?php &amp; &lt; &#0;",
  escapes: "a\u001b[31mred\u001b[0m\u001b]0;title\u0007\u009b2J",
  control: "a\u0000\u0001\b\u000b\u007f\u0085z",
  noncharacter: "a\uffff\ufffez",
  surrogates: "a\ud800z\udc00 \u{1f600}",
  direction: "a\u202etxt.exe\u2066z",
  markdown: "`` ` | [x](javascript:alert(1)) ![y](http://192.0.2.1/z) **b** <b>\n# h\n```\n- l",
  megabyte: `<b>"'&]]>`.repeat(120_000),
};
