import {
  type CST,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  Parser,
  parseDocument,
  visit,
} from "yaml";
import { printable } from "../observe/printable.ts";
import type { Path, Problem } from "./problem.ts";
import type { Source } from "./source.ts";

const LONGEST_FILE = 256 * 1024;
/** schema.json needs five levels. */
const DEEPEST_NESTING = 50;

/**
 * A YAML 1.2 file as a source, with the line and column of everything in it. Duplicate keys, aliases, tags and several
 * documents are refused: a configuration says each thing once, and an alias can blow up a few lines to gigabytes.
 */
export function readDocument(file: string, bytes: Uint8Array): Source {
  if (bytes.length > LONGEST_FILE)
    return broken(file, `has ${bytes.length} bytes; expected a YAML file of at most ${LONGEST_FILE} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return broken(file, "is not UTF-8; expected a YAML file");
  }
  const lines = new LineCounter();
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (isTooDeep(text)) return broken(file, `is nested deeper than ${DEEPEST_NESTING} levels; expected a YAML file`);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: "1.2",
    logLevel: "error", // what is odd but allowed, such as a mapping as a key, is for the schema to judge, not for stderr
  });
  const problems = [...document.errors, ...document.warnings].map((fault) => ({
    where: position(fault.pos[0]),
    message: printable(sentence(fault.code, fault.message)),
  }));
  problems.push(...aliases(document.contents, position));
  if (problems.length > 0) return { tree: null, problems, where: () => file };
  return { tree: document.toJS(), problems, where: locator(document.contents, file, position) };
}

/** Asked of the tokens, without recursion: composing a document is recursive and can exhaust the stack. */
function isTooDeep(text: string): boolean {
  let level: CST.Token[] = [...new Parser().parse(text)];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST_NESTING) return true;
    level = level.flatMap(tokensBelow);
  }
  return false;
}

function tokensBelow(token: CST.Token): CST.Token[] {
  if ("items" in token) return token.items.flatMap(({ key, value }) => [key ?? [], value ?? []].flat());
  return token.type === "document" && token.value ? [token.value] : [];
}

function broken(file: string, message: string): Source {
  return { tree: null, problems: [{ where: file, message }], where: () => file };
}

function sentence(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "this key stands here a second time; remove one of the two";
  if (code === "MULTIPLE_DOCS") return "a second document starts here; expected one";
  if (code === "TAB_AS_INDENT") return "a tab is used to indent; YAML wants spaces";
  return `not valid YAML: ${message}`;
}

function aliases(contents: Node | null, position: (offset: number) => string): Problem[] {
  const problems: Problem[] = [];
  visit(contents, {
    Node(_key, node) {
      const anchor = isAlias(node) ? "alias" : "anchor" in node && node.anchor ? "anchor" : null;
      if (anchor !== null)
        problems.push({
          where: position(node.range?.[0] ?? 0),
          message: `a YAML ${anchor} is not accepted here; write the value out`,
        });
    },
  });
  return problems;
}

function locator(contents: ParsedNode | null, file: string, position: (offset: number) => string): Source["where"] {
  return (path: Path, part) => {
    const node = find(contents, path, part);
    return node?.range ? position(node.range[0]) : file;
  };
}

/** The node at the path; the nearest one above it where the path leads nowhere. */
function find(contents: Node | null, path: Path, part: "key" | "value"): Node | null {
  let node = contents;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    if (isSeq(node)) {
      const item = node.items[Number(step)];
      if (!item) return node;
      node = item as Node;
    } else if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === String(step),
      );
      if (!pair) return node;
      // A key without a value ("timeout:") has no place of its own to point at.
      const value = pair.value as Node | null;
      const empty = value === null || (isScalar(value) && value.value === null);
      if (last && (part === "key" || empty)) return pair.key as Node;
      node = value;
    } else return node;
  }
  return node;
}
