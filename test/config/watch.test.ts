import { expect, test } from "bun:test";
import { failure, load } from "./loading.ts";

test("watched folders are absolute paths, outside of the home and of each other", () => {
  const settled = load({ flags: { home: "/srv/larder", watchFolders: "/srv/models/, /data/a b" } });
  expect(settled).toMatchObject({
    watchFolders: ["/srv/models", "/data/a b"],
    watchMode: "auto",
    watchSettleS: 2,
  });
  // The home lies inside: it is passed over.
  expect(load({ flags: { home: "/srv/larder", watchFolders: "/srv" } }).watchFolders).toEqual(["/srv"]);
});

test.each([
  ["models", "absolute"],
  ["/srv/../etc", "absolute"],
  ["~/models", "absolute"],
  ["/srv/larder", "home"],
  ["/srv/larder/models", "home"],
  ["/data,/data/models", "watched too"],
  ["/data,/data/", "watched too"],
])("%s is refused", (watchFolders, reason) => {
  const error = failure(() => load({ flags: { home: "/srv/larder", watchFolders } }));
  expect(error.field).toBe("watch_folders");
  expect(`${error.message} ${error.hint}`).toContain(reason);
});
