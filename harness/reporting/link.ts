// Decides how a place in a file becomes something to click in a terminal: OSC 8, `file://host/path#line`, which kitty, VS Code, iTerm2 and the
// terminals over VTE know. The words stay `file:line:column`, which editors find by themselves. Only for terminals: a log must stay plain.
import { hostname } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Dresses `file:line:column`, or a path; what is neither stays as it is. `target` is where it leads, where the words do not say. */
export type Link = (place: string, target?: string) => string;

/**
 * Links to files below `root`, an absolute directory, or at absolute paths. `host` says whose they are, for terminals that look at
 * another machine.
 * @example linkTo("/srv/images")("specs/a.spec.ts:8:3") // the same words, which lead to line 8
 */
export function linkTo(root: string, host: string = hostname()): Link {
  return (place, leads = place) => {
    const [, path = "", line] = /^(\S.*?)(?::(\d+)(?::\d+)?)?$/.exec(leads) ?? [];
    // A control character would end the sequence, and the words after it would steer the terminal.
    if (path === "" || /\p{Cc}/u.test(place + leads)) return place;
    const url = pathToFileURL(resolve(root, path));
    const target = `file://${encodeURIComponent(host)}${url.pathname}${line === undefined ? "" : `#${line}`}`;
    return `\u001b]8;;${target}\u001b\\${place}\u001b]8;;\u001b\\`;
  };
}
