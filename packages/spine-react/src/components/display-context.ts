import { createContext } from "react";
import type { Labels } from "./labels.ts";

/** How what is shown is written. */
export interface DisplaySettings {
  /** e.g. `en-GB`; the browser's own when left out. */
  readonly locale?: string | undefined;
  /** e.g. `Europe/Berlin`; the browser's own when left out. */
  readonly timeZone?: string | undefined;
  readonly labels?: Partial<Labels> | undefined;
}

const NO_SETTINGS: DisplaySettings = {};
/** Of its own, and small: the provider brings it to apps that show nothing of ours too. */
export const DisplayContext = createContext<DisplaySettings>(NO_SETTINGS);
