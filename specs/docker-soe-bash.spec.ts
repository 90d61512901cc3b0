// The bash role: an interactive shell of root says which image it is in, on which host, and where.
import { dockerSoe } from "../environments/docker-soe.ts";
import { all, command, expect, file, pkg, testIn } from "../harness/index.ts";

const test = testIn(dockerSoe);

test("root has a .bashrc of its own", async ({ soe }) => {
  await expect(soe).toMeet(
    all(
      pkg("bash").isInstalled(),
      file("/root/.bashrc").isFile(),
      file("/root/.bashrc").ownedBy("root", "root"),
      file("/root/.bashrc").hasMode(0o644),
    ),
  );
});

test("an interactive shell prompts with image, version, host and directory", async ({ soe }) => {
  const host = await soe.succeed(["hostname"]);
  for (const cwd of ["/", "/srv/studio"]) {
    // An interactive bash prints its prompt on standard error, terminal or not.
    const prompt = `[vfx-studio-soe:0.1.0@${host}$:${cwd}]# exit\n`;
    await expect(soe).toMeet(command(["bash", "-i"], { cwd, stdin: "exit\n" }).printsError(prompt));
  }
});

test("name and version are those the playbook was given", async ({ soe }) => {
  await expect(soe).toMeet(file("/etc/studio/release").hasContents("vfx-studio-soe 0.1.0\n"));
});
