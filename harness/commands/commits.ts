// Decides how the commits of a project's repository are read: by git's own programs, which change nothing of it. The files of a commit are
// written by an index of their own, so that neither the working tree nor its index nor a ref knows of it.
import { execFile } from "node:child_process";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { Known } from "./bisect-search.ts";

const run = promisify(execFile);

export class Commits {
  readonly #repository: string;
  /** The project's path in the repository: empty at its top. */
  readonly #prefix: string;

  private constructor(repository: string, prefix: string) {
    this.#repository = repository;
    this.#prefix = prefix;
  }

  /** A `DeclarationError` (code `no-repository`) where the project is in none. */
  static async of(project: string): Promise<Commits> {
    try {
      const { stdout } = await run("git", ["-C", project, "rev-parse", "--show-toplevel"]);
      const top = stdout.replace(/\n$/, "");
      return new Commits(top, relative(top, project));
    } catch (error) {
      throw new DeclarationError({
        code: "no-repository",
        seen: `${project} is in no git repository: ${firstLine(error)}`,
        cause: error,
      });
    }
  }

  /** The commit that a word means, in full. A `DeclarationError` (code `no-such-commit`). */
  async named(word: string): Promise<string> {
    try {
      return (await this.#git(["rev-parse", "--verify", "--quiet", "--end-of-options", `${word}^{commit}`])).trim();
    } catch (error) {
      throw new DeclarationError({
        code: "no-such-commit",
        seen: `"${word}" is no commit of the repository`,
        hint: "git log shows them; a shallow clone lacks the older ones",
        cause: error,
      });
    }
  }

  async leadsTo(ancestor: string, commit: string): Promise<boolean> {
    return (await this.#lines(["merge-base", ancestor, commit]).catch((): string[] => [])).includes(ancestor);
  }

  /** What may be the first bad one, that which halves it best first. */
  async between({ goods, bad }: Known): Promise<readonly string[]> {
    const lines = await this.#lines(["rev-list", "--bisect-all", bad, "--not", ...goods]);
    return lines.map((line) => line.split(" ")[0] ?? "");
  }

  async parents(commit: string): Promise<readonly string[]> {
    return (await this.#git(["rev-parse", `${commit}^@`])).trim().split("\n");
  }

  async subject(commit: string): Promise<string> {
    return (await this.#git(["log", "-1", "--format=%s", commit])).trim();
  }

  /** Files of the project that a commit changed beside its first parent: `M fixtures/soe/recipe.ts`. */
  async filesOf(commit: string): Promise<readonly string[]> {
    const words = [
      "diff-tree",
      "-r",
      "--root",
      "--no-commit-id",
      "--name-status",
      "-m",
      "--first-parent",
      "--relative",
      commit,
    ];
    return (await this.#lines(words, join(this.#repository, this.#prefix))).map((line) => line.replace("\t", " "));
  }

  /** Writes the project's files as a commit has them into an empty directory. `room`: where an index may lie meanwhile. */
  async write(commit: string, directory: string, room: string): Promise<void> {
    const env = { ...process.env, GIT_INDEX_FILE: join(room, "index") };
    const tree = this.#prefix === "" ? commit : `${commit}:${this.#prefix}`;
    await run("git", ["-C", this.#repository, "read-tree", tree], { env });
    await run("git", ["-C", this.#repository, "checkout-index", "--all", "--force", `--prefix=${directory}/`], { env });
  }

  async #lines(words: readonly string[], where?: string): Promise<string[]> {
    return (await this.#git(words, where)).split("\n").filter((line) => line !== "");
  }

  async #git(words: readonly string[], where: string = this.#repository): Promise<string> {
    const { stdout } = await run("git", ["-C", where, ...words], { maxBuffer: 64 * 1024 ** 2 });
    return stdout;
  }
}

function firstLine(error: unknown): string {
  return messageOf(error).trim().split("\n").at(-1) ?? "";
}
