import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

/** The first block of the README in a language. */
const block = (language: string) => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, "m").exec(read("README.md"))?.[1];

const withoutComments = (file: string, comment: RegExp) => {
  const lines = read(`examples/sendmail/${file}`).match(/.*\n/g) ?? [];
  return lines.filter((line) => !comment.test(line)).join("");
};

it.each([
  ["m4", "mta-sts.mc", /^dnl/],
  ["sed", "wildcard-fix.sed", /^#/],
])(
  "the README's %s lines for Sendmail are those of examples/sendmail that real sends use",
  (language, file, comment) => {
    const lines = withoutComments(file, comment);
    expect(lines).not.toBe("");
    expect(block(language)).toBe(lines);
  },
);
