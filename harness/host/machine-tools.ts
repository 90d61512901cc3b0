// Decides which programs and files of the machine virtual machines need, and which Debian package each is in.
import type { Tool } from "./tools.ts";

/**
 * What makes disks, and what runs machines from them. libvirt's daemon is not here: it is installed only where none answers.
 * The packages are x86's, as are the machines: elsewhere nothing of this is installed.
 */
export const machineTools: readonly Tool[] = [
  { name: "qemu-system-x86_64", package: "qemu-system-x86", use: "run virtual machines" },
  { name: "qemu-img", package: "qemu-utils", use: "make and read disk images" },
  { name: "virsh", package: "libvirt-clients", use: "speak to libvirt" },
  // A recommendation of libvirt's only, and without it no network of libvirt's starts.
  { name: "dnsmasq", package: "dnsmasq-base", use: "give guests addresses and names" },
  { name: "iptables", package: "iptables", use: "let libvirt's networks through" },
  { name: "mke2fs", package: "e2fsprogs", use: "make file systems without mounting" },
  { name: "cpio", package: "cpio", use: "pack initial ramdisks" },
  { name: "busybox", package: "busybox-static", use: "boot carrier guests" },
  { name: "sfdisk", package: "fdisk", use: "partition disks" },
  { name: "grub-mkimage", package: "grub-common", use: "make disks that boot by themselves" },
  { name: "/usr/lib/grub/i386-pc/modinfo.sh", package: "grub-pc-bin", use: "make disks that boot by BIOS" },
  { name: "/usr/lib/grub/x86_64-efi/modinfo.sh", package: "grub-efi-amd64-bin", use: "make disks that boot by UEFI" },
  { name: "mkfs.vfat", package: "dosfstools", use: "make the partition that UEFI boots from" },
  { name: "mcopy", package: "mtools", use: "fill the partition that UEFI boots from" },
  { name: "/usr/share/OVMF/OVMF_CODE_4M.fd", package: "ovmf", use: "boot machines by UEFI" },
  { name: "swtpm", package: "swtpm", use: "give machines a TPM" },
  // A recommendation of swtpm's only, and without it libvirt says that QEMU has no such TPM.
  { name: "swtpm_setup", package: "swtpm-tools", use: "let libvirt give machines a TPM" },
  { name: "xorriso", package: "xorriso", use: "make seed images" },
];
