// Decides how a comparison with an earlier run is laid out on the page: what broke first, then what else is not as it was.
import { sayMs } from "../model/duration.ts";
import type { Comparison, TestChange } from "./compare.ts";
import { type Markup, markup, oneLine } from "./escape.ts";
import { mark } from "./html-mark.ts";
import { sayVerdict } from "./verdict.ts";

const most = 200;

/** `undefined` where there is none. */
export function compareSection(comparison: Comparison | undefined): Markup | undefined {
  if (comparison === undefined) return undefined;
  const { before, after, tests, same, checks, images, slower } = comparison;
  const alike = tests.length + checks.length + images.length === 0;
  const row = (what: string, was: string, is: string) =>
    markup`<tr><th scope="row">${what}</th><td>${was}</td><td>${is}</td></tr>`;
  const said = ({ tests: counts }: Comparison["before"]) =>
    `${counts.passed} passed, ${counts.failed} failed, ${counts.errored} errored, ${counts.skipped} skipped`;
  return markup`<section id="compared"><h2>Compared with run ${oneLine(before.run)}</h2>
<div class="card scroll"><table><thead><tr><th scope="col"><span class="unseen">what</span></th><th scope="col">${oneLine(before.run)}, ${before.startedAt.slice(0, 16).replace("T", " ")}</th><th scope="col">${oneLine(after.run)}, ${after.startedAt.slice(0, 16).replace("T", " ")}</th></tr></thead><tbody>${[
    row("verdict", `${sayVerdict(before.verdict)}: ${before.reason}`, `${sayVerdict(after.verdict)}: ${after.reason}`),
    row("tests", said(before), said(after)),
    row("checks made", String(before.checks), String(after.checks)),
    row("took", sayMs(before.ms), sayMs(after.ms)),
  ]}</tbody></table></div>
<p>${same} of the tests ended as before.${alike && " Nothing else differs: same tests, same checks, same images."}</p>
${
  tests.length > 0 &&
  markup`<div class="card scroll"><table><thead><tr><th scope="col">change</th><th scope="col">test</th><th scope="col">before</th><th scope="col">now</th></tr></thead><tbody>${tests.slice(0, most).map(changeRow)}</tbody></table></div>${more(tests.length)}`
}${
  checks.length > 0 &&
  markup`<h3>Tests that ask something else</h3><ul class="card plain">${checks
    .slice(0, most)
    .map(
      ({ file, name, gone, come }) =>
        markup`<li>${oneLine(name)} <span class="soft small">${oneLine(file)}</span><ul>${gone.slice(0, most).map((each) => markup`<li>not asked any more: ${oneLine(each)}</li>`)}${come.slice(0, most).map((each) => markup`<li>asked now: ${oneLine(each)}</li>`)}</ul></li>`,
    )}</ul>${more(checks.length)}`
}${
  images.length > 0 &&
  markup`<h3>Other images</h3><div class="card scroll"><table><tbody>${images.map(({ tag, before: was, after: is }) =>
    row(oneLine(tag), oneLine(was ?? "not used"), oneLine(is ?? "not used")),
  )}</tbody></table></div>`
}${
  slower.length > 0 &&
  markup`<h3>Twice as slow, or as quick</h3><div class="card scroll"><table><tbody>${slower.map(({ name, before: was, after: is }) => row(oneLine(name), sayMs(was), sayMs(is)))}</tbody></table></div>`
}</section>`;
}

function changeRow({ kind, file, name, before, after }: TestChange): Markup {
  const side = (outcome: TestChange["before"]) =>
    outcome === undefined ? markup`<td class="soft">not there</td>` : markup`<td>${mark(outcome)} ${outcome}</td>`;
  return markup`<tr><td><b>${kind}</b></td><td>${oneLine(name)} <span class="soft small">${oneLine(file)}</span></td>${side(before)}${side(after)}</tr>\n`;
}

function more(count: number): Markup | false {
  return count > most && markup`<p class="soft">… and ${count - most} more: assay report diff has all.</p>`;
}
