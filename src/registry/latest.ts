/** What the choice of `latest` looks at. */
export interface DatedVersion {
  readonly version: string;
  readonly createdAtS: number;
}

interface Semver {
  /** major, minor, patch */
  readonly core: readonly string[];
  /** Absent parts: a stable version. */
  readonly pre: readonly string[];
}

/** Semantic Versioning 2.0.0 §2, §9, §10, with the "v" before it that tags often have. */
const SEMVER =
  /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/**
 * What `latest` stands for: where all versions are semantic versions the highest stable one, or the highest pre-release when
 * nothing is stable; else the newest. Equal ones go to the newer, then to the greater name.
 */
export function latestVersion(versions: readonly DatedVersion[]): string | undefined {
  const parsed = versions.map((version) => ({ version, semver: parseSemver(version.version) }));
  const allSemver = parsed.every((one) => one.semver !== undefined);
  return parsed.reduce((best, one) => compare(one, best, allSemver) > 0 ? one : best, parsed[0]!)?.version
    .version;
}

type Candidate = { readonly version: DatedVersion; readonly semver: Semver | undefined };

function compare(a: Candidate, b: Candidate, bySemver: boolean): number {
  const order = bySemver && a.semver && b.semver
    ? compareStability(a.semver, b.semver) || compareSemver(a.semver, b.semver)
    : 0;
  return order || a.version.createdAtS - b.version.createdAtS ||
    compareText(a.version.version, b.version.version);
}

function compareStability(a: Semver, b: Semver): number {
  return Number(a.pre.length === 0) - Number(b.pre.length === 0);
}

/** Precedence of two versions, Semantic Versioning 2.0.0 §11: negative when `a` is the lower one. */
export function compareSemver(a: Semver, b: Semver): number {
  for (let part = 0; part < 3; part++) {
    const order = compareNumber(a.core[part] ?? "0", b.core[part] ?? "0");
    if (order !== 0) return order;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return compareStability(a, b);
  for (let part = 0; part < Math.min(a.pre.length, b.pre.length); part++) {
    const order = compareIdentifier(a.pre[part] ?? "", b.pre[part] ?? "");
    if (order !== 0) return order;
  }
  return a.pre.length - b.pre.length;
}

export function parseSemver(text: string): Semver | undefined {
  const match = SEMVER.exec(text);
  return match ? { core: match.slice(1, 4), pre: match[4]?.split(".") ?? [] } : undefined;
}

function compareIdentifier(a: string, b: string): number {
  const aIsNumber = /^\d+$/.test(a);
  const bIsNumber = /^\d+$/.test(b);
  if (aIsNumber && bIsNumber) return compareNumber(a, b);
  return aIsNumber !== bIsNumber ? Number(bIsNumber) - Number(aIsNumber) : compareText(a, b);
}

/** Decimal digits without leading zeros, as long as a name can be: too long for a number. */
function compareNumber(a: string, b: string): number {
  return a.length - b.length || compareText(a, b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
