// Decides how the health of nodes reads on the page: what was found, what was allowed, what nobody watched.
import { type Markup, markup, oneLine } from "./escape.ts";
import type { Report } from "./report.ts";

/** Findings first; what was allowed and what was not watched stay in sight. */
export function healthSection({ health = { nodes: [], findings: [] } }: Report): Markup {
  const { nodes, findings } = health;
  return markup`<section id="health"><h2>Health</h2>
${
  findings.length === 0
    ? markup`<p class="soft">Nothing was found of ${nodes.length === 1 ? "the node" : `the ${nodes.length} nodes`} that was watched.</p>`
    : markup`<div class="card scroll"><table><thead><tr><th>node</th><th>found</th><th>during</th><th>lines</th></tr></thead><tbody>${findings.map(
        ({ environment, node, kind, test, lines, allowed }) =>
          markup`<tr><td>${oneLine(`${environment}/${node}`)}</td><td><b>${kind}</b>${allowed !== undefined && markup`<br><span class="soft small">allowed by the ${allowed.by}: ${oneLine(allowed.reason)}</span>`}</td><td>${test === undefined ? "outside of any test" : oneLine(test)}</td><td>${lines.map((line) => markup`<code>${oneLine(line)}</code><br>`)}</td></tr>\n`,
      )}</tbody></table></div>`
}
${
  nodes.length > 0 &&
  markup`<details class="card"><summary>What was watched, and what was not</summary><div class="scroll"><table><thead><tr><th>node</th><th>watched</th><th>not watched</th><th>allowed beforehand</th></tr></thead><tbody>${nodes.map(
    ({ environment, node, watched, notWatched, optOuts }) =>
      markup`<tr><td>${oneLine(`${environment}/${node}`)}</td><td>${watched.join(", ")}</td><td>${notWatched.map(({ kinds, reason }) => markup`${kinds.join(", ")}: <span class="soft">${oneLine(reason)}</span><br>`)}</td><td>${optOuts.map(({ kind, reason, test }) => markup`${kind}: <span class="soft">${oneLine(test ?? reason)}</span><br>`)}</td></tr>\n`,
  )}</tbody></table></div></details>`
}</section>`;
}
