import { expect, test } from "bun:test";
import { readTree } from "../../src/hub/tree-pages.ts";
import { failure } from "../net/client.ts";

const FIRST = new URL("https://hub.example/tree?recursive=true");
const OID = "0".repeat(40);

/** Pages without end, each with so many files of new names. */
function endless(filesPerPage: number, padBytes = 0) {
  let pages = 0;
  return {
    pages: () => pages,
    fetchPage() {
      const page = pages++;
      const files = Array.from(
        { length: filesPerPage },
        (_, i) => ({ type: "file", path: `${page}/${i}`, size: 1, oid: OID }),
      );
      const text = JSON.stringify(files) + " ".repeat(padBytes);
      return Promise.resolve({
        bytes: new TextEncoder().encode(text),
        link: `<?cursor=${page}>; rel="next"`,
      });
    },
  };
}

const LIMITS = { files: 1000, pages: 50, bytes: 100_000 };

test.each([
  ["too many files", 300, 0, 4],
  ["too much text", 1, 30_000, 4],
  ["too many pages", 0, 0, 51],
])("pages without end are left after %s", async (_, filesPerPage, padBytes, pages) => {
  const source = endless(filesPerPage, padBytes);
  const error = await failure(readTree(FIRST, () => source.fetchPage(), LIMITS));
  expect([error.code, source.pages()]).toEqual(["HUB_ANSWER", pages]);
});
