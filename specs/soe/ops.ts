// The ops-user role: who keeps the machine comes in by key alone, and becomes root without a password.
import { opsKey, opsPassword } from "../../fixtures/vfx-studio-soe/secrets.ts";
import {
  all,
  authorizedKeys,
  expect,
  file,
  login,
  type Node,
  sshd,
  sudo,
  sudoers,
  type TestsOn,
  user,
} from "../../harness/index.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFFyvkBX76jpgQVeT/Zi8n/dEDt3cPH4oGhxph5zR0Z+";

export function opsRole(test: TestsOn<{ soe: Node }>): void {
  test("ops is there, in group sudo, with a shell", async ({ soe }) => {
    await expect(soe).toMeet(
      all(user("ops").hasUid(1600), user("ops").isInGroup("sudo"), user("ops").hasShell("/bin/bash")),
    );
  });

  test("one key lets ops in, and no other is listed", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        authorizedKeys("ops").areExactly([key]),
        file("/home/ops/.ssh").hasMode(0o700),
        file("/home/ops/.ssh/authorized_keys").hasMode(0o600),
        file("/home/ops/.ssh/authorized_keys").ownedBy("ops", "ops"),
      ),
    );
  });

  test("ops logs in by that key, and not by the password that the vault gave", async ({ soe }) => {
    await expect(soe).toMeet(user("ops").hasPassword());
    await expect(soe).toMeet(
      all(
        login("ops").withKey(opsKey).isGranted(),
        login("ops").withPassword(opsPassword).isRefused(),
        login("ops").offersOnly("publickey"),
      ),
    );
  });

  test("root cannot log in", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        user("root").hasLockedPassword(),
        login("root").withKey(opsKey).isRefused(),
        sshd().setting("permitrootlogin").is("no"),
        sshd().setting("passwordauthentication").is("no"),
        sshd().setting("kbdinteractiveauthentication").is("no"),
      ),
    );
  });

  test("sudo needs no password, as its rules say and as it does", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        sudo("ops").mayRun("ALL").withoutPassword(),
        sudoers().isValid(),
        file("/etc/sudoers.d/ops").hasMode(0o600),
        file("/etc/sudoers.d/ops").ownedBy(0, 0),
      ),
    );
    expect(await soe.as("ops").succeed(["sudo", "-n", "id", "-u"])).toBe("0");
  });
}
