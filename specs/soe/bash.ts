// The bash role: an interactive shell of root says which image it is in, on which host, and where.
// Held against every image that the playbook makes.
import { all, command, expect, file, type Node, pkg, type TestsOn } from "../../harness/index.ts";

export function bashRole(test: TestsOn<{ soe: Node }>): void {
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
}
