// Decides what of an rpm header is told of its package: name, version, licence, and the paths that it brought. Pure.
import { DamagedRpm, type RpmHeader } from "./rpm-header.ts";

/** A package that is installed, as rpm itself prints it: `(none)` for an architecture that it has not, as keys have none. */
export interface RpmPackage {
  readonly name: string;
  /** `epoch:version-release`; an epoch of 0 is left out. */
  readonly version: string;
  readonly architecture: string;
  readonly licence: string | undefined;
  /** Those that it brought and that lie there as its own. Absolute. */
  readonly paths: readonly string[];
}

/** rpm's `include/rpm/rpmtag.h`. */
const tag = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  licence: 1014,
  architecture: 1022,
  wholeNames: 1027,
  states: 1029,
  directoryOf: 1116,
  names: 1117,
  directories: 1118,
} as const;

/** States of a path: another package's lies there; left out as documentation or another language is; of another word size. */
const elsewhere: readonly number[] = [1, 2, 4];

/** Letters of all paths of a package; those of a kernel's sources have some million. */
const mostPaths = 2 ** 27;

/** Throws `DamagedRpm` where it says no name, version or release, or where the lists of its paths do not fit. */
export function packageOf(header: RpmHeader): RpmPackage {
  const [name, version, release] = [tag.name, tag.version, tag.release].map((each) => header.texts(each)[0] ?? "");
  if (!name || !version || !release)
    throw new DamagedRpm(`it says name "${name}", version "${version}", release "${release}"`);
  const [epoch = 0] = header.numbers(tag.epoch);
  return {
    name,
    version: `${epoch === 0 ? "" : `${epoch}:`}${version}-${release}`,
    architecture: header.texts(tag.architecture)[0] ?? "(none)",
    licence: header.texts(tag.licence)[0],
    paths: ownPaths(header, name),
  };
}

function ownPaths(header: RpmHeader, name: string): readonly string[] {
  const paths = pathsOf(header, name);
  const states = header.numbers(tag.states);
  if (states.length !== 0 && states.length !== paths.length)
    throw new DamagedRpm(`${name} has ${paths.length} files and states of ${states.length}`);
  return paths.filter((_, at) => !elsewhere.includes(states[at] ?? 0));
}

/** All that it brought, whatever became of them since, in its order. Throws `DamagedRpm`. */
export function pathsOf(header: RpmHeader, name: string): readonly string[] {
  const [bases, directories, places] = [
    header.texts(tag.names),
    header.texts(tag.directories),
    header.numbers(tag.directoryOf),
  ];
  if (bases.length !== places.length)
    throw new DamagedRpm(`${name} has ${bases.length} names of files in ${places.length} directories`);
  // Before rpm 4 a path was one text.
  if (bases.length === 0) return header.texts(tag.wholeNames);
  let left = mostPaths;
  return bases.map((base, at) => {
    const directory = directories[places[at] ?? -1];
    if (directory === undefined)
      throw new DamagedRpm(`${name} has a file in directory ${places[at]} of ${directories.length}`);
    // A directory is told once, and may be that of each file.
    left -= directory.length + base.length;
    if (left < 0) throw new DamagedRpm(`${name} has paths of more than ${mostPaths} letters`);
    return `${directory}${base}`;
  });
}
