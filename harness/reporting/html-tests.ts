// Decides how tests and their checks are laid out on the page: what went wrong is open, what is fine can be opened.
import { sayMs } from "../model/duration.ts";
import { sayCheck, sayFlaky, sayTries } from "./account.ts";
import { type Markup, markup, oneLine, plain, sayPair } from "./escape.ts";
import { mark, outcomes, said } from "./html-mark.ts";
import { isWrong } from "./html-wrong.ts";
import type { CheckReport, Report, TestReport } from "./report.ts";

const limit = 4000;

/** Every test with every check, by spec file. */
export function testsSection(report: Report): Markup {
  const files = new Map<string, { test: TestReport; index: number }[]>();
  report.tests.forEach((test, index) => {
    const entries = files.get(test.file) ?? [];
    files.set(test.file, entries);
    entries.push({ test, index });
  });
  return markup`<section id="tests"><h2>Tests and their checks</h2>
${files.size > 0 && filterBar(report, [...files.keys()])}
${[...files].map(
  ([
    file,
    entries,
  ]) => markup`<div class="card file" data-file="${oneLine(file)}"><h3>${oneLine(file)}<span class="soft">${said(entries.length, "test")}, ${said(
    entries.reduce((sum, { test }) => sum + test.checks.length, 0),
    "check",
  )}</span></h3>
${entries.map(({ test, index }) => testDetails(test, index))}</div>
`,
)}${files.size === 0 && markup`<p class="soft">No test was planned, and none ran.</p>`}</section>`;
}

/** Hidden until the script is there to make it work. */
function filterBar({ counts }: Report, files: readonly string[]): Markup {
  return markup`<form id="filters" class="filters" role="search" aria-label="tests" hidden><label class="unseen" for="search">Search in tests</label><input id="search" type="search" placeholder="Search tests, checks, nodes, what was seen ( / )" autocomplete="off" spellcheck="false">
<span role="group" aria-label="outcomes">${outcomes.map(
    (outcome) =>
      markup`<button type="button" data-outcome="${outcome}" aria-pressed="true" class="tone-${outcome}">${mark(outcome)} ${counts.tests[outcome]} ${outcome}</button>`,
  )}</span>
<label class="unseen" for="file">Spec file</label><select id="file"><option value="">all spec files</option>${files.map((file) => markup`<option value="${oneLine(file)}">${oneLine(file)}</option>`)}</select>
<button type="button" id="open-all">open all</button><button type="button" id="close-all">close all</button><button type="button" id="reset">reset</button>
<output id="shown" aria-live="polite"></output>
<details id="keys"><summary>Keys</summary><p><kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> next and previous test, <kbd>n</kbd> <kbd>p</kbd> next and previous that did not pass, <kbd>Enter</kbd> opens and closes it, <kbd>e</kbd> <kbd>c</kbd> open and close all, <kbd>Esc</kbd> shows all again, <kbd>?</kbd> this.</p></details></form>
<p id="none" hidden>No test fits. <kbd>Esc</kbd> shows all again.</p>`;
}

function testDetails(test: TestReport, index: number): Markup {
  const right = [
    ...(test.environment === undefined ? [] : [oneLine(test.environment)]),
    ...(test.checks.length === 0 ? [] : [said(test.checks.length, "check")]),
    sayMs(test.ms),
  ].join(" · ");
  const stacks = test.errors.map(({ stack }) => stack ?? "").filter((stack) => stack !== "");
  return markup`<details class="test" id="t${index}" data-outcome="${test.outcome}"${isWrong(test) && markup` open`}><summary>${mark(test.outcome)}<span class="name">${oneLine(test.name)}${
    test.outcome === "skipped" && markup` <span class="soft">skipped: ${oneLine(test.reason ?? "")}</span>`
  }${test.flaky !== undefined && markup` <span class="badge tone-errored">flaky</span> <span class="soft small">${sayFlaky(test.flaky)}</span>`}</span><span class="right">${right}</span></summary>
<div class="inside">${test.reason !== undefined && test.outcome !== "skipped" && markup`<p>${plain(test.reason, limit)}</p>`}${
    test.checks.length === 0
      ? markup`<p class="soft small">This test made no checks with <code>toMeet</code>.</p>`
      : markup`<div class="scroll"><table class="checks"><thead><tr><th scope="col">check</th><th scope="col">node</th><th scope="col">seen</th><th scope="col" class="n">tried</th></tr></thead>
<tbody>${test.checks.map(checkRow)}</tbody></table></div>`
  }${
    test.errors.length > 0 &&
    markup`<h4>Errors</h4>${test.errors.map((error) => markup`<pre class="block">${plain(`${error.name}: ${error.message}`, limit)}${error.at !== undefined && `\nat ${error.at}`}</pre>`)}`
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
