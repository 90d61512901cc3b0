// Decides a work of all kinds: 120 assertions about files, accounts, packages, mounts, parameters, ports, names, commands, processes
// and interfaces of the standard operating environment, in Assay's words and in goss's. Both are counted: neither does less.
import {
  type Check,
  command,
  dns,
  file,
  group,
  mount,
  type Node,
  networkInterface,
  pkg,
  ports,
  process,
  sysctl,
  user,
} from "../index.ts";

interface Assertion {
  readonly kind: string;
  readonly id: string;
  /** goss's attribute and its value, as YAML has them. */
  readonly attribute: string;
  readonly check: Check<Node>;
}

const paths = Array.from({ length: 10 }, (_, index) => `/srv/bench/0/file-${index}`);
const accounts = [
  ["root", 0, 0, "/root"],
  ["daemon", 1, 1, "/usr/sbin"],
  ["bin", 2, 2, "/bin"],
  ["sys", 3, 3, "/dev"],
  ["games", 5, 60, "/usr/games"],
] as const;
const groups = [
  ["root", 0],
  ["daemon", 1],
  ["adm", 4],
  ["shadow", 42],
  ["staff", 50],
] as const;
const packages = [
  ...["apt", "base-files", "base-passwd", "bash", "coreutils", "dash", "debconf", "debianutils", "diffutils", "dpkg"],
  ...["findutils", "gpgv", "grep", "gzip", "hostname", "login"],
];
const words = [
  ["uname", "Linux"],
  ["id", "uid=0(root)"],
  ["whoami", "root"],
  ["arch", "x86_64"],
  ["printenv", "PATH="],
] as const;

function assertions(kernel: string): readonly Assertion[] {
  const one = (kind: string, id: string, attribute: string, check: Check<Node>): Assertion => ({
    kind,
    id,
    attribute,
    check,
  });
  return [
    ...paths.flatMap((path, index) => {
      const owner = index % 2 === 0 ? "root" : "studio";
      return [
        one("file", path, "exists: true", file(path).exists()),
        one("file", path, `owner: ${owner}`, file(path).ownedBy(owner)),
        one("file", path, `group: ${owner}`, file(path).ownedBy(owner, owner)),
        one("file", path, 'mode: "0755"', file(path).hasMode(0o755)),
      ];
    }),
    ...["/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/os-release", "/etc/debian_version"].flatMap(
      (path, index) => {
        const wanted = ["root:x:0:0", "root:x:0:", "passwd:", "bookworm", "12"][index] ?? "";
        return [
          one("file", path, "exists: true", file(path).exists()),
          one("file", path, `contents: ["${wanted}"]`, file(path).contains(wanted)),
        ];
      },
    ),
    ...accounts.flatMap(([name, uid, gid, home]) => [
      one("user", name, "exists: true", user(name).exists()),
      one("user", name, `uid: ${uid}`, user(name).hasUid(uid)),
      one("user", name, `gid: ${gid}`, user(name).hasGid(gid)),
      one("user", name, `home: ${home}`, user(name).hasHome(home)),
    ]),
    ...groups.flatMap(([name, gid]) => [
      one("group", name, "exists: true", group(name).exists()),
      one("group", name, `gid: ${gid}`, group(name).hasGid(gid)),
    ]),
    ...packages.map((name) => one("package", name, "installed: true", pkg(name).isInstalled())),
    ...[
      ["/proc", "proc"],
      ["/dev", "tmpfs"],
      ["/sys", "sysfs"],
    ].flatMap(([path = "", type = ""]) => [
      one("mount", path, "exists: true", mount(path).exists()),
      one("mount", path, `filesystem: ${type}`, mount(path).hasType(type)),
    ]),
    one("kernel-param", "kernel.ostype", `value: ${kernel}`, sysctl("kernel.ostype").is(kernel)),
    one("kernel-param", "net.ipv4.ip_forward", 'value: "1"', sysctl("net.ipv4.ip_forward").is(1)),
    one("port", "tcp:22", "listening: false", ports().areOnly()),
    one("dns", "localhost", "resolvable: true", dns("localhost").resolves()),
    ...words.flatMap(([word, wanted]) => [
      one("command", word, "exit-status: 0", command([word]).exits(0)),
      one("command", word, `stdout: ["${wanted}"]`, command([word]).prints(wanted)),
    ]),
    one("process", "sleep", "running: true", process("sleep").isRunning()),
    one("interface", "lo", "exists: true", networkInterface("lo").exists()),
    one("interface", "lo", 'addrs: ["127.0.0.1/8"]', networkInterface("lo").hasAddress("127.0.0.1/8")),
    one("interface", "lo", "mtu: 65536", networkInterface("lo").hasMtu(65536)),
  ];
}

/** How many they are. */
export const mixedAssertions = assertions("Linux").length;

/** Each assertion as a check. `kernel` replaces one parameter's value: one defect, to see that it is found. */
export function mixedChecks(kernel = "Linux"): readonly Check<Node>[] {
  return assertions(kernel).map(({ check }) => check);
}

/** The same assertions as a goss file. */
export function mixedGossfile(kernel = "Linux"): string {
  const kinds = Map.groupBy(assertions(kernel), ({ kind }) => kind);
  return [...kinds]
    .map(([kind, ofKind]) => {
      const subjects = [...Map.groupBy(ofKind, ({ id }) => id)].map(
        ([id, own]) => `  ${JSON.stringify(id)}:\n${own.map(({ attribute }) => `    ${attribute}\n`).join("")}`,
      );
      return `${kind}:\n${subjects.join("")}`;
    })
    .join("");
}
