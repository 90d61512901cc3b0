// What a machine of the standard operating environment is once it has booted by itself: kernel, disk, boot loader, services, and nothing
// that building it left behind.
import {
  all,
  bootLoader,
  clock,
  disk,
  expect,
  file,
  filesystem,
  fstab,
  inventory,
  journal,
  kernel,
  module,
  type Node,
  pkg,
  port,
  ports,
  residue,
  sysctl,
  systemd,
  type TestsOn,
  tree,
  unit,
} from "../../harness/index.ts";

export function bootedMachine(test: TestsOn<{ soe: Node }>): void {
  test("all of systemd came up, in an order without circles", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        systemd().isRunning(),
        systemd().hasNoFailedUnits(),
        systemd().hasNoOrderingCycles(),
        systemd().bootsWithin("5m"),
      ),
    );
  });

  test("the journal of the boot tells of no error", async ({ soe }) => {
    await expect(soe).toMeet(journal().hasNoErrors({ above: "err" }));
  });

  test("the kernel is Debian's, as it comes", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        kernel().isAtLeast("6.1"),
        kernel().isNotTainted(),
        kernel().hasArgument("console=ttyS0"),
        module("ext4").isAvailable(),
        sysctl("kernel.ostype").is("Linux"),
      ),
    );
  });

  test("the disk boots by BIOS and by UEFI, and its root file system is whole", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        disk("/dev/vda").hasPartitions("gpt", [
          { type: "bios-boot" },
          { type: "efi", fileSystem: "vfat" },
          { fileSystem: "ext4", mountPoint: "/" },
        ]),
        filesystem("/").hasType("ext4"),
        filesystem("/").isMountedByUuid(),
        filesystem("/").hasFree("1g"),
        filesystem("/").hasFreeInodes(10_000),
        filesystem("/").isClean(),
        fstab().isValid(),
      ),
    );
  });

  test("the boot loader's entry names the kernel that is installed", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        bootLoader().is("grub"),
        bootLoader().hasFilesOfDefaultEntry(),
        bootLoader().bootsInstalledKernel(),
        bootLoader().hasArgument(/^console=ttyS0/),
      ),
    );
  });

  test("what boots belongs to root, and nobody else may change it", async ({ soe }) => {
    await expect(soe).toMeet(all(tree("/boot").belongsTo("root", "root"), inventory.worldWritable("/boot").areNone()));
  });

  test("the time is kept", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        unit("chrony.service").isEnabled(),
        unit("chrony.service").isActive(),
        clock().isWithin("5s"),
        clock().hasTimeZone("Etc/UTC"),
        file("/etc/localtime").linksTo("/usr/share/zoneinfo/Etc/UTC"),
        pkg("tzdata").isUnmodified(),
      ),
    );
  });

  test("ssh is the only door", async ({ soe }) => {
    await expect(soe).toMeet(
      all(unit("ssh.service").isEnabled(), unit("ssh.service").isActive(), port(22).isListening(), ports().areOnly(22)),
    );
  });

  test("what building it needed is not in it", async ({ soe }) => {
    await expect(soe).toMeet(
      residue({
        of: [
          "vault-passwords",
          "ssh-identities",
          "root-ssh",
          "apt-lists",
          "apt-archives",
          "shell-history",
          "temporary-files",
          "cloud-init",
        ],
        // What systemd makes at each boot.
        except: [/^\/(var\/)?tmp\/systemd-private-/, /^\/tmp\/\.(X11|ICE|XIM|font)-unix$/],
      }).isAbsent(),
    );
  });

  test("its identity was made at first boot", async ({ soe }) => {
    await expect(soe).toMeet(
      all(
        file("/etc/machine-id").contains(/^[0-9a-f]{32}\n$/),
        file("/etc/ssh/ssh_host_ed25519_key").hasMode(0o600),
        file("/etc/ssh/ssh_host_ed25519_key").ownedBy(0, 0),
      ),
    );
  });
}
