/** The output of a step that a run ended without: why. It is no payload, and stands as it is. */
export function skipOutput(reason: string): string {
  return JSON.stringify({ skip_reason: reason });
}

/** Why a run ends before its last step: its source has nothing new. */
export const UNCHANGED = "UNCHANGED";
