// Decides which sentences can be said about logging in to a machine over ssh, tried for real, as anybody could from the network.
// A refusal is an answer; a server that is not reached is none.
import type { LoginAnswer, LoginTrial, VmNode } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { about, requireSubject, verdict } from "./question.ts";

export interface LoginOptions {
  /** Default 22. */
  readonly port?: number;
  /** The declared network to come from, where the machine is in several. */
  readonly network?: string;
}

/**
 * A login over ssh. Each check tries once each time it is asked.
 * @example await expect(soe).toMeet(login("ops").withKey(opsKey).isGranted());
 * @example await expect(soe).toMeet(all(login("ops").withPassword(guess).isRefused(), login("ops").offersOnly("publickey")));
 */
export function login(user: string, options: LoginOptions = {}) {
  requireSubject(/^[^-:\s\0][^:\s\0]*$/.test(user), `"${user}" is not the name of a user`, "give the user's name");
  const ask = (way: string, trial: LoginTrial) =>
    about<VmNode, LoginAnswer>({
      subject: `login of ${user}${way}`,
      command: `ssh${options.port === undefined ? "" : ` -p ${options.port}`} ${user}@${options.network ?? "machine"}`,
      observe: (node) => node.login(trial, options),
    });
  const tried = (way: string, trial: LoginTrial) => {
    const asked = ask(way, trial);
    return {
      isGranted: () => asked("is granted", (seen) => verdict(seen.granted, "granted", sayAnswer(seen))),
      /** The server was there and said no. */
      isRefused: () => asked("is refused", (seen) => verdict(!seen.granted, "refused", sayAnswer(seen))),
    };
  };
  const anonymous = ask("", { user });
  return {
    /** With a private key in OpenSSH's format. */
    withKey: (privateKey: Secret) => tried(` with key ${privateKey.name}`, { user, privateKey }),
    /** With a password, by whichever method takes one. */
    withPassword: (password: Secret) => tried(` with password ${password.name}`, { user, password }),
    /** Without anything: what an empty password would do. */
    withNothing: () => tried(" with nothing", { user }),
    /** The server offers this method: `publickey`, `password`, `keyboard-interactive`. */
    offers: (method: string) =>
      anonymous(`offers ${method}`, (seen) => verdict(seen.offered.includes(method), method, sayOffered(seen))),
    /** Exactly these methods, in whichever order. */
    offersOnly: (...methods: readonly [string, ...string[]]) =>
      anonymous(`offers only ${methods.join(", ")}`, (seen) =>
        verdict(
          !seen.granted && [...seen.offered].sort().join() === [...methods].sort().join(),
          methods.join(", "),
          sayOffered(seen),
        ),
      ),
  };
}

function sayAnswer(seen: LoginAnswer): string {
  return seen.granted ? "granted" : `refused; ${sayOffered(seen)}`;
}

function sayOffered({ granted, offered }: LoginAnswer): string {
  if (granted) return "granted without asking for anything";
  return offered.length === 0 ? "no method was offered" : `offered: ${offered.join(", ")}`;
}
