// Decides what a file system tree can be asked where no program of the tree's own answers: an image at rest, or a container that is
// looked at with tools of ours. Refuses to know where the tree lies.

/** What lies at a path, a symbolic link as the link itself. */
export interface TreeEntry {
  /** Type and permission bits as `st_mode` has them: `0o100644` for a regular file. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; of a symbolic link, the length of its target. */
  readonly size: number;
  /** What a symbolic link holds, as it is written there. */
  readonly target: string | undefined;
  /** Extended attributes by their full names, none among them; absent where the tree cannot tell. */
  readonly attributes?: ReadonlyMap<string, Buffer>;
}

/** Why there is nothing to read: nothing there (also: a link to nothing), or not a regular file. */
export interface NothingToRead {
  readonly nothing: "absent" | "irregular";
}

/**
 * A tree of files, asked by absolute paths, many at a time: each call is one passage over it. Answers come in the order of the
 * questions. Links on the way are followed inside the tree, never out of it. An `Error` among the answers means that this one could
 * not be seen; a rejection, that none could.
 */
export interface FileTree {
  /** Contents never change, and each reading of some is a passage over all: who needs parts of a file one after the other keeps it. */
  readonly keepWhatIsRead?: boolean;
  /** `undefined` where nothing is. */
  look(paths: readonly string[]): Promise<readonly (TreeEntry | undefined | Error)[]>;
  /** The first `most` bytes of each file and whether that is all of it; links are followed. */
  read(
    paths: readonly string[],
    most: number,
  ): Promise<readonly ({ readonly bytes: Buffer; readonly whole: boolean } | NothingToRead | Error)[]>;
  /** SHA-256 of contents, in lower-case hexadecimal; links are followed. */
  sha256(paths: readonly string[]): Promise<readonly (string | NothingToRead | Error)[]>;
  /**
   * A directory and all that lies below it, by path, in no order; links are not followed, and of a link to a directory it is the link
   * alone. `undefined` where there is no directory. Bytes of names that are no UTF-8 become U+FFFD. Rejects where a part cannot be seen.
   */
  walk(directory: string): Promise<readonly (readonly [path: string, entry: TreeEntry])[] | undefined>;
  /** Names in a directory, in byte order; `undefined` where there is no directory. Bytes that are no UTF-8 become U+FFFD. */
  list(directories: readonly string[]): Promise<readonly (readonly string[] | undefined | Error)[]>;
}
