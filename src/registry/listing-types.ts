/** A model with what a list shows of its latest version: one look for all of it. */
export interface ListedModelRow {
  readonly model: string;
  readonly versionCount: number;
  /** What `latest` stands for. */
  readonly latest: string;
  readonly sizeBytes: number;
  readonly updatedAtS: number;
  /** Of the latest version, those that are here, by name. */
  readonly variants: readonly string[];
  /** What the files of the latest version are by the ends of their names. */
  readonly format: "gguf" | "onnx" | "other";
  /** A hub was asked about it. */
  readonly isScanned: boolean;
  /** A file of the latest version came from an address. */
  readonly hasUrl: boolean;
  /** Of all variants that are here. */
  readonly uses: number;
  /** Undefined when none was used. */
  readonly usedAtS: number | undefined;
}

/** A model of which nothing is here: what is known of tries to have it, or of its hub. */
export interface AbsentModelRow {
  readonly model: string;
  /** Newest first. */
  readonly notes: ReadonlyArray<
    { readonly version: string; readonly variant: string; readonly updatedAtS: number }
  >;
  /** The newest one. */
  readonly scan?: { readonly version: string; readonly scannedAtS: number };
}

export interface NamePage {
  readonly limit: number;
  /** The last model of the page before. */
  readonly after?: string;
}

/** Reads for lists of everything, in pages, so that the caller can let others go on in between. */
export interface ListingRegistry {
  /** By name. */
  listedModels(page: NamePage): ListedModelRow[];
  findListedModel(model: string): ListedModelRow | undefined;
  /** Names that a scan or a note of a failed try knows, by name; of some of them there are versions here. */
  triedModels(page: NamePage): string[];
  /** What is known of a model beside its versions; undefined when nothing is. */
  findAbsentModel(model: string): AbsentModelRow | undefined;

  /**
   * How often writes of another process to the file were noticed so far, looking now: microseconds when nobody wrote since the last
   * look, else one question to the writer thread, which can tell whose write it was. `generation()` has then grown too. Beside that
   * the registry looks once a second by itself.
   */
  foreignWrites(): number | Promise<number>;
  /** When the file or its log was last written, in Unix seconds; undefined when it is not there. */
  modifiedAtS(): number | undefined;
}
