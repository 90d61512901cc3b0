// Decides how an environment is drawn: a box a node with what it mounts and offers, inside the machine that carries it, under the
// networks it is on; a network's line passes beside boxes, never behind one that is not on it. Inline SVG without a script; what was not declared is not drawn, and exports are those that a check was met on.
import { type Markup, markup, oneLine } from "./escape.ts";
import type { Report, StandUp } from "./report.ts";

type Layout = NonNullable<StandUp["layout"]>;
type Drawn = Layout["nodes"][number];

const width = 250;
const gap = 18;
const lineHeight = 16;
const apart = 7;
const mostPictures = 40;
const mostNodes = 120;
const mostNetworks = 20;

/** Each declared environment once, whatever number of times it was stood up. */
export function pictureSection({ environments, tests }: Report): Markup | undefined {
  const drawn = new Map<string, { name: string; layout: Layout; times: number }>();
  for (const { environment, layout } of environments) {
    if (layout === undefined) continue;
    const key = JSON.stringify([environment, layout]);
    if (drawn.size >= mostPictures && !drawn.has(key)) continue;
    const known = drawn.get(key);
    if (known === undefined) drawn.set(key, { name: environment, layout: drawable(layout), times: 1 });
    else known.times += 1;
  }
  if (drawn.size === 0) return undefined;
  const exported = exportsIn(tests);
  return markup`<section id="pictures"><h2>What was stood up</h2>
${[...drawn.values()].map(
  ({ name, layout, times }) =>
    markup`<figure class="card scroll"><figcaption>${oneLine(name)} <span class="soft small">${times === 1 ? "stood up once" : `stood up ${times} times`}</span></figcaption>${picture(name, layout, exported)}</figure>\n`,
)}</section>`;
}

/** A node a name, and not more than a picture can show: each may carry others, and a report may be anybody's. */
function drawable({ nodes, networks }: Layout): Layout {
  const known = new Map(nodes.map((node) => [node.node, node]));
  return { nodes: [...known.values()].slice(0, mostNodes), networks: networks.slice(0, mostNetworks) };
}

/** `environment/node` → what a check found it to export. */
function exportsIn(tests: Report["tests"]): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, string[]>();
  for (const { title, negated, node, outcome } of tests.flatMap(({ checks }) => checks)) {
    const path = /^export (\S+) /.exec(title)?.[1];
    if (path === undefined || negated || outcome !== "passed") continue;
    const known = all.get(node) ?? [];
    if (!known.includes(path)) all.set(node, [...known, path]);
  }
  return all;
}

interface Box {
  readonly node: Drawn;
  readonly lines: readonly (readonly [look: string, text: string])[];
  readonly inside: readonly Box[];
  readonly height: number;
  x: number;
  y: number;
  column: number;
}

