// Decides that an inventory says of each node what ansible needs, and says nothing that cannot work.
import { expect, test } from "vitest";
import { parseData } from "../checks/data-parse.ts";
import { ansibleInventory, type InventoryHost } from "./inventory.ts";

const login = {
  host: "10.1.2.3",
  port: 22022,
  user: "root",
  keyFile: "/s/dev 1/ssh_key",
  knownHosts: "/s/dev 1/known_hosts",
};
const written = (hosts: readonly InventoryHost[], groups: Readonly<Record<string, readonly string[]>> = {}) => {
  const { text, left } = ansibleInventory({ environment: "studio", run: "tou1", hosts, groups });
  const read = parseData("YAML", Buffer.from(text));
  if (!("value" in read)) return expect.fail(read.flaw);
  // biome-ignore lint/suspicious/noExplicitAny: paths in the document are asserted, not typed
  return { text, left, data: read.value as any };
};

test("a machine is reached by its own key, and is believed by its own host key alone", () => {
  const { data, left } = written([{ name: "dev-001", reach: { by: "ssh", login } }], { "render-farm": ["dev-001"] });
  const { ansible_ssh_common_args: common, ...others } = data.all.hosts["dev-001"];
  expect(others).toEqual({
    ansible_host: "10.1.2.3",
    ansible_port: 22022,
    ansible_user: "root",
    ansible_ssh_private_key_file: "/s/dev 1/ssh_key",
    ansible_ssh_transfer_method: "piped",
  });
  expect(common).toContain('-o "UserKnownHostsFile=/s/dev 1/known_hosts"');
  expect(common).toContain("-F none");
  expect(common).toContain("-o StrictHostKeyChecking=yes");
  expect(common).toContain("-o IdentitiesOnly=yes");
  expect(data.all.children).toEqual({ render_farm: { hosts: { "dev-001": null } } });
  expect(left).toEqual([]);
});

test("containers are reached on their engine, by its address where that is not the usual one", () => {
  const { data } = written([
    { name: "web", reach: { by: "docker", container: "assay-tou1-up-studio-web" } },
    { name: "db", reach: { by: "podman", container: "assay-tou1-up-studio-db" } },
    { name: "far", reach: { by: "docker", container: "assay-tou1-up-studio-far", address: "ssh://root@farm" } },
  ]);
  expect(data.all.hosts).toMatchObject({
    web: { ansible_connection: "community.docker.docker", ansible_host: "assay-tou1-up-studio-web" },
    db: { ansible_connection: "containers.podman.podman", ansible_host: "assay-tou1-up-studio-db" },
    far: { ansible_docker_extra_args: "-H ssh://root@farm" },
  });
  expect(data.all.hosts.web).not.toHaveProperty("ansible_docker_extra_args");
});

test("what has no way in is no host, neither by itself nor in a group, and is said", () => {
  const { data, text, left } = written(
    [
      { name: "dev-001", reach: { by: "ssh", login } },
      { name: "dev-002", reach: { by: "none", why: "no ssh" } },
    ],
    { dev: ["dev-001", "dev-002"], none: ["dev-002"] },
  );
  expect(Object.keys(data.all.hosts)).toEqual(["dev-001"]);
  expect(data.all.children).toEqual({ dev: { hosts: { "dev-001": null } }, none: { hosts: {} } });
  expect(left).toEqual(["dev-002: no ssh"]);
  expect(text).toContain("# not here: dev-002: no ssh\n");
});

test("nothing that can be reached is still an inventory; a name that YAML would read otherwise stays a name", () => {
  expect(written([]).data).toEqual({ all: { hosts: {}, children: {} } });
  const { data } = written(["7", "no", "1e3"].map((name) => ({ name, reach: { by: "ssh", login } })));
  expect(Object.keys(data.all.hosts).sort()).toEqual(["1e3", "7", "no"]);
});
