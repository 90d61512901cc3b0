// Decides who a container runs as and what it may: what a pod's security context says, and a container's above it.
import type { Fields, Placed } from "./placed.ts";

/** Of a pod; each container's own counts more. */
export interface PodSecurity {
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  readonly runAsNonRoot: boolean;
  readonly fsGroup: number | undefined;
  /** Further groups of every process, fsGroup among them. */
  readonly groups: readonly number[];
}

const shared = ["runAsUser", "runAsGroup", "runAsNonRoot"];
const unsupported = Object.fromEntries(
  [
    "seLinuxOptions",
    "seccompProfile",
    "appArmorProfile",
    "windowsOptions",
    "sysctls",
    "fsGroupChangePolicy",
    "procMount",
    "supplementalGroupsPolicy",
  ].map((field) => [field, "a container has what the engine gives every container"]),
);
const mostId = 2 ** 31 - 1;

export function readPodSecurity(pod: Fields): PodSecurity {
  const fields = pod.get("securityContext")?.fields([...shared, "fsGroup", "supplementalGroups"], unsupported);
  const number = (field: string) => fields?.get(field)?.integer(0, mostId);
  const fsGroup = number("fsGroup");
  const groups = (fields?.list("supplementalGroups") ?? []).map((each) => each.integer(0, mostId));
  return {
    runAsUser: number("runAsUser"),
    runAsGroup: number("runAsGroup"),
    runAsNonRoot: fields?.flag("runAsNonRoot") ?? false,
    fsGroup,
    groups: [...new Set([...groups, ...(fsGroup === undefined ? [] : [fsGroup])])],
  };
}

/** As `container` takes it. */
export interface ContainerSecurity {
  readonly user?: string;
  readonly groups: number[];
  readonly privileged: boolean;
  readonly readOnlyRoot: boolean;
  readonly noNewPrivileges: boolean;
  readonly capabilities: { readonly add: string[]; readonly drop: string[] };
}

export function readSecurity(container: Fields, pod: PodSecurity): ContainerSecurity {
  const own = container.get("securityContext");
  const fields = own?.fields(
    [...shared, "privileged", "capabilities", "readOnlyRootFilesystem", "allowPrivilegeEscalation"],
    unsupported,
  );
  const user = fields?.get("runAsUser")?.integer(0, mostId) ?? pod.runAsUser;
  const group = fields?.get("runAsGroup")?.integer(0, mostId) ?? pod.runAsGroup;
  if (user === undefined && group !== undefined)
    (fields?.get("runAsGroup") ?? container.of).refuse(
      "runAsGroup needs runAsUser: who else the group is of, the image alone knows",
      undefined,
      "not-supported",
    );
  const nonRoot = fields?.get("runAsNonRoot")?.flag() ?? pod.runAsNonRoot;
  if (nonRoot && (user === undefined || user === 0))
    (own ?? container.of).refuse(
      user === 0
        ? "runAsNonRoot, and runAsUser is 0"
        : "runAsNonRoot needs runAsUser: whom the image names is not known here",
      "give runAsUser",
      "not-supported",
    );
  const capabilities = fields?.get("capabilities")?.fields(["add", "drop"]);
  const names = (field: string) => (capabilities?.list(field) ?? []).map(capability);
  const escalation = fields?.get("allowPrivilegeEscalation");
  const privileged = fields?.flag("privileged") ?? false;
  if (privileged && escalation?.flag() === false) escalation.refuse("a privileged container may become anything");
  return {
    ...(user === undefined ? {} : { user: group === undefined ? String(user) : `${user}:${group}` }),
    groups: [...pod.groups],
    privileged,
    readOnlyRoot: fields?.flag("readOnlyRootFilesystem") ?? false,
    noNewPrivileges: escalation?.flag() === false,
    capabilities: { add: names("add"), drop: names("drop") },
  };
}

function capability(placed: Placed): string {
  const name = placed.text();
  if (name.startsWith("CAP_")) placed.refuse(`"${name}" is no capability`, `write ${name.slice(4)}`);
  return name;
}
