// Decides how a page tells what went wrong: expected against seen, the command, what the node's logs said then, how to bring it back.
import { type Account, accountsOf, troubleOf } from "./account.ts";
import { type Markup, markup, oneLine } from "./escape.ts";
import type { Excerpt, ExcerptsOf } from "./excerpt.ts";
import { mark } from "./html-mark.ts";
import type { Report, TestReport } from "./report.ts";
import { toReproduce } from "./reproduce.ts";

type Outcome = TestReport["outcome"];

const limit = 4000;
/** Beyond these a page of nothing but failures would not open quickly; the tests below have all. */
const mostCards = 150;
const mostExcerpts = 40;

/** What a reader must look at, before everything else. Nothing when there is nothing. */
export function wrongSection(report: Report, excerptsOf: ExcerptsOf): Markup | undefined {
  const wrong = report.tests.map((test, index) => ({ test, index })).filter(({ test }) => isWrong(test));
  if (wrong.length + report.troubles.length === 0) return undefined;
  const cards = wrong.flatMap(({ test, index }) =>
    accountsOf(test, limit).map((account) => ({ test, index, account })),
  );
  const shown = report.troubles.slice(0, mostCards);
  let excerpts = 0;
  return markup`<section id="wrong"><h2>What went wrong</h2>
${shown.map((trouble) => accountCard(troubleOf(trouble, limit), trouble.outcome, "outside any test"))}
${cards.slice(0, mostCards).map(({ test, index, account }) => {
  const check = test.checks.find((each) => account.check === each);
  const at = check?.at ?? endOf(test);
  const found =
    excerpts < mostExcerpts ? excerptsOf(test, at === undefined ? undefined : Date.parse(at), check?.node) : [];
  excerpts += found.length;
  return accountCard(
    account,
    test.outcome,
    markup`<a href="#t${index}">${oneLine(test.name)}</a> in ${oneLine(test.file)}`,
    markup`${found.map((each) => excerpt(each, at))}${again(report, test, check?.node)}`,
  );
})}${cards.length > mostCards && markup`<p>… and ${cards.length - mostCards} more, each open in the tests below.</p>`}</section>`;
}

export function isWrong({ outcome }: Pick<TestReport, "outcome">): boolean {
  return outcome === "failed" || outcome === "errored";
}

function endOf({ startedAt, ms }: TestReport): string | undefined {
  const end = startedAt === undefined ? Number.NaN : Date.parse(startedAt) + ms;
  // A report of somebody else's may say any number of milliseconds; dates end.
  return Math.abs(end) <= 8.64e15 ? new Date(end).toISOString() : undefined;
}

function accountCard({ heading, facts }: Account, outcome: Outcome, where: string | Markup, more?: Markup): Markup {
  return markup`<article class="account tone-${outcome}"><h3>${mark(outcome)} ${heading}</h3>
<div class="soft small"><span class="badge tone-${outcome}">${outcome}</span> ${where}</div>
${facts.length > 0 && markup`<dl class="told">${facts.map(([label, text]) => markup`<div><dt>${label}</dt><dd class="${label}"><pre>${text}</pre></dd></div>`)}</dl>`}${more}</article>
`;
}

function excerpt({ node, title, path, about, lines }: Excerpt, at: string | undefined): Markup {
  const when = about === "last lines" || at === undefined ? about : `${about}, ${at.slice(11, 19)} UTC`;
  return markup`<details class="excerpt" open><summary>${oneLine(node)}: ${oneLine(title)}, ${when}</summary><pre class="block">${lines.join("\n")}</pre><a class="small" href="${hrefOf(path)}">${oneLine(path)}</a></details>`;
}

function again(report: Report, test: TestReport, node: string | undefined): Markup {
  return markup`<details class="again" open><summary>Reproduce it</summary><ul>${toReproduce(report, test, node).map(
    ({ command, why }) => markup`<li><code>${command}</code> <span class="soft small">${why}</span></li>`,
  )}</ul></details>`;
}

/** A path below the report, as a link that leads nowhere else. */
export function hrefOf(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
