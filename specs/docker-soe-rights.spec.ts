// Who may do what by an accident of modes: programs that run as somebody else, files that anybody may change or that belong to nobody.
import { dockerSoe } from "../environments/docker-soe.ts";
import { all, expect, inventory, testIn } from "../harness/index.ts";

const test = testIn(dockerSoe);

test("only known programs run as root or as a group of the system, whoever starts them", async ({ soe }) => {
  const asRoot = ["chfn", "chsh", "gpasswd", "mount", "newgrp", "passwd", "su", "umount"];
  await expect(soe).toMeet(
    all(
      inventory.setuid("/").equals(asRoot.map((name) => `/usr/bin/${name}`)),
      inventory.setgid("/").equals(["/usr/bin/chage", "/usr/bin/expiry", "/usr/sbin/unix_chkpwd"]),
    ),
  );
});

test("no program but ping has a right of root's by itself", async ({ soe }) => {
  await expect(soe).toMeet(inventory.capable("/").equals(["/usr/bin/ping"]));
});

test("nothing can be changed by everybody, and everything belongs to somebody", async ({ soe }) => {
  await expect(soe).toMeet(all(inventory.worldWritable("/").areNone(), inventory.orphaned("/").areNone()));
});
