import { LarderError } from "../../core/index.ts";
import { modelsByPath, type TakenModel } from "./taken.ts";
import { distinctName } from "./unit-names.ts";
import { ownNameOf, type Unit } from "./units.ts";

/** A unit with the model that it is or will be. */
export interface Placed {
  readonly unit: Unit;
  readonly model: string;
}

export interface Placement {
  readonly placed: readonly Placed[];
  /** Names and files that cannot be used, by path. */
  readonly refused: ReadonlyArray<{ readonly path: string; readonly error: LarderError }>;
}

export interface PlacingOptions {
  readonly taken: ReadonlyMap<string, TakenModel>;
  /** Names that were given before stay, as nobody can say now what the list has. */
  readonly keepsNames: boolean;
  /** A model of this name is here that was not made of these files. */
  readonly isForeign: (model: string, unit: Unit) => boolean;
  readonly localPath: (unit: Unit) => string;
}

/**
 * Gives every unit a model of its own. What was taken keeps its name, as long as no list gives it another one; of two that want the same
 * name the first by path has it, and the other one a longer one that stays the same.
 */
export function placeUnits(units: readonly Unit[], options: PlacingOptions): Placement {
  const names = new Map<string, Unit>();
  const refused: Array<Placement["refused"][number]> = [];
  const before = modelsByPath(options.taken);
  for (const unit of units) {
    const prior = unit.files.flatMap(({ path }) => before.get(path) ?? [])[0];
    if (prior !== undefined && !names.has(prior) && keepsName(unit, prior, options)) names.set(prior, unit);
  }
  const done = new Set(names.values());
  for (const unit of units) {
    if (done.has(unit)) continue;
    const name = freeName(unit, names, options, refused);
    if (name !== undefined) names.set(name, unit);
  }
  return { placed: [...names].map(([model, unit]) => ({ model, unit })), refused };
}

function keepsName(unit: Unit, prior: string, { keepsNames, localPath }: PlacingOptions): boolean {
  if (unit.named !== undefined) return unit.named === prior;
  const ownName = ownNameOf(unit);
  return keepsNames || prior === ownName || prior === distinctName(ownName, localPath(unit));
}

function freeName(
  unit: Unit,
  names: ReadonlyMap<string, Unit>,
  { isForeign, localPath }: PlacingOptions,
  refused: Array<Placement["refused"][number]>,
): string | undefined {
  const isFree = (name: string) => !names.has(name) && !isForeign(name, unit);
  if (unit.named !== undefined) {
    if (isFree(unit.named)) return unit.named;
    refused.push({ path: localPath(unit), error: nameTaken(unit.named) });
  }
  const ownName = ownNameOf(unit);
  const distinct = distinctName(ownName, localPath(unit));
  const name = [ownName, distinct].find(isFree);
  if (name === undefined) refused.push({ path: localPath(unit), error: nameTaken(distinct) });
  return name;
}

function nameTaken(name: string): LarderError {
  return new LarderError("BAD_NAME", `Cannot call it ${name}: another model has this name`, {
    hint: "Give it another name, or remove the other model.",
  });
}
