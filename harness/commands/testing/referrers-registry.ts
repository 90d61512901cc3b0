// Decides how a test gets a registry with the referrers API of OCI 1.1, which Debian's lacks: go-containerregistry's, in memory, on
// loopback, without a login. Built with go once, kept by version; where that cannot be done the test says why and skips.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const module = "github.com/google/go-containerregistry";
const version = "v0.21.7";

const program = `package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"${module}/pkg/registry"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	log.Fatal(http.Serve(listener, registry.New(registry.WithReferrersSupport(true), quiet)))
}
`;

export interface ReferrersRegistry {
  /** `127.0.0.1:<port>` */
  readonly server: string;
  stop(): void;
}

/** `state`: where the program is kept from run to run. */
export async function referrersRegistry(state: string): Promise<ReferrersRegistry | { readonly missing: string }> {
  const place = join(state, "bench", `referrers-registry-${version}`);
  if (!existsSync(place)) {
    const missing = build(state, place);
    if (missing !== undefined) return { missing };
  }
  const child = spawn(place, [], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout }))
    return { server: line, stop: () => void child.kill("SIGKILL") };
  return { missing: "the registry ended before it listened" };
}

function build(state: string, place: string): string | undefined {
  mkdirSync(join(state, "bench"), { recursive: true });
  const room = mkdtempSync(join(state, "bench", "building-"));
  try {
    writeFileSync(join(room, "go.mod"), `module assay.dev/registry\n\ngo 1.23\n\nrequire ${module} ${version}\n`);
    writeFileSync(join(room, "main.go"), program);
    const { status, error, stderr } = spawnSync(
      "go",
      ["build", "-mod=mod", "-buildvcs=false", "-o", join(room, "made"), "."],
      {
        cwd: room,
        encoding: "utf8",
        timeout: 120_000,
      },
    );
    if (error !== undefined)
      return `go is not to be had, which a registry with the referrers API is built with: ${error.message}`;
    if (status !== 0)
      return `a registry with the referrers API could not be built: ${stderr.trim().split("\n").at(-1)}`;
    renameSync(join(room, "made"), place);
    return undefined;
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}
