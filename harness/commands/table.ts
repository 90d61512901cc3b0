// Decides which commands there are, what each one's help teaches, and where its work is done. Loads a command only when it is
// used, so that help stays quick. Refuses to do any of the work.

import type { Command } from "commander";
import { againEntries } from "./table-again.ts";
import { attestTable } from "./table-attest.ts";
import { diffTable } from "./table-diff.ts";
import { gateTable } from "./table-gate.ts";
import { proveTable } from "./table-prove.ts";
import { reportCommands } from "./table-report.ts";

export interface CommandEntry {
  /** Name and arguments as commander reads them: `run [pattern...]`. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly does: string;
  /** Paragraphs after the options. */
  readonly teaches?: string;
  /** Command lines with what each is for. */
  readonly examples?: readonly (readonly [line: string, why: string])[];
  readonly options?: readonly (readonly [flags: string, text: string])[];
  /** Exit codes it can end with, beside 2 for a wrong command line. */
  readonly exits: readonly ExitMeaning[];
  readonly hidden?: true;
  /** `words` are the arguments in order, `program` the whole command line. Resolves with the exit code. */
  act(words: readonly string[], options: Readonly<Record<string, unknown>>, program: Command): Promise<number>;
}

export type ExitMeaning = keyof typeof exitMeanings;

/** What each exit code tells a script. */
export const exitMeanings = {
  0: "met: everything that was asked is so",
  1: "a check failed: the image is not what it claims to be",
  2: "the command line or a declaration is wrong",
  3: "could not ask: engine, build or connection; says nothing about the image",
  4: "something of this run could not be removed",
  130: "interrupted (Ctrl-C), and torn down",
  143: "terminated, and torn down",
} as const;

const running: readonly ExitMeaning[] = [0, 1, 2, 3, 4, 130, 143];
const asking: readonly ExitMeaning[] = [0, 2, 3];
const everyProject = ["unit", "contract", "specs", "twins", "crash"];

