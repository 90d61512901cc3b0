// Which images a Dockerfile names, in the language's odder corners.
import { expect, test } from "vitest";
import { imageWords, newerThanSome, stagesOf, withImages } from "./dockerfile-words.ts";

const names = (text: string, args = {}) => imageWords(text, args).map(({ name, line }) => `${line} ${name}`);

test("FROM, with platform, alias and stages", () => {
  expect(names("# c\nFROM --platform=linux/amd64 debian:12 AS a\nfrom A\nFROM scratch\nCOPY --from=a /x /\n")).toEqual([
    "2 debian:12",
  ]);
});

test("COPY --from and RUN --mount name images too, stages by number do not", () => {
  expect(
    names(
      "FROM scratch\nFROM scratch\nCOPY --chown=1 --from=tools /a /\nCOPY --from=0 /a /b\nRUN --mount=type=bind,from=more,target=/m x",
    ),
  ).toEqual(["3 tools", "5 more"]);
});

test("arguments before the first FROM are filled in, also with defaults", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile's own words
  const text = 'ARG TAG=12\nARG NAME\nFROM debian:${TAG}\nFROM $NAME\nFROM ${NONE:-alpine}\nFROM "debian:$TAG"';
  expect(names(text, { NAME: "x/y", TAG: "13" })).toEqual(["3 debian:13", "4 x/y", "5 alpine", "6 debian:13"]);
});

test("several arguments on one line, and defaults made of others", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile's own words
  const text = 'ARG NAME=debian TAG="12"\nARG BASE=${NAME}:$TAG-slim\nFROM $BASE\n';
  expect(names(text)).toEqual(["3 debian:12-slim"]);
  expect(names(text, { TAG: "13" })).toEqual(["3 debian:13-slim"]);
});

test("what only looks like a here-document is none", () => {
  expect(names("FROM a AS x\nRUN echo $((1<<3))\nFROM b\n")).toEqual(["1 a", "3 b"]);
  expect(names("FROM a AS x\nRUN cat <<<word\nFROM b\n")).toEqual(["1 a", "3 b"]);
  expect(names('FROM a AS x\nRUN 3<<"END" cat\nFROM not\nEND\nCOPY <<-E.O.F /x\nFROM not\n\tE.O.F\nFROM b\n')).toEqual([
    "1 a",
    "8 b",
  ]);
});

test("continued lines, comments between them, here-documents and the escape directive", () => {
  expect(names("FROM \\\n# no\n  base\nRUN <<EOF\nFROM not\nEOF\nFROM other")).toEqual(["1 base", "7 other"]);
  expect(names("# escape=`\nFROM `\r\n base\r\n")).toEqual(["2 base"]);
});

test("others are put in their places, and nothing else changes", () => {
  const text = "FROM base\nRUN echo base\nFROM \\\n  base AS x\nCOPY --from=base /a /b\n";
  const words = imageWords(text, {});
  expect(withImages(text, words, (name) => `sha256:${name}`)).toBe(
    "FROM sha256:base\nRUN echo base\nFROM \\\n  sha256:base AS x\nCOPY --from=sha256:base /a /b\n",
  );
});

test("stages by name, and by number where they have none", () => {
  expect(stagesOf("FROM a AS One\nFROM b\nfrom c \\\n as two\nRUN echo FROM x AS y\n")).toEqual(["One", "1", "two"]);
});

test("what older builders do not know, with its line", () => {
  expect(newerThanSome("FROM a\nRUN echo --mount\nCOPY --chown=1 --from=x /a /b\n")).toBeUndefined();
  expect(newerThanSome("FROM a\n\nRUN --mount=type=secret,id=t x\n")).toEqual({
    what: "RUN --mount",
    line: 3,
  });
  expect(newerThanSome("FROM a\nCOPY --from=x --chmod=644 /a /b\n")).toEqual({ what: "COPY --chmod", line: 2 });
  expect(newerThanSome("FROM a\nRUN <<EOT\necho\nEOT\n")).toEqual({ what: "a here-document", line: 2 });
});