function picture(name: string, layout: Layout, exported: ReadonlyMap<string, readonly string[]>): Markup {
  const boxes = layout.nodes
    .filter(({ on }) => on === undefined || !layout.nodes.some(({ node }) => node === on))
    .map((node) => boxOf(name, node, layout, exported));
  const { networks: nets } = layout;
  const beside = gap + nets.length * apart;
  const columns = Math.min(3, boxes.length);
  const bottoms = Array.from({ length: columns }, () => nets.length * apart + 22);
  for (const box of boxes) {
    const column = bottoms.indexOf(Math.min(...bottoms));
    place(box, beside + column * (width + beside), bottoms[column] ?? 0, column);
    bottoms[column] = (bottoms[column] ?? 0) + box.height + gap;
  }
  const height = Math.max(...bottoms, 60);
  const total = beside + columns * (width + beside);
  const all = boxes.flatMap(function every(box): Box[] {
    return [box, ...box.inside.flatMap(every)];
  });
  const networks = nets.map(({ network, about }, index) => {
    const ends = all.filter(({ node }) => node.networks.some((joined) => joined.network === network));
    const title = `network ${oneLine(network)}${about === undefined ? "" : `, ${oneLine(about)}`}`;
    const bus = 8 + index * apart;
    const down = (column: number) => column * (width + beside) + beside - 8 - index * apart;
    const used = [...new Set(ends.map(({ column }) => column))];
    const at = (y: number) => y + 12 + (index % 3) * 7;
    const drops = used.map((column) => {
      const lowest = ends.filter((each) => each.column === column).reduce((low, { y }) => Math.max(low, at(y)), 0);
      return markup`<path d="M${down(column)} ${bus} V${lowest}"/>`;
    });
    const stubs = ends.map(
      ({ x, y, column }) =>
        markup`<path d="M${down(column)} ${at(y)} H${x}"/><circle cx="${x}" cy="${at(y)}" r="3.5"/>`,
    );
    return markup`<g class="net n${index % 5}"><title>${title}</title>${used.length > 0 && markup`<path d="M${down(Math.min(...used))} ${bus} H${down(Math.max(...used))}"/>`}${drops}${stubs}</g>`;
  });
  const labels = layout.networks.map(
    ({ network, about }, index) =>
      markup`<li class="n${index % 5}"><i></i>network ${oneLine(network)}${about !== undefined && markup` <span class="soft">${oneLine(about)}</span>`}</li>`,
  );
  return markup`<svg class="picture" width="${total}" height="${height}" viewBox="0 0 ${total} ${height}" role="img" aria-label="${`nodes of ${oneLine(name)}: ${layout.nodes.map(({ node }) => oneLine(node)).join(", ")}`}">${boxes.map(boxMarkup)}${networks}</svg>
${labels.length > 0 && markup`<ul class="nets">${labels}</ul>`}`;
}

function boxOf(name: string, node: Drawn, layout: Layout, exported: ReadonlyMap<string, readonly string[]>): Box {
  const inside = layout.nodes.filter(({ on }) => on === node.node).map((each) => boxOf(name, each, layout, exported));
  const lines: [string, string][] = [
    ["image", node.image],
    ...node.networks.map(({ network, address }): [string, string] => [
      "",
      `${network}${address === undefined ? "" : ` ${address}`}`,
    ]),
    ...node.mounts.map(({ at, source }): [string, string] => ["", `${at} ← ${source}`]),
    ...node.extras.map((each): [string, string] => ["", each]),
    ...(exported.get(`${name}/${node.node}`) ?? []).map((path): [string, string] => ["", `exports ${path}`]),
  ];
  const height = 34 + lines.length * lineHeight + inside.reduce((sum, each) => sum + each.height + 8, 0);
  return { node, lines, inside, height, x: 0, y: 0, column: 0 };
}

function place(box: Box, x: number, y: number, column: number): void {
  box.x = x;
  box.y = y;
  box.column = column;
  let below = y + 30 + box.lines.length * lineHeight;
  for (const each of box.inside) {
    place(each, x + 10, below, column);
    below += each.height + 8;
  }
}

function boxMarkup(box: Box): Markup {
  const { node, lines, inside, height, x, y } = box;
  const mine = width - (inside.length === 0 && node.on !== undefined ? 20 : 0);
  const most = Math.floor((mine - 20) / 6.4);
  return markup`<g class="node ${node.kind}"><rect x="${x}" y="${y}" width="${mine}" height="${height}" rx="6"/><text x="${x + 10}" y="${y + 20}" class="title">${short(node.node, 24)}<tspan class="kind" dx="6">${node.kind === "vm" ? "machine" : node.kind === "image" ? "image at rest" : "container"}</tspan></text>${lines.map(
    ([look, text], index) =>
      markup`<text x="${x + 10}" y="${y + 38 + index * lineHeight}" class="${look}">${short(text, most)}<title>${oneLine(text)}</title></text>`,
  )}${inside.map(boxMarkup)}</g>`;
}

/** The beginning of an image's name and the end of a path tell most: the middle goes. */
function short(text: string, most: number): string {
  const line = oneLine(text);
  if (line.length <= most) return line;
  const head = Math.ceil((most - 1) * 0.6);
  return `${line.slice(0, head)}…${line.slice(line.length - (most - 1 - head))}`.toWellFormed();
}
