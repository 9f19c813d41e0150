import { join } from "node:path";
import { LarderError } from "../../core/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { Formats } from "./formats.ts";
import { NAME_LIST, type NameList, NO_NAMES, readNameList } from "./name-list.ts";
import { type Placed, placeUnits } from "./placing.ts";
import { isMadeOf, modelsByPath, type TakenModel, takenModels } from "./taken.ts";
import type { Track, Tracks } from "./tracks.ts";
import { cutUnits, type Unit } from "./units.ts";
import { type Walk, walkFolder } from "./walk.ts";

/** What is to be taken. */
export interface Candidate extends Placed {
  readonly track: Track;
}

/** A watched folder as it was when it was looked at, beside what was taken of it before. */
export interface Look {
  readonly walk: Walk;
  readonly names: NameList;
  /** False while it is being written and makes no sense yet: nothing is to be taken under a wrong name. */
  readonly namesAreSure: boolean;
  /** When they may be others, on the monotonic clock: the list is being written. */
  readonly namesDueAtMs?: number;
  readonly taken: ReadonlyMap<string, TakenModel>;
  readonly candidates: readonly Candidate[];
  /** Models that were taken and are not there any more. */
  readonly missing: readonly TakenModel[];
  readonly refused: ReadonlyArray<{ readonly path: string; readonly error: LarderError }>;
}

export interface LookTools {
  readonly folder: string;
  readonly home: string;
  readonly registry: Registry;
  readonly formats: Formats;
  readonly tracks: Tracks;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Between two pauses: a folder may hold thousands of files that are no models, and others want to be answered. */
const UNITS_AT_ONCE = 250;

/** @throws {LarderError} As {@link walkFolder}. */
export async function lookAtFolder(tools: LookTools): Promise<Look> {
  const { folder, registry, formats, tracks } = tools;
  const walk = await walkFolder(folder, tools);
  const { names, ...about } = await findNames(tools, walk);
  const taken = takenModels(registry.listWatchedFiles(folder));
  const all = cutUnits(walk, names.entries);
  const units = await modelUnits(all, taken, formats);
  const { placed, refused } = placeUnits(units, {
    taken,
    keepsNames: names.fault !== undefined,
    isForeign: (model, unit) => isForeign(registry, taken, model, unit),
    localPath: ({ path }) => join(folder, path),
  });
  const { candidates, alive } = await sortOut(tools, placed, taken);
  formats.keep(walk.files);
  tracks.keep(new Set([NAME_LIST, ...units.map(({ path }) => path)]));
  return {
    ...{ walk, names, ...about, taken, candidates },
    refused: [...refused, ...unusedNames(names, all).map((path) => notThere(join(folder, path)))],
    missing: [...taken.values()].filter((one) => !alive.has(one.model) && !isInGap(walk, one)),
  };
}

/** What is to be taken, and which models are there, taken or not. While something is being written it may yet become a model again. */
async function sortOut(
  { formats, tracks }: LookTools,
  placed: readonly Placed[],
  taken: ReadonlyMap<string, TakenModel>,
): Promise<{ readonly candidates: Candidate[]; readonly alive: ReadonlySet<string> }> {
  const candidates: Candidate[] = [];
  const alive = new Set<string>();
  for (const { unit, model } of placed) {
    if (isMadeOf(taken.get(model)?.versions[0], unit)) {
      alive.add(model);
      continue;
    }
    const track = tracks.note(unit.path, [...unit.files, ...unit.unfinished]);
    const isModel = await formats.hasModel(unit.files);
    if (isModel) candidates.push({ unit, model, track });
    if (isModel || !tracks.isSettled(track)) alive.add(model);
  }
  return { candidates, alive };
}

/** Paths that the list names and that are not there. */
function unusedNames({ entries }: NameList, units: readonly Unit[]): string[] {
  const used = new Set(units.map(({ named }) => named));
  return entries.filter(({ model }) => !used.has(model)).map(({ path }) => path);
}

function notThere(path: string): Look["refused"][number] {
  return {
    path,
    error: new LarderError(
      "FILE_NOT_FOUND",
      `Cannot find a file or folder ${path}, which ${NAME_LIST} names`,
      {
        hint: "Put it there, as a link is not followed, or take its entry out of the list.",
      },
    ),
  };
}

/** Those that were models before, whatever they are now, and those that say they are. */
async function modelUnits(
  units: readonly Unit[],
  taken: ReadonlyMap<string, TakenModel>,
  formats: Formats,
): Promise<Unit[]> {
  const before = modelsByPath(taken);
  const models: Unit[] = [];
  for (const [index, unit] of units.entries()) {
    if (index % UNITS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    const wasModel = unit.files.some(({ path }) => before.has(path));
    if (wasModel || (formats.knownModel(unit.files) ?? await formats.hasModel(unit.files))) models.push(unit);
  }
  return models;
}

/** A list that is being written may make no sense yet. */
async function findNames(
  { folder, tracks }: LookTools,
  walk: Walk,
): Promise<Pick<Look, "names" | "namesAreSure" | "namesDueAtMs">> {
  const file = walk.files.find(({ path }) => path === NAME_LIST);
  if (file === undefined) return { names: NO_NAMES, namesAreSure: true };
  const names = await readNameList(folder, file);
  const track = tracks.note(NAME_LIST, [file]);
  if (names.fault === undefined || tracks.isSettled(track)) return { names, namesAreSure: true };
  return { names, namesAreSure: false, namesDueAtMs: tracks.dueAtMs(track) };
}

/** A model that is here already and was not made of these files, now or before the registry was built again. */
function isForeign(
  registry: Registry,
  taken: ReadonlyMap<string, TakenModel>,
  model: string,
  { files }: Unit,
): boolean {
  if (taken.has(model)) return false;
  const row = registry.findModel(model);
  if (row === undefined) return false;
  const places = new Set(files.map(({ localPath }) => localPath));
  return !row.versions.some(({ version }) =>
    registry.findVersion(model, version)?.files.some(({ sources }) =>
      sources.some(({ kind, location }) => kind === "path" && places.has(location))
    )
  );
}

/** What could not be looked at may still be there. */
function isInGap({ gaps }: Walk, { versions }: TakenModel): boolean {
  const paths = [...versions[0]?.files.keys() ?? []];
  return [...gaps.keys()].some((gap) =>
    gap === "" || paths.some((path) => path === gap || path.startsWith(`${gap}/`))
  );
}