export const commandTable: readonly CommandEntry[] = [
  {
    usage: "init [name]",
    does: "put a recipe, an environment and a spec of your own here, to begin with",
    teaches:
      "Beside an installed package it also makes the directory a project: package.json, tsconfig.json, .gitignore, as far as they are not\n" +
      'there; one of somebody\'s own gets "type": "module" and the lines that are missing. In a checkout of Assay the files go into the\n' +
      "checkout. No spec, environment or recipe is written over. Of an image that is there already, see draft.",
    examples: [
      ["assay init", "hello: fixtures/hello/recipe.ts, environments/hello.ts, specs/hello.spec.ts"],
      ["assay init studio && assay run studio", "a green first run"],
    ],
    options: [["--json", "print { project, written, next } as JSON"]],
    exits: [0, 2],
    act: async ([name], options) => (await import("./init.ts")).initCommand(name, options),
  },
  {
    usage: "start [pattern...]",
    does: "set up this machine, then run the specs: what `npm start` does",
    exits: running,
    async act(patterns) {
      const { setUpFirst } = await import("./setup.ts");
      const stop = await setUpFirst("npm start");
      return stop === 0 ? run(patterns, ["specs"]) : stop;
    },
  },
  {
    usage: "run [pattern...]",
    does: "run specs: build images, stand environments up, check, tear down, report",
    teaches:
      "A pattern is a part of a spec file's path; several mean any of them, none means all.\n" +
      "The report is written to reports/runs/<run>/.",
    examples: [
      ["assay run", "all specs"],
      ["assay run docker-soe", "the specs whose file name holds docker-soe"],
      ["assay run docker-soe --keep --keep-for 20m", "what failed stays for twenty minutes: see assay shell"],
      ["NO_COLOR=1 assay run | tee log", "plain lines"],
      [
        "assay run --shard 1/3 --json >1.json",
        "a third of the spec files, the report as JSON; assay merge makes one of all",
      ],
      ["assay run docker-soe --with vfx-studio-soe=registry.example/soe:rc1", "the same specs on a candidate"],
    ],
    options: [
      [
        "--json",
        "print the report as JSON (reports/report.schema.json) on standard output, and all else on standard error",
      ],
      ["--shard <i/n>", "run the i-th of n parts of the spec files, each on a machine of its own; see assay merge"],
      ["--with <name=other,...>", "let a recipe, an image or an environment stand in for the one of that name"],
      ["--no-prefer", "ask no registry for images that are preferred to a recipe's; the report says so"],
      ["--project <name>", "tests other than specs: unit, contract, twins, long-specs, long-twins, crash, bench"],
      ["--keep [when]", "leave environments standing for a look: on-failure, which is meant without a word, or always"],
      ["--keep-for <time>", "for how long; 1h unless told otherwise"],
      ["--capsule", "where something failed, pack what is needed to see it again elsewhere: see assay repro"],
      ["--no-capsule", "do not, though CI is set"],
      ["--test <name...>", "only tests of these full names; behind the patterns"],
    ],
    exits: running,
    async act(patterns, { project = "specs", keep, keepFor, shard, test: only, ...options }) {
      const [{ readKeep }, { readShard }] = await Promise.all([
        import("./keep-options.ts"),
        import("./merge-options.ts"),
      ]);
      const tests = only === undefined ? {} : { only };
      return run(patterns, [String(project)], {
        ...options,
        ...tests,
        ...readKeep(keep, keepFor),
        ...readShard(shard),
      });
    },
  },
  ...reportCommands,
  ...attestTable,
  ...againEntries,
  ...proveTable,
  {
    usage: "watch [pattern...]",
    does: "run specs, and run again what depends on a file that changed; until Ctrl-C",
    teaches:
      "A spec file depends on itself, on what it imports (its environment, recipes), and on what its recipes read: playbooks, roles,\n" +
      "copied files, Dockerfiles. Each round is a run of its own, with its own report. Between rounds an environment of containers stands\n" +
      "ahead, clean, and the next round begins in it if it is declared as it was; machines start from memory. Changes of Assay itself are\n" +
      "not watched.",
    examples: [
      ["assay watch", "all specs"],
      ["assay watch docker-soe-bash", "one, while its role is being written"],
    ],
    exits: [2, 3, 4, 130, 143],
    act: async (patterns) => (await import("./watch.ts")).watchCommand(patterns),
  },
  ...gateTable,
  {
    usage: "test [pattern...]",
    does: "set up this machine, then run every test of the project: what `npm test` does",
    teaches:
      "Unit tests, contracts on the real engine, the specs, their broken twins, and the tests that kill a run at every step.",
    examples: [
      ["assay test", "everything"],
      ["assay test ledger", "the tests whose file name holds ledger"],
    ],
    exits: running,
    async act(patterns) {
      const { setUpFirst } = await import("./setup.ts");
      const stop = await setUpFirst("npm test");
      return stop === 0 ? run(patterns, everyProject) : stop;
    },
  },
  {
    usage: "build <recipe...>",
    does: "build the images of recipes, or find them built",
    teaches:
      "An unchanged recipe is recognised by its digest and not built again. Independent recipes are built at the same time.\n" +
      "With --twice each is built from nothing, twice, and both trees are compared: the same, or what differs and why.",
    examples: [
      ["assay build vfx-studio-soe", "one image"],
      ["assay build vfx-studio-soe --twice", "whether it comes out the same"],
    ],
    options: [
      ["--json", "print [{ recipe, tag, imageId, built, … }] as JSON; the lines go to standard error"],
      ["--twice", "build from nothing twice and compare; the store keeps neither"],
    ],
    exits: [0, 1, 2, 3, 130, 143],
    act: async (names, options) => (await import("./build.ts")).buildCommand(names, options),
  },
  {
    usage: "draft <image>",
    does: "write a first spec of an image: users, packages, files, setuid, configuration, what runs and listens",
    teaches:
      "An image is a recipe of the project, name:tag that the engine has, a file of docker save, an OCI layout or a directory with a root\n" +
      "file system; the last three are judged at rest. Others run as they are; where the program ends by itself they idle. What was seen\n" +
      "of one container is asked of a second, fresh one, and only what is so again is written: environments/<name>.ts and\n" +
      "specs/<name>-draft.spec.ts. Nothing is written over.",
    examples: [
      ["assay draft studio-web:0.1.0", "of a running container"],
      ["assay draft studio", "of what the recipe studio gives"],
      ["assay draft ./released.tar --name released", "of an archive: no engine is asked, nothing is started"],
    ],
    options: [
      ["--name <name>", "of the environment; made of the image's name unless told otherwise"],
      ["--no-run", "do not start the image's own program"],
      ["--settle <time>", "how long its program is given before it is looked at; 3s unless told otherwise"],
      ["--json", "print { environment, spec, image, mode, note, lines, left } as JSON"],
    ],
    exits: [0, 2, 3, 4, 130, 143],
    act: async ([image = ""], options) => (await import("./draft.ts")).draftCommand(image, options),
  },
  {
    usage: "why <recipe>",
    does: "tell what changed in a recipe since its image was built",
    examples: [["assay why vfx-studio-soe", "file by file, variable by variable"]],
    options: [["--json", "print { recipe, state, digest, builtAt, because } as JSON"]],
    exits: asking,
    act: async ([name = ""], options) => (await import("./why.ts")).whyCommand(name, options),
  },
  ...diffTable,
  {
    usage: "list",
    does: "list what is alive: runs, their owners and resources",
    options: [
      ["--json", "print { runs, troubles } as JSON; with --store { directory, budget, bytes, entries }"],
      ["--store", "list what the store holds instead: sizes, last uses, who uses it"],
    ],
    exits: asking,
    act: async (_words, options) =>
      options["store"] === true
        ? (await import("./store-contents.ts")).storeListCommand(options)
        : (await import("./list.ts")).listCommand(options),
  },
  {
    usage: "gc",
    does: "remove what dead runs left; a live run's resources are never touched",
    teaches: "Each run does this at its start. By hand it is of use after a crash.",
    options: [
      ["--json", "print { removed, kept, swept, troubles } as JSON; with --store { removed, bytes }"],
      ["--kept", "also what runs left standing on purpose, with --keep or by assay up"],
      ["--store [budget]", "bring the store within its budget now, or within this one; 0 leaves what is in use"],
    ],
    exits: [0, 2, 3, 4],
    act: async (_words, { store, ...options }) =>
      store === true || typeof store === "string"
        ? (await import("./store-contents.ts")).storeGcCommand(store, options)
        : (await import("./gc.ts")).gcCommand(options),
  },
  {
    usage: "shell <node> [command...]",
    does: "work in a node that is kept or up: a shell, or one command",
    teaches:
      "A node is <run>/<node> or <environment>/<node>, or its name alone where only one is called so. With a terminal on both sides the\n" +
      "node gives one; else input and output are pipes. Its exit status is the command's; 3 when it could not be asked.",
    examples: [
      ["assay shell tou0b1c2d3/soe", "a shell in what a run with --keep left"],
      ["assay shell studio/web -- cat /etc/os-release", "one command"],
      ["tar -c role | assay shell web --user 0 -- tar -x -C /srv", "through pipes"],
    ],
    options: [["--user <name>", "as this user: a name, uid or uid:gid; else as the user the node runs as"]],
    exits: asking,
    act: async ([node = "", ...command], options) => (await import("./shell.ts")).shellCommand(node, command, options),
  },
  {
    usage: "up <environment>",
    does: "stand an environment up outside of any spec, and keep it until assay down",
    teaches:
      "It tells first what it creates and destroys. The same declaration twice is no work: the second answers that it is up, and how each\n" +
      "node is reached. Machines that came or went, in the declaration or by --count, come and go while the others go on. One that was\n" +
      "changed otherwise, in a node, a recipe or a file of a recipe, is told with what differs (exit code 2); one of which something has\n" +
      "ended or gone, with what (3). Neither is touched without --replace. Another checkout's of the name are that one's own.",
    examples: [
      ["assay up studio", "stand it up, or find it up"],
      ["assay up studio --count dev=5", "with five machines of the group dev: those that are up stay as they are"],
      ["assay up studio --count dev=2 --plan", "what would come and go; nothing is changed"],
      ["assay up studio --replace", "the same, anew where it was declared otherwise or is not whole"],
      ["assay up studio --json | jq -r '.nodes[].name'", "its containers and domains, for a script"],
    ],
    options: [
      [
        "--count <group=n...>",
        "so many machines of a group, in the place of what is declared; behind the environment's name",
      ],
      ["--plan", "tell what would be done, and do nothing"],
      ["--replace", "take down what is up, where it is not what is declared now, and stand it up anew"],
      [
        "--json",
        "print { run, environment, state, plan, nodes } as JSON, with --plan { run, environment, state, needs, plan }",
      ],
    ],
    exits: [0, 2, 3, 4, 130, 143],
    act: async ([name = ""], options) => (await import("./up.ts")).upCommand(name, options),
  },
  {
    usage: "ssh <node> [command...]",
    does: "log in to a machine that is kept or up, by ssh with its own key",
    teaches:
      'For machines whose declaration says transport: "ssh"; the others, and containers, are reached by assay shell. A node is named as there.\n' +
      "It is OpenSSH's ssh: the one key that was made for the machine, the one host key that it may show, nothing of your configuration. Its\n" +
      "exit status is the command's, and 255 where ssh itself failed.",
    examples: [
      ["assay ssh dev-002", "a login"],
      ["assay ssh studio/dev-002 -- uptime", "one command"],
    ],
    exits: asking,
    act: async ([node = "", ...command]) => (await import("./ssh.ts")).sshCommand(node, command),
  },
  {
    usage: "export <format> <what>",
    does: "write an environment for other tools: an inventory of what is up, or manifests for a cluster",
    teaches:
      "kube: an environment's containers as Pods, Services, PersistentVolumeClaims and ConfigMaps, whether it stands or not; what a cluster\n" +
      "cannot have of it is said in comments, with the reason.\n" +
      'ansible, of an environment that is up or a run that is kept: a YAML inventory with the environment\'s groups, for machines with transport: "ssh" and for containers on this\n' +
      "machine's docker or podman (collections community.docker, containers.podman). What has no way in is told, and left out.",
    examples: [
      ["assay export ansible studio --out hosts.yml", "then ansible -i hosts.yml all -m ping"],
      ["ansible-playbook -i <(assay export ansible studio) site.yml", "without a file"],
      ["assay export kube studio-pods --out pods.yaml", "then kubectl apply -f pods.yaml"],
    ],
    options: [["--out <file>", "into this file, readable by you alone, instead of standard output"]],
    exits: asking,
    act: async ([format = "", what = ""], options) =>
      (await import("./export.ts")).exportCommand(format, what, options),
  },
  {
    usage: "down <what...>",
    does: "take down what was kept: a run, or an environment by its name",
    teaches: "What is not up is down already: that is no error.",
    examples: [
      ["assay down studio", "what assay up studio stood up"],
      ["assay down tou0b1c2d3", "what this run left standing with --keep"],
    ],
    options: [
      ["--plan", "tell what would be destroyed, and destroy nothing"],
      ["--json", "print [{ run, created, destroyed, leaked }] as JSON; with --plan [{ run, state, plan }]"],
    ],
    exits: [0, 2, 3, 4],
    act: async (words, options) => (await import("./down.ts")).downCommand(words, options),
  },
  {
    usage: "doctor",
    does: "tell what this machine can do; each no with its cause and its remedy",
    examples: [
      ["assay doctor", "a table"],
      ["assay doctor --json | jq .containers", "for a script"],
    ],
    options: [["--json", "print { containers, machines, findings } as JSON"]],
    exits: asking,
    act: async (_words, options) => (await import("./doctor.ts")).doctorCommand(options),
  },
  {
    usage: "setup",
    does: "install and start what is missing; says each step first",
    teaches:
      "Installs Debian packages by apt-get and starts the engine and libvirt: by systemd where that runs, else by hand.\n" +
      "What runs already is not touched. Where nobody can be asked and without --yes, it prints the commands and stops.",
    examples: [
      ["assay setup", "say what is to do, and ask"],
      ["sudo npx assay setup --yes", "do it without asking"],
    ],
    options: [["--yes", "do not ask"]],
    exits: asking,
    act: async (_words, options) => (await import("./setup.ts")).setupCommand(options),
  },
  {
    usage: "bench",
    does: "measure Assay against the same work done by shell",
    teaches:
      "Both sides by turns, in one run; the table goes to reports/bench.md as well. Only ratios mean something.\n" +
      "goss is built with go the first time; where that cannot be done the table says that the peer is missing.",
    options: [
      [
        "--part <name>",
        "containers, peers, images, diff, machines, studio, stack, prove, report or all; the others' numbers stay in the page",
      ],
      ["--quick", "without the disk that is built from nothing, and each studio once: both take minutes"],
    ],
    exits: [0, 1, 2, 3],
    act: async (_words, options) => (await import("./bench.ts")).benchCommand(options),
  },
  {
    usage: "completion <shell>",
    does: "print what bash, zsh or fish reads to complete commands, options and names",
    examples: [
      ["source <(assay completion bash)", "in ~/.bashrc; zsh reads its own the same way, after compinit"],
      ["assay completion fish | source", "in ~/.config/fish/config.fish"],
    ],
    exits: [0, 2],
    act: async ([shell = ""]) => (await import("./completion.ts")).completionCommand(shell),
  },
  {
    usage: "complete [word...]",
    does: "print what fits at the place of the last word; asked by shells",
    exits: [0],
    hidden: true,
    act: async (words, _options, program) => (await import("./completion.ts")).completeCommand(program, words),
  },
];

async function run(
  patterns: readonly string[],
  projects: readonly string[],
  options: Readonly<Record<string, unknown>> = {},
): Promise<number> {
  return (await import("./run.ts")).runCommand(patterns, { ...options, projects });
}
