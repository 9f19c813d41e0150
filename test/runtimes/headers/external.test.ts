import { expect, test } from "bun:test";
import { link, mkdir, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkFolder, inspectModel } from "../../../src/runtimes/headers/index.ts";
import type { ModelFile } from "../../../src/runtimes/types.ts";
import { externalOnnx } from "../../helpers/onnx-files.ts";
import {
  type ExternalRange,
  externalTensor,
  onnxModel,
  onnxValue,
  tensorType,
} from "../../../scripts/onnx/onnx-proto.ts";
import { bytesField, messageField } from "../../../scripts/onnx/protobuf.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { type Fault, faultOf, modelFiles } from "./setup.ts";

/** A graph with a weight of 48 bytes in another file. */
function modelWith(range: ExternalRange, more: Uint8Array = new Uint8Array()): Uint8Array {
  return onnxModel({
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
    inputs: [onnxValue("x", tensorType("float32", ["batch", 4]))],
    outputs: [onnxValue("y", tensorType("float32", ["batch", 3]))],
    initializers: [Buffer.concat([externalTensor("w", "float32", [4, 3], range), more])],
  });
}

/** What comes of a model that uses a file of 100 bytes, `w.bin` beside it if nothing else is said. */
async function faultWith(
  range: ExternalRange,
  others: Readonly<Record<string, Uint8Array>> = {},
): Promise<Fault> {
  await using folder = await tempFolder();
  const files = await modelFiles(folder.path, {
    "onnx/model.onnx": modelWith(range),
    "onnx/w.bin": new Uint8Array(100),
    ...others,
  });
  return await faultOf(inspectModel(files));
}

const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN" });

test("weights in another file of the version belong to the model", async () => {
  await using folder = await tempFolder();
  const { model, data } = externalOnnx("weights/linear.bin");
  const files = await modelFiles(folder.path, {
    "a/model.onnx": model,
    "a/weights/linear.bin": data,
    "README.md": "#",
  });
  const { metadata, entry, weights } = await inspectModel(files);
  expect(metadata).toMatchObject({ runtime: "onnx", parameters: 15, weightBytes: model.length + 48 + 12 });
  expect([entry.path, ...weights.map(({ path }) => path)]).toEqual([
    "a/model.onnx",
    "a/model.onnx",
    "a/weights/linear.bin",
  ]);
});

test("a location may begin with ./, and a length may be left out or 0, as ONNX Runtime takes it", async () => {
  await using folder = await tempFolder();
  for (
    const range of [{ location: "./w.bin" }, { location: "w.bin", length: 0 }, {
      location: "w.bin",
      offset: 52,
      length: 48,
    }]
  ) {
    const files = await modelFiles(folder.path, { "m.onnx": modelWith(range), "w.bin": new Uint8Array(100) });
    expect((await inspectModel(files)).metadata.runtime).toBe("onnx");
  }
});

test.each([
  ["../w.bin"],
  ["../onnx/w.bin"],
  ["a/../../w.bin"],
  ["a/../w.bin"],
  ["./../w.bin"],
  [".."],
  ["."],
  ["/etc/passwd"],
  ["//w.bin"],
  ["C:\\w.bin"],
  ["..\\w.bin"],
  ["onnx\\w.bin"],
  ["file:///etc/passwd"],
  ["https://host.test/w.bin"],
  ["%2e%2e/w.bin"],
  ["..%2fw.bin"],
  ["w.bin/"],
  ["w.bin\0"],
  ["w.bin\u202e"],
  [""],
])("F13: external data at %j is refused", async (location) => {
  expect(await faultWith({ location }, { "w.bin": new Uint8Array(100) })).toEqual(BROKEN);
});

test("F13: external data that is there, but no file of the version, is refused", async () => {
  await using folder = await tempFolder();
  const files = await modelFiles(folder.path, {
    "m.onnx": modelWith({ location: "w.bin" }),
    "w.bin": new Uint8Array(100),
  });
  expect(await faultOf(inspectModel(files.filter(({ path }) => path === "m.onnx")))).toEqual(BROKEN);
});

test("F13: the location that ONNX Runtime takes for an address in memory is refused, even if a file has this name", async () => {
  const location = "*/_ORT_MEM_ADDR_/*";
  expect(await faultWith({ location, offset: 4096, length: 48 })).toEqual(BROKEN);
  const others = { [`onnx/${location}`]: new Uint8Array(100) };
  expect(await faultWith({ location, offset: 0, length: 48 }, others)).toEqual(BROKEN);
});

