// Decides that a pod means here what it means to `podman kube play`: the same file, stood up by both, gives the same process, variables,
// mounts and contents. Where podman is not there, it is skipped with this reason.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { readConfig } from "../config.ts";
import { isListening } from "../host/socket.ts";
import { openStage } from "../vitest/stage.ts";
import { fromPods } from "./from-pods.ts";

const here = mkdtempSync(join(tmpdir(), "assay-kube-play-"));
// The container's user reads in it.
chmodSync(here, 0o755);
afterAll(() => rmSync(here, { recursive: true, force: true }));
const config = readConfig();
const socket = config.engineHosts.podman.replace(/^unix:\/\//, "");
const reason = !isListening(socket)
  ? `no podman service listens at ${socket}`
  : spawnSync("podman", ["--version"]).status !== 0
    ? "there is no podman command"
    : undefined;

/** As setup has configured the service: without it, this machine's podman starts nothing. */
const env = { ...process.env, CONTAINERS_CONF: join(config.state, "podman.conf") };

async function podman(...words: string[]): Promise<string> {
  const child = spawn("podman", words, { env, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (status !== 0) throw new Error(`podman ${words.join(" ")}: ${err}`);
  return out;
}

const image = "localhost/vfx-studio-soe:0.1.0";
// Podman's names are the machine's: one of its own for each run.
const name = `kube-play-${process.pid}`;
// Podman lets a container write into a ConfigMap, which Kubernetes does not: the mount is declared read-only for both.
const pod = `apiVersion: v1
kind: ConfigMap
metadata: { name: ${name}-settings }
data: { level: debug, server.conf: "port = 1\\n" }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name}-claim }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  restartPolicy: Never
  containers:
    - name: box
      image: ${image}
      command: [sh, -c, 'echo "$0 $1 $PLAIN"; exec sleep 86400']
      args: [one two, $(LEVEL)]
      workingDir: /usr/share
      env:
        - { name: PLAIN, value: "it's a value" }
        - { name: LEVEL, valueFrom: { configMapKeyRef: { name: ${name}-settings, key: level } } }
        - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
      securityContext: { runAsUser: 1000, runAsGroup: 1234, capabilities: { drop: [ALL] } }
      resources: { limits: { memory: 64Mi } }
      volumeMounts:
        - { name: conf, mountPath: /etc/studio, readOnly: true }
        - { name: data, mountPath: /data }
        - { name: host, mountPath: /host, readOnly: true }
        - { name: ${name}-spool, mountPath: /spool }
    - name: other
      image: ${image}
      command: [sleep, "86400"]
      volumeMounts: [{ name: data, mountPath: /elsewhere }, { name: ${name}-spool, mountPath: /spool }]
  volumes:
    - { name: conf, configMap: { name: ${name}-settings } }
    - { name: data, persistentVolumeClaim: { claimName: ${name}-claim } }
    - { name: host, hostPath: { path: ${here}, type: Directory } }
    - { name: ${name}-spool, emptyDir: {} }
`;

/** Volumes that kube play leaves behind, by the names of claim, ConfigMap and emptyDir, which are the machine's. */
const volumes = ["claim", "settings", "spool"].map((end) => `${name}-${end}`);

/** What is asked inside, of either: the same words, and the same answers but for names. */
const questions: readonly (readonly [string, ...string[]])[] = [
  ["id", "-u"],
  ["id", "-g"],
  ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"],
  ["sh", "-c", "env | grep -E '^(PLAIN|LEVEL|POD)=' | sort"],
  ["sh", "-c", "readlink /proc/1/cwd"],
  ["sh", "-c", "awk '$2 ~ \"^/(etc/studio|data|host|spool)$\" {print $2, substr($4, 1, 2)}' /proc/mounts | sort"],
  ["sh", "-c", "cd /etc/studio; head -v *"],
  ["sh", "-c", "grep -E '^Cap(Eff|Bnd|Prm)' /proc/self/status"],
  ["hostname"],
  ["cat", "/host/pod.yaml"],
];

test("the same pod, by kube play and here", async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const file = join(here, "pod.yaml");
  writeFileSync(file, pod);
  const environment = fromPods("kube-play", {
    context: here,
    files: ["pod.yaml"],
    images: { [image]: soe },
    nodes: { box: `${name}/box`, other: `${name}/other` },
  });
  const stage = await openStage({ engine: "podman", dockerHost: config.engineHosts.podman });
  try {
    const { nodes } = await stage.standUp(environment);
    await podman("kube", "play", "--network=none", file);
    try {
      const theirs = async (container: string, words: readonly string[]) =>
        (await podman("exec", `${name}-${container}`, ...words)).trimEnd();
      for (const words of questions) {
        const ours = (await nodes.box.succeed(words)).trimEnd();
        expect(ours, words.join(" ")).not.toBe("");
        expect(ours, words.join(" ")).toBe(await theirs("box", words));
      }
      // A claim is one for all containers of the pod, and so is an emptyDir.
      await nodes.other.succeed(["sh", "-c", "echo a > /elsewhere/reel; echo b > /spool/reel"]);
      await theirs("other", ["sh", "-c", "echo a > /elsewhere/reel; echo b > /spool/reel"]);
      const both = ["cat", "/data/reel", "/spool/reel"] as const;
      expect(await nodes.box.succeed(both)).toBe("a\nb");
      expect(await theirs("box", both)).toBe("a\nb");
      // Loopback is one network for both, here as there.
      const inode = ["readlink", "/proc/self/ns/net"] as const;
      expect(await nodes.box.succeed(inode)).toBe(await nodes.other.succeed(inode));
      expect(await theirs("box", inode)).toBe(await theirs("other", inode));
    } finally {
      await podman("kube", "down", file);
      await podman("volume", "rm", "--force", ...volumes);
    }
  } finally {
    expect((await stage.close()).leaked).toEqual([]);
  }
}, 120_000);
