import type { Registry } from "../../registry/index.ts";
import {
  type Arrival,
  describeAbsent,
  describeArriving,
  describeListed,
  type Description,
} from "./description.ts";
import { Pauses } from "./pauses.ts";

/** Read at once: so many take about a millisecond. */
const PAGE = 50;

export interface SourceDeps {
  readonly registry: Pick<
    Registry,
    "listedModels" | "findListedModel" | "triedModels" | "findAbsentModel" | "hasModel" | "accessOf"
  >;
  readonly arrivals: () => readonly Arrival[];
}

/** Describes models from the registry, and from what is being brought here. */
export class DescriptionSource {
  constructor(private readonly deps: SourceDeps) {}

  /** Undefined when nothing is known of it any more. */
  find(model: string): Description | undefined {
    const row = this.deps.registry.findListedModel(model);
    if (row !== undefined) return describeListed(row);
    const arrivals = this.deps.arrivals().filter((arrival) => arrival.model === model);
    if (arrivals.length > 0) return describeArriving(model, arrivals);
    const absent = this.deps.registry.findAbsentModel(model);
    return absent && describeAbsent(absent);
  }

  /** Of all variants that are here. */
  useOf(model: string): Pick<Description, "uses" | "usedAtS"> {
    const used = this.deps.registry.accessOf(model).filter(({ count }) => count > 0);
    return {
      uses: used.reduce((sum, { count }) => sum + count, 0),
      usedAtS: Math.max(0, ...used.map(({ usedAtS }) => usedAtS)),
    };
  }

  /** Every model that is here, by name, page after page with pauses. */
  async *here(): AsyncGenerator<Description[]> {
    const { registry } = this.deps;
    for await (const rows of inPages((page) => registry.listedModels(page), ({ model }) => model)) {
      yield rows.map(describeListed);
    }
  }

  /** Every other one that something is known of, by name, with pauses. */
  async elsewhere(): Promise<Description[]> {
    const { registry, arrivals } = this.deps;
    const names = new Set(arrivals().map(({ model }) => model));
    for await (const page of inPages((page) => registry.triedModels(page), (name) => name)) {
      for (const name of page) names.add(name);
    }
    const found: Description[] = [];
    const pauses = new Pauses();
    for (const name of [...names].sort()) {
      if (!registry.hasModel(name)) found.push(...[this.find(name)].filter((one) => one !== undefined));
      if (pauses.isDue) await pauses.take();
    }
    return found;
  }
}

interface Page {
  readonly limit: number;
  readonly after?: string;
}

async function* inPages<T>(
  read: (page: Page) => readonly T[],
  nameOf: (row: T) => string,
): AsyncGenerator<readonly T[]> {
  const pauses = new Pauses();
  let after: string | undefined;
  for (;;) {
    const rows = read({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = nameOf(last);
    if (pauses.isDue) await pauses.take();
  }
}
