// Decides how the page looks: light and dark, on paper and on a telephone. Plain CSS, nothing fetched.

const light = `--page: #f6f7f9; --card: #fff; --ink: #1b1f26; --soft: #5b6472; --line: #dfe3e9; --edge: #8a93a1; --code: #f0f2f5; --link: #1a56b8;
  --passed: #16763c; --failed: #c3262e; --errored: #9a5b00; --skipped: #6b7280;
  --passed-tint: #e7f5ec; --failed-tint: #fdecec; --errored-tint: #fdf3e0; --skipped-tint: #eef0f3;
  --setup: #8b93a1; --build: #8a5cd1; --create: #3f7fdb; --start: #1f9bc0; --connect: #169a90; --ready: #2f9e52;
  --destroy: #6d7787; --use: #cfe9d8;`;

export const style = `
:root { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151a; --card: #1a1e25; --ink: #e4e8ee; --soft: #98a2b1; --line: #2d343e; --edge: #768294; --code: #232932; --link: #82b1ff;
    --passed: #5cc988; --failed: #ff7b7b; --errored: #eab35a; --skipped: #9aa4b2;
    --passed-tint: #16301f; --failed-tint: #3a1a1c; --errored-tint: #35280f; --skipped-tint: #262c35;
    --setup: #7d8796; --build: #9d78dd; --create: #5a93e6; --start: #36aacd; --connect: #2dada3; --ready: #46b168;
    --destroy: #7c8798; --use: #1f3d2a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, header.top > div { max-width: 76rem; margin: 0 auto; padding: 0 1.5rem; }
header.top { border-top: 6px solid var(--tone); background: var(--card); border-bottom: 1px solid var(--line); padding: 1.5rem 0 1.25rem; }
.tone-passed { --tone: var(--passed); } .tone-failed { --tone: var(--failed); } .tone-errored { --tone: var(--errored); } .tone-skipped { --tone: var(--skipped); }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; color: var(--tone); }
h1 + p { margin: .2rem 0 1rem; font-size: 1.1rem; overflow-wrap: anywhere; }
h2 { margin: 2.25rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 1.25rem 0 .5rem; font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
a { color: var(--link); }
code, pre, .mono { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.soft { color: var(--soft); }
.small { font-size: .85rem; }
dl.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0; }
dl.facts div { min-width: 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 1rem 0 0; font-size: .95rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; color: var(--tone, inherit); }
.tile.none b { color: var(--soft); font-weight: 400; }
.share { display: block; width: 100%; height: 8px; border-radius: 4px; margin: .75rem 0 0; background: var(--line); }
.is-passed { --tone: var(--passed); } .is-failed { --tone: var(--failed); } .is-errored { --tone: var(--errored); } .is-skipped { --tone: var(--skipped); }
.is-setup { --tone: var(--setup); } .is-build { --tone: var(--build); } .is-create { --tone: var(--create); } .is-start { --tone: var(--start); }
.is-connect { --tone: var(--connect); } .is-ready { --tone: var(--ready); } .is-destroy { --tone: var(--destroy); } .is-use { --tone: var(--use); }
rect[class^="is-"] { fill: var(--tone); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.scroll { overflow-x: auto; }
.scroll > table { min-width: 44rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .45rem .8rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { border-top: 0; color: var(--soft); font-size: .8rem; font-weight: 500; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.zero { color: var(--soft); opacity: .55; }
tfoot td { font-weight: 600; }
.mark { display: inline-block; min-width: 1.2em; color: var(--tone); font-weight: 700; }
.badge { display: inline-block; padding: 0 .5em; border-radius: 4px; font-size: .8rem; font-weight: 600; color: var(--tone); background: var(--tint); }
.badge.tone-passed { --tint: var(--passed-tint); } .badge.tone-failed { --tint: var(--failed-tint); } .badge.tone-errored { --tint: var(--errored-tint); } .badge.tone-skipped { --tint: var(--skipped-tint); }
details.test { border-top: 1px solid var(--line); }
details.test:first-of-type { border-top: 0; }
.file { content-visibility: auto; contain-intrinsic-size: auto 20rem; margin-bottom: 1rem; }
.file > h3 { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 0; padding: .6rem .8rem; border-bottom: 1px solid var(--line); background: var(--code); border-radius: 8px 8px 0 0; }
.file > h3 .soft { font-weight: 400; margin-left: auto; }
summary { cursor: pointer; padding: .45rem .8rem; display: flex; gap: .5rem; align-items: baseline; }
summary::before { content: "▸"; color: var(--soft); width: 1em; flex: none; }
details[open] > summary::before { content: "▾"; }
summary::-webkit-details-marker { display: none; }
summary:hover { background: var(--code); }
summary .name { overflow-wrap: anywhere; }
summary .right { margin-left: auto; color: var(--soft); font-size: .85rem; white-space: nowrap; font-variant-numeric: tabular-nums; padding-left: 1rem; }
.inside { padding: 0 .8rem .8rem 2.3rem; }
.account { border-left: 4px solid var(--tone); background: var(--card); border-radius: 4px; padding: .7rem 1rem; margin: 0 0 .75rem; box-shadow: 0 0 0 1px var(--line); }
.account > b, .account > h3 { display: block; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.account > .soft { overflow-wrap: anywhere; }
.account dl.told { margin: .35rem 0; }
dl.told div { display: grid; grid-template-columns: 6.5rem 1fr; }
dl.told dt { font-size: .85rem; } dl.told dd.expected pre { color: var(--passed); } dl.told dd.seen pre { color: var(--failed); }
details.excerpt, details.again { margin-top: .35rem; font-size: .9rem; }
p.kept { margin: .35rem 0; } p.kept a { margin-right: .6rem; }
.account summary { padding: .15rem 0; color: var(--soft); }
.again ul { margin: .2rem 0 0; padding-left: 2.3rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22rem; overflow-y: auto; }
pre.block { background: var(--code); border-radius: 4px; padding: .5rem .75rem; }
table.checks { font-size: .92rem; table-layout: fixed; }
table.checks th:nth-child(1) { width: 36%; } table.checks th:nth-child(2) { width: 14%; } table.checks th:nth-child(4) { width: 11rem; }
table.checks code.soft { font-size: 12px; }
table.diff { font-size: .92rem; table-layout: fixed; } table.diff th:nth-child(1) { width: 7rem; } table.diff th:nth-child(2) { width: 40%; }
.image-diff { margin-bottom: 1.5rem; } .image-diff details.card { margin-top: .5rem; }
.line { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr; align-items: center; column-gap: .75rem; padding: 0 1.6rem 0 .8rem; min-height: 1.7rem; }
.line > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .9rem; }
.line.env { border-top: 1px solid var(--line); margin-top: .3rem; padding-top: .3rem; font-weight: 600; }
.line.env:first-of-type { border-top: 0; }
.line.node > span { padding-left: 1rem; }
.track { display: block; width: 100%; height: 18px; overflow: visible; }
.line:not(.axis) .track { background: linear-gradient(var(--line), var(--line)) 0 50% / 100% 1px no-repeat; }
.track rect.broken { stroke: var(--failed); stroke-width: 2; fill: var(--failed-tint); }
.track text { fill: var(--soft); font-size: 11px; } .track line { stroke: var(--soft); }
.line.axis { position: sticky; top: 0; background: var(--card); z-index: 1; border-radius: 8px 8px 0 0; padding-top: .3rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: .6rem .8rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--soft); }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; background: var(--tone); margin-right: .4em; }
ul.plain { list-style: none; margin: 0; padding: .4rem .8rem; }
.filters { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: 0 0 .75rem; position: sticky; top: 0; z-index: 2; background: var(--page); padding: .5rem 0; }
.filters[hidden] { display: none; }
.filters input, .filters select, .filters button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--edge); border-radius: 6px; padding: .3rem .6rem; }
.filters input { flex: 1 1 20rem; min-width: 12rem; } .filters select { max-width: 16rem; }
.filters button { cursor: pointer; } .filters button[aria-pressed="false"] { text-decoration: line-through; color: var(--soft); background: none; border-style: dashed; }
.filters output { color: var(--soft); font-size: .85rem; } #keys { flex: 1 0 100%; font-size: .85rem; } #keys summary { padding: 0; color: var(--soft); } #keys p { margin: .2rem 0 0; }
kbd { font: 12px ui-monospace, Menlo, Consolas, monospace; border: 1px solid var(--edge); border-radius: 4px; padding: 0 .35em; background: var(--card); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 1px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -100vw; } .skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .3rem .6rem; z-index: 3; }
figure { margin: 0 0 1rem; padding: .6rem .8rem; } figcaption { font-weight: 600; margin-bottom: .3rem; } figcaption .soft { font-weight: 400; }
.picture text { font-size: 12px; fill: var(--ink); } .picture .title { font-size: 14px; font-weight: 600; } .picture .kind, .picture .image { fill: var(--soft); font-weight: 400; font-size: 12px; }
.picture .node > rect { fill: var(--code); stroke: var(--edge); } .picture .vm > rect { stroke-width: 2; } .picture .image > rect { stroke-dasharray: 4 3; }
.picture .net line, .picture .net path { stroke: var(--tone); stroke-width: 2.5; fill: none; } .picture .net circle { fill: var(--tone); }
.n0 { --tone: var(--create); } .n1 { --tone: var(--build); } .n2 { --tone: var(--ready); } .n3 { --tone: var(--errored); } .n4 { --tone: var(--connect); }
ul.nets { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .4rem 0 0; padding: 0; font-size: .85rem; } ul.nets i { display: inline-block; width: .9em; height: .9em; border-radius: 2px; background: var(--tone); margin-right: .4em; }
footer { margin: 2.5rem 0 2rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 40rem) { .inside { padding-left: .8rem; } .line { grid-template-columns: 1fr; row-gap: .1rem; padding-bottom: .3rem; } main, header.top > div { padding: 0 .8rem; } dl.told div { grid-template-columns: 1fr; } }
@media print { :root { color-scheme: light; ${light} } body { background: none; font-size: 11px; } .file { content-visibility: visible; break-inside: auto; } .account, .tile, figure { break-inside: avoid; } nav, .filters, #none, #diff-none, .skip { display: none; } .line.axis { position: static; } pre { max-height: none; } }
`;
