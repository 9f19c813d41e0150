import { type ErrorCode, LarderError, systemCode } from "./errors.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retryable?: boolean;
}

const FREE_SPACE: Meaning = {
  code: "NO_SPACE",
  hint: "Free space on the disk of the home (larder gc, larder remove), then try again.",
};
const DENIED: Meaning = {
  code: "PERMISSION",
  hint: "Give the user that runs larder the right to this file, or choose another home.",
};

/** What the system's answers to file calls mean for the caller. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: FREE_SPACE,
  EDQUOT: FREE_SPACE,
  EROFS: { code: "READONLY", hint: "Make the disk of the home writable; what is stored can still be read." },
  EACCES: DENIED,
  EPERM: DENIED,
  ELOOP: { code: "UNSAFE_PATH", hint: "Remove the symbolic link that was put inside the home." },
  EXDEV: { code: "CONFIG", hint: "Keep the whole home in one file system." },
  EMFILE: {
    code: "BUSY",
    hint: "Raise the limit of open files, or run fewer pulls at once.",
    retryable: true,
  },
  ENFILE: {
    code: "BUSY",
    hint: "Raise the limit of open files, or run fewer pulls at once.",
    retryable: true,
  },
  EIO: { code: "IO", hint: "Check the disk: it reported an error." },
};

/**
 * A failed file call as an error for the caller; anything that is not a known answer of the system comes back as it is.
 *
 * @param action What could not be done, after "Cannot": `write incoming/ab12.part`. Paths relative to the home.
 */
export function diskError(error: unknown, action: string): unknown {
  const system = systemCode(error);
  const meaning = system === undefined ? undefined : MEANINGS[system];
  if (meaning === undefined || error instanceof LarderError) return error;
  return new LarderError(meaning.code, `Cannot ${action}: ${system}`, {
    hint: meaning.hint,
    retryable: meaning.retryable ?? false,
    cause: error,
  });
}
