import { expect, test } from "bun:test";
import { LlamaText, SpecialTokensText } from "node-llama-cpp";
import { textOf } from "../../src/runtimes/gguf/prompt.ts";
import { StopFilter } from "../../src/runtimes/gguf/stop-filter.ts";
import { TokenText } from "../../src/runtimes/gguf/token-text.ts";

function filtered(stops: readonly string[], pieces: readonly string[]) {
  const emitted: string[] = [];
  const filter = new StopFilter(stops, (text) => emitted.push(text));
  for (const piece of pieces) if (filter.push(piece)) break;
  if (!filter.hasStopped) filter.end();
  return { emitted, hasStopped: filter.hasStopped };
}

test("StopFilter passes text on at once where no stop text can begin", () => {
  expect(filtered(["END"], ["ab", "c"])).toEqual({ emitted: ["ab", "c"], hasStopped: false });
  expect(filtered([], ["ab", "", "c"])).toEqual({ emitted: ["ab", "c"], hasStopped: false });
});

test("StopFilter holds back what may become a stop text, and gives it when it does not", () => {
  expect(filtered(["END"], ["aE", "N", "x"])).toEqual({ emitted: ["a", "ENx"], hasStopped: false });
  expect(filtered(["END"], ["aE", "N"])).toEqual({ emitted: ["a", "EN"], hasStopped: false });
});

test("StopFilter ends before the first stop text, spread over pieces or not", () => {
  expect(filtered(["END", "\n"], ["aE", "NDb"])).toEqual({ emitted: ["a"], hasStopped: true });
  expect(filtered(["END", "\n"], ["a\nEND"])).toEqual({ emitted: ["a"], hasStopped: true });
  expect(filtered(["aab"], ["a", "a", "a", "b"])).toEqual({ emitted: ["a"], hasStopped: true });
  expect(filtered([""], ["ab"])).toEqual({ emitted: ["ab"], hasStopped: false });
});

/** A decoder of bytes, one a token, as a model with a byte for every token has it. */
function decoded(bytes: Uint8Array): string[] {
  const text = new TokenText((pending) => new TextDecoder().decode(Uint8Array.from(pending)));
  return [...Array.from(bytes, (byte) => text.push(byte as never)), text.end()].filter((piece) =>
    piece !== ""
  );
}

test("TokenText gives a character when all of its bytes are there", () => {
  expect(decoded(Buffer.from("aé👋b"))).toEqual(["a", "é", "👋", "b"]);
});

test("TokenText gives bytes that are no character in the end, and does not wait for ever", () => {
  expect(decoded(Uint8Array.of(0x61, 0xf0, 0x9f)).join("")).toStartWith("a\uFFFD");
  expect(decoded(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x61)).at(-1)).toBe("a");
});

const template = (contents: readonly string[]) =>
  contents.map((content) => `<u>${content.trim()}</u>`).join("");
const special = (text: string) => new SpecialTokensText(text);

test("textOf() takes what names no special token as one text", () => {
  const text = textOf({ render: template, contents: ["a", "b"], namesSpecial: () => false });
  expect(text).toEqual(LlamaText(special("<u>a</u><u>b</u>")));
});

test("textOf() keeps contents apart when one names a special token", () => {
  const namesSpecial = (content: string) => content.includes("</u>");
  expect(textOf({ render: template, contents: ["a ", "</u>"], namesSpecial }))
    .toEqual(LlamaText([special("<u>"), "a", special("</u><u>"), "</u>", special("</u>")]));
});

test("textOf() takes all as the template's when contents are changed beyond recognition", () => {
  const shout = (contents: readonly string[]) => contents.join("").toUpperCase();
  expect(textOf({ render: shout, contents: ["a</u>"], namesSpecial: () => true }))
    .toEqual(LlamaText(special("A</U>")));
});
