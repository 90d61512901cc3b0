// Decides whether serverspec can be measured against: where its gems are on the machine. It is not installed for the purpose: what
// the packager brings belongs to the system.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { files } from "./work.ts";

const call = promisify(execFile);

/** The gems that its docker backend needs, with their versions; or how they are had. */
export async function haveServerspec(): Promise<{ readonly version: string } | { readonly missing: string }> {
  const program = 'print Serverspec::VERSION, ", docker-api ", Docker::VERSION';
  try {
    const gems = ["-rserverspec", "-rserverspec/version", "-rdocker", "-rdocker/version"];
    return { version: (await call("ruby", [...gems, "-e", program], { timeout: 60_000 })).stdout };
  } catch {
    return { missing: "no Ruby with serverspec and docker-api: apt-get install ruby-serverspec ruby-docker-api" };
  }
}

/** All assertions as its users write them, on the container `CONTAINER` names. `owner` replaces the first file's: a defect. */
export function serverspecFile(owner = files[0]?.owner ?? ""): string {
  const lines = files.map(({ path, group, ...wanted }, index) => {
    const user = index === 0 ? owner : wanted.owner;
    const asked = ["exist", `be_owned_by("${user}")`, `be_grouped_into("${group}")`].map(
      (each) => `it { should ${each} }`,
    );
    return `describe(file("${path}")) { ${asked.join("; ")} }`;
  });
  const opening = [
    'require "docker"',
    'require "serverspec"',
    "set :backend, :docker",
    'set :docker_container, ENV["CONTAINER"]',
  ];
  return [...opening, ...lines, ""].join("\n");
}
