import type { SQLQueryBindings } from "bun:sqlite";
import { LarderError } from "../core/index.ts";
import type { WriteConnection } from "./write-ops.ts";

type IdStatement =
  | "putModel"
  | "findModel"
  | "putVersion"
  | "findVersion"
  | "putFile"
  | "putVariant";

export function findId(
  db: WriteConnection,
  statement: IdStatement,
  ...values: SQLQueryBindings[]
): number | undefined {
  return db.get<{ id: number }>(statement, ...values)?.id;
}

export function getId(db: WriteConnection, statement: IdStatement, ...values: SQLQueryBindings[]): number {
  const id = findId(db, statement, ...values);
  if (id === undefined) throw new Error(`Statement ${statement} returned no row`);
  return id;
}

export function getModelId(db: WriteConnection, model: string): number {
  const id = findId(db, "findModel", model);
  if (id !== undefined) return id;
  throw new LarderError("MODEL_NOT_FOUND", `Cannot find model ${model}`, {
    hint: "See which models there are: larder list.",
  });
}

export function getVersionId(db: WriteConnection, model: string, modelId: number, version: string): number {
  const id = findId(db, "findVersion", modelId, version);
  if (id !== undefined) return id;
  throw new LarderError("VERSION_NOT_FOUND", `Cannot find version ${version} of model ${model}`, {
    hint: `See which versions there are: larder show ${model}.`,
  });
}
