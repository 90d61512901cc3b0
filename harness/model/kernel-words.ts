// Decides which words of the kernel and the engine a declaration may use, so that a misspelt one is told before anything is made.
import { constants } from "node:os";

/** Names of capabilities(7) without `CAP_`, and the engine's `ALL`. */
export const capabilityNames = [
  "ALL",
  ...[
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
  ],
  ...["DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN"],
  ...[
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
  ],
  ...["SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT"],
  ...["SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"],
] as const;

/** What `ulimits` may name: the resources of getrlimit(2) that the engine knows. */
export const ulimitNames = [
  ...["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio"],
  ...["rttime", "sigpending", "stack"],
] as const;

/** `SIGTERM`, … as signal(7) of this machine has them. */
export const signalNames = Object.keys(constants.signals);

/** The least memory that the engine gives a container. */
export const leastMemory = 6 * 1024 ** 2;
