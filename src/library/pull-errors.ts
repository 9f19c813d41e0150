import { LarderError } from "../core/index.ts";

export function pullNotFound(id: string): LarderError {
  return new LarderError("PULL_NOT_FOUND", `Cannot find pull ${id.slice(0, 40)}`, {
    field: "id",
    hint: "See `larder pulls` for those there are.",
  });
}

export function badPullState(id: string, state: string, action: string): LarderError {
  return new LarderError("BAD_STATE", `Cannot ${action} pull ${id}: it is ${state}`, {
    hint: "Start a new pull.",
  });
}

export function addressNeeded(id: string): LarderError {
  return new LarderError(
    "SOURCE_REQUIRED",
    `Cannot go on with pull ${id} by itself: its address held a secret, which is not kept`,
    {
      field: "urls",
      hint: "Start the same pull again with its address: what was fetched is used.",
    },
  );
}

export function shuttingDown(): LarderError {
  return new LarderError("SHUTTING_DOWN", "Cannot pull now: larder is stopping", {
    retryable: true,
    hint: "The pull goes on when larder starts again.",
  });
}