test("F13: external data behind a symbolic link is refused", async () => {
  await using folder = await tempFolder();
  const files = await modelFiles(folder.path, {
    "m.onnx": modelWith({ location: "w.bin" }),
    "w.bin": new Uint8Array(100),
  });
  await unlink(join(folder.path, "w.bin"));
  await writeFile(join(folder.path, "elsewhere"), new Uint8Array(100));
  await symlink("elsewhere", join(folder.path, "w.bin"));
  expect((await faultOf(inspectModel(files))).code).toBe("UNSAFE_PATH");
});

test("F13: a folder in which a file or a folder is a link is refused, one with hard links to the files is not", async () => {
  await using folder = await tempFolder();
  const files = await modelFiles(join(folder.path, "real"), { "a/m.onnx": "model", "a/b/w.bin": "weights" });
  const view = join(folder.path, "view");
  const place = async (path: string, put: (from: string, to: string) => Promise<void>) => {
    await mkdir(join(view, path, ".."), { recursive: true });
    await put(join(folder.path, "real", path), join(view, path));
  };
  for (const { path } of files) await place(path, link);
  await checkFolder(view, files);

  await rm(join(view, "a/b/w.bin"));
  await place("a/b/w.bin", symlink);
  expect((await faultOf(checkFolder(view, files))).code).toBe("UNSAFE_PATH");

  await rm(join(view, "a/b"), { recursive: true });
  await symlink(join(folder.path, "real/a/b"), join(view, "a/b"));
  expect((await faultOf(checkFolder(view, files))).code).toBe("UNSAFE_PATH");

  await rm(join(view, "a/b"));
  expect((await faultOf(checkFolder(view, files))).code).toBe("BLOB_MISSING");
  await place("a/b/w.bin", (_, to) => writeFile(to, "other"));
  expect((await faultOf(checkFolder(view, files))).code).toBe("BLOB_DAMAGED");
});

test.each<[string, Omit<ExternalRange, "location">]>([
  ["a negative offset", { offset: -4 }],
  ["a negative length", { length: -48 }],
  ["an offset that is not decimal", { offset: "0x10" }],
  ["an offset with a space", { offset: " 0" }],
  ["an offset with a fraction", { offset: "0.5" }],
  ["an empty offset", { offset: "" }],
  ["an offset of 2^53", { offset: "9007199254740992" }],
  ["an offset of 2^64", { offset: "18446744073709551616" }],
  ["an offset behind the file", { offset: 1000 }],
  ["an end behind the file", { offset: 53, length: 48 }],
  ["an end behind the file and no length", { offset: 53 }],
  ["a length of less than its values", { length: 44 }],
  ["a length of more than its values", { length: 52 }],
])("F14: external data with %s is refused", async (_, range) => {
  expect(await faultWith({ location: "w.bin", ...range })).toEqual(BROKEN);
});

test("F14: external data that is also in the model, or named twice, or of strings, is refused", async () => {
  await using folder = await tempFolder();
  const range = { location: "w.bin" };
  const entry = (key: string, value: string) => messageField(13, bytesField(1, key), bytesField(2, value));
  const strings = onnxModel({
    ...{ nodes: [], inputs: [], outputs: [] },
    initializers: [externalTensor("w", "string", [1], range)],
  });
  for (
    const model of [
      modelWith(range, bytesField(9, new Uint8Array(48))),
      modelWith(range, entry("location", "other.bin")),
      modelWith({ ...range, offset: 0 }, entry("offset", "4")),
      strings,
    ]
  ) {
    const files = await modelFiles(folder.path, { "m.onnx": model, "w.bin": new Uint8Array(100) });
    expect(await faultOf(inspectModel(files))).toEqual(BROKEN);
  }
});

async function oneFile(folder: string): Promise<{ files: ModelFile[]; path: string }> {
  const files = await modelFiles(folder, { "m.onnx": modelWith({ location: "m.onnx" }) });
  return { files, path: join(folder, "m.onnx") };
}

test("F22: a file that is not as long as it was recorded, or gone, or a link, is not parsed", async () => {
  await using folder = await tempFolder();
  const { files, path } = await oneFile(folder.path);
  const [file] = files;
  if (file === undefined) throw new Error("no file");
  expect((await faultOf(inspectModel([{ ...file, sizeBytes: file.sizeBytes + 1 }]))).code).toBe(
    "BLOB_DAMAGED",
  );
  await unlink(path);
  expect((await faultOf(inspectModel(files))).code).toBe("BLOB_MISSING");
  await symlink("/etc/hostname", path);
  expect((await faultOf(inspectModel(files))).code).toBe("UNSAFE_PATH");
  await unlink(path);
  await mkdir(path);
  expect((await faultOf(inspectModel(files))).code).toBe("UNSAFE_PATH");
});
