// Decides how tests and their checks are laid out on the page: what went wrong is open, what is fine can be opened.
import { sayMs } from "../model/duration.ts";
import { type Account, accountsOf, sayCheck, sayTries, troubleOf } from "./account.ts";
import { type Markup, markup, oneLine, plain, sayPair } from "./escape.ts";
import type { CheckReport, Report, TestReport } from "./report.ts";

type Outcome = TestReport["outcome"];

const limit = 4000;
const signs: Record<Outcome, string> = { passed: "✓", failed: "✗", errored: "!", skipped: "–" };

/** The sign of an outcome, with its word for those who do not see the sign. */
export function mark(outcome: Outcome): Markup {
  return markup`<span class="mark tone-${outcome}" role="img" aria-label="${outcome}" title="${outcome}">${signs[outcome]}</span>`;
}

/** What a reader must look at, before everything else. Nothing when there is nothing. */
export function wrongSection(report: Report): Markup | undefined {
  const wrong = report.tests.map((test, index) => ({ test, index })).filter(({ test }) => isWrong(test));
  if (wrong.length + report.troubles.length === 0) return undefined;
  return markup`<section id="wrong"><h2>What went wrong</h2>
${report.troubles.map((trouble) => accountCard(troubleOf(trouble, limit), trouble.outcome, "outside any test"))}
${wrong.flatMap(({ test, index }) =>
  accountsOf(test, limit).map((account) =>
    accountCard(account, test.outcome, markup`<a href="#t${index}">${oneLine(test.name)}</a> in ${oneLine(test.file)}`),
  ),
)}</section>`;
}

/** Every test with every check, by spec file. */
export function testsSection(report: Report): Markup {
  const files = new Map<string, { test: TestReport; index: number }[]>();
  report.tests.forEach((test, index) => {
    const entries = files.get(test.file) ?? [];
    files.set(test.file, entries);
    entries.push({ test, index });
  });
  return markup`<section id="tests"><h2>Tests and their checks</h2>
${[...files].map(
  ([
    file,
    entries,
  ]) => markup`<div class="card file"><h3>${oneLine(file)}<span class="soft">${said(entries.length, "test")}, ${said(
    entries.reduce((sum, { test }) => sum + test.checks.length, 0),
    "check",
  )}</span></h3>
${entries.map(({ test, index }) => testDetails(test, index))}</div>
`,
)}${files.size === 0 && markup`<p class="soft">No test was planned, and none ran.</p>`}</section>`;
}

export function said(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function isWrong({ outcome }: TestReport): boolean {
  return outcome === "failed" || outcome === "errored";
}

function accountCard({ heading, facts }: Account, outcome: Outcome, where: string | Markup): Markup {
  return markup`<div class="account tone-${outcome}"><b>${heading}</b>
<div class="soft small"><span class="badge tone-${outcome}">${outcome}</span> ${where}</div>
${facts.length > 0 && markup`<table>${facts.map(([label, text]) => markup`<tr><td>${label}</td><td><pre>${text}</pre></td></tr>`)}</table>`}</div>
`;
}

function testDetails(test: TestReport, index: number): Markup {
  const right = [
    ...(test.environment === undefined ? [] : [oneLine(test.environment)]),
    ...(test.checks.length === 0 ? [] : [said(test.checks.length, "check")]),
    sayMs(test.ms),
  ].join(" · ");
  const stacks = test.errors.map(({ stack }) => stack ?? "").filter((stack) => stack !== "");
  return markup`<details class="test" id="t${index}"${isWrong(test) && markup` open`}><summary>${mark(test.outcome)}<span class="name">${oneLine(test.name)}${
    test.outcome === "skipped" && markup` <span class="soft">skipped: ${oneLine(test.reason ?? "")}</span>`
  }</span><span class="right">${right}</span></summary>
<div class="inside">${test.reason !== undefined && test.outcome !== "skipped" && markup`<p>${plain(test.reason, limit)}</p>`}${
    test.checks.length === 0
      ? markup`<p class="soft small">This test made no checks with <code>toMeet</code>.</p>`
      : markup`<div class="scroll"><table class="checks"><thead><tr><th>check</th><th>node</th><th>seen</th><th class="n">tried</th></tr></thead>
<tbody>${test.checks.map(checkRow)}</tbody></table></div>`
  }${
    test.errors.length > 0 &&
    markup`<h3>Errors</h3>${test.errors.map((error) => markup`<pre class="block">${plain(`${error.name}: ${error.message}`, limit)}${error.at !== undefined && `\nat ${error.at}`}</pre>`)}`
  }${
    stacks.length > 0 &&
    markup`<details><summary class="soft small">Stack</summary>${stacks.map((stack) => markup`<pre class="block">${plain(stack, limit)}</pre>`)}</details>`
  }</div></details>
`;
}

function checkRow(check: CheckReport): Markup {
  const [expected, seen] = sayPair(check.expected ?? "", check.seen ?? "", limit);
  const wanted = check.outcome !== "passed" && check.expected !== undefined;
  return markup`<tr><td>${mark(check.outcome)} ${plain(sayCheck(check), limit)}<br><code class="soft">${plain(check.command, limit)}</code></td><td>${oneLine(check.node)}</td><td>${
    wanted && markup`<span class="soft small">expected</span><pre>${expected}</pre><span class="soft small">seen</span>`
  }<pre>${seen}</pre>${check.reason !== undefined && markup`<span class="soft">${plain(check.reason, limit)}</span>`}</td><td class="n">${sayTries(check)}</td></tr>
`;
}
