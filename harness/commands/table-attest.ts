// Decides what the help of the commands around attestations teaches, and where their work is done. A part of the table of commands.

import type { CommandEntry } from "./table.ts";

export const attestTable: readonly CommandEntry[] = [
  {
    usage: "attest [run]",
    does: "sign what a run found out of an image: an in-toto test result, in a Sigstore bundle",
    teaches:
      "A run by its name, directory or report.json; the newest without one. One bundle an image, in attestations/ of its directory. Its subject\n" +
      "is the digest of what ran: of a disk the whole file, hashed again now; of a container the image's configuration, and with --pushed the\n" +
      "manifest that a registry has of it. The key is PKCS#8 in PEM, P-256 or Ed25519, and read after the tests have ended. Without a log nobody\n" +
      "vouches for the time. Keyless, the job's token is that of SIGSTORE_ID_TOKEN, of GitHub Actions or of Buildkite, for the audience sigstore.",
    examples: [
      ["assay attest --key file:release.pem", "the newest run"],
      ["assay attest tou0b1c2d3 --key env:RELEASE_KEY --image vfx-studio-soe:0.1.0", "one image of a run"],
      ['assay attest --key "exec:pass show release" --pushed registry.example/soe:1', "on what a registry has"],
      ["assay attest --keyless --fulcio-url https://fulcio.example --rekor-url https://rekor.example", "by the CI job"],
    ],
    options: [
      ["--key <source>", "the signing key: file:<path>, env:<name> or exec:<program and arguments>"],
      ["--image <name:tag...>", "of these images only"],
      ["--pushed <reference...>", "the image as it was pushed; its configuration must be what was tested"],
      ["--file <disk...>", "qcow2 files that machines ran from and no recipe made"],
      ["--url <url>", "where people find the run"],
      ["--out <directory>", "where bundles are written"],
      ["--keyless", "sign by the CI job's identity, with Fulcio and Rekor, instead of a key"],
      ["--fulcio-url <url>", "another Fulcio than Sigstore's public one"],
      ["--rekor-url <url>", "another Rekor"],
      ["--timestamp-url <url>", "a time stamp authority, asked beside the log"],
      ["--json", "print [{ image, result, subjects, bundle, keyId or identity }] as JSON"],
    ],
    exits: [0, 2, 3],
    act: async ([word], options) => (await import("./attest.ts")).attestCommand(word, options),
  },
  {
    usage: "verify [bundle...]",
    does: "tell whether an image is attested by an allowed key or identity, with a result that is a pass",
    teaches:
      "Every bundle that is given must be good. Without any, with --image, those attached to it are taken: one must be good, and none of an\n" +
      "allowed signer may say FAILED. What else a release needs is the gate's policy.",
    examples: [
      ["assay verify soe.sigstore.json --key release.pub --file soe.qcow2", "a disk, hashed now"],
      ["assay verify --key release.pub --image registry.example/soe:1", "by what is attached to it"],
      [
        "assay verify soe.json --identity ops@example.com --issuer https://ci.example --trusted-root root.json --file soe.qcow2",
        "signed without a key",
      ],
    ],
    options: [
      ["--key <file...>", "public keys that may sign, SPKI in PEM"],
      ["--identity <subject>", "who may sign without a key: the certificate's subject, letter by letter"],
      ["--issuer <url>", "who vouched for that subject, letter by letter"],
      ["--trusted-root <file>", "whose certificates and logs count: Sigstore's trusted_root.json"],
      ["--image <reference>", "an image in a registry, by tag or digest"],
      ["--file <file>", "a disk's file"],
      ["--digest <digest>", "a digest alone: of a manifest, a configuration or a file"],
      ["--warned", "take WARNED, which is told where tests were skipped, for a pass"],
      ["--verifier <uri>", "of a gate's decision: who decided"],
      ["--resource <uri>", "of a gate's decision: what it is released as"],
      [
        "--max-age <duration>",
        "refuse what is older, 24h say, by its own word: a decision since it was made, a run since it ended",
      ],
      ["--json", "print { met, digests, bundles } as JSON"],
    ],
    exits: [0, 1, 2, 3],
    act: async (words, options) => (await import("./verify.ts")).verifyCommand(words, options),
  },
  {
    usage: "attach <image-ref> <bundle>",
    does: "put a bundle beside its image in a registry, as an OCI referrer",
    teaches:
      "A registry without the referrers API gets it in the index under the tag sha256-…, where clients look then. A bundle that is on another\n" +
      "image is refused. The login is docker's own.",
    examples: [["assay attach registry.example/soe:1 soe.sigstore.json", "then assay verify --image finds it"]],
    options: [["--json", "print { image, attached } as JSON"]],
    exits: [0, 2, 3],
    act: async ([reference = "", bundle = ""], options) =>
      (await import("./attach.ts")).attachCommand(reference, bundle, options),
  },
  {
    usage: "release <recipe> [pattern...]",
    does: "build, run, attest, gate, push and attest what was pushed; stop at the first no",
    teaches:
      "The specs are those that the policy requires, or the patterns. The gate decides with the statement that was just made; after its yes the\n" +
      "image is pushed by its digest, the registry's manifest is held against it, and a statement on that is attached; with --verifier the\n" +
      "decision, too. A key in a variable is refused: the tests of this command could read it.",
    examples: [
      [
        "assay release vfx-studio-soe --to registry.example/soe:1 --key file:release.pem --public-key release.pub",
        "all of it",
      ],
    ],
    options: [
      ["--to <reference>", "where the image goes; the login is docker's own"],
      ["--key <source>", "the signing key: file:<path> or exec:<program and arguments>"],
      ["--public-key <file...>", "its public half, which the gate holds the statement against"],
      ["--policy <file>", "another policy than reports/policy.ts"],
      ["--verifier <uri>", "who decides: the decision is signed and attached as a Verification Summary"],
      ["--url <url>", "where people find the run"],
    ],
    exits: [0, 1, 2, 3, 4, 130, 143],
    act: async ([recipe = "", ...patterns], options) =>
      (await import("./release.ts")).releaseCommand(recipe, patterns, options),
  },
];
