// The studio role: its user, its files, its tools.
// Held against every image that the playbook makes.
import { all, expect, file, group, type Node, pkg, type TestsOn, user } from "../../harness/index.ts";

export function studioRole(test: TestsOn<{ soe: Node }>): void {
  test("services have a user to run as", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        user("studio").hasUid(1500),
        user("studio").hasOnlyGroups("studio"),
        group("studio").hasGid(1500),
        user("studio").hasHome("/home/studio"),
        user("studio").hasShell("/bin/bash"),
      ),
    );
  });

  test("the studio's files belong to it, and to its group what is made there", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        file("/srv/studio").isDirectory(),
        file("/srv/studio").ownedBy("studio", "studio"),
        file("/srv/studio").hasMode(0o2775),
      ),
    );
  });

  test("only root may change the settings", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        file("/etc/studio/release").isFile(),
        file("/etc/studio/release").ownedBy(0, 0),
        file("/etc/studio/release").hasMode(0o644),
      ),
    );
  });

  test("the tools to look around with are installed", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        ...["ca-certificates", "iproute2", "iputils-ping", "procps", "python3"].map((name) => pkg(name).isInstalled()),
      ),
    );
  });
}
