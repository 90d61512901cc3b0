// Decides how a page tells what went wrong: expected against seen, the command, what the node's logs said then, how to bring it back.
import { type Account, accountsOf, troubleOf } from "./account.ts";
import { type Markup, markup, oneLine } from "./escape.ts";
import { type Excerpt, type ExcerptsOf, evidenceOf } from "./excerpt.ts";
import { mark } from "./html-mark.ts";
import type { Report, TestReport } from "./report.ts";
import { toReproduce } from "./reproduce.ts";

type Outcome = TestReport["outcome"];

const limit = 4000;
/** Beyond these a page of nothing but failures would not open quickly; the tests below have all. */
const mostCards = 150;
const mostExcerpts = 40;
/** Links of one card. */
const mostKept = 12;

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
    markup`${found.map((each) => excerpt(each, at, test.outcome === "failed" && found[0]?.about !== "last lines"))}${kept(report, test, at, check?.node, found)}${again(report, test, check?.node)}`,
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

/** Last lines are `aside`, closed, where others say what was then; not where the node could not be asked: there they may be the reason. */
function excerpt({ node, title, path, about, lines }: Excerpt, at: string | undefined, aside: boolean): Markup {
  const when = about === "last lines" || at === undefined ? about : `${about}, ${at.slice(11, 19)} UTC`;
  return markup`<details class="excerpt"${(about !== "last lines" || !aside) && markup` open`}><summary>${oneLine(node)}: ${oneLine(title)}, ${when}</summary><pre class="block">${lines.join("\n")}</pre><a class="small" href="${hrefOf(path)}">${oneLine(path)}</a></details>`;
}

/** Links to what else was kept of the node: a machine's screen, its definition. */
function kept(
  report: Report,
  test: TestReport,
  at: string | undefined,
  node: string | undefined,
  found: readonly Excerpt[],
): Markup | undefined {
  const shown = new Set(found.map(({ path }) => path));
  const others = evidenceOf(report, test, at === undefined ? undefined : Date.parse(at))
    .filter((each) => (node === undefined || node === `${each.environment}/${each.node}`) && !shown.has(each.path))
    .slice(0, mostKept);
  if (others.length === 0) return undefined;
  return markup`<p class="small kept"><span class="soft">Also kept:</span>${others.map(({ node: of, title, path }) => markup` <a href="${hrefOf(path)}">${oneLine(`${title} of ${of}`)}</a>`)}</p>`;
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
