import { type FileSourceOptions, fileSource } from "spine-adapters/sources";
import type { Source } from "spine-core";
import { isIsoDate } from "./iso-date.ts";
import { WEEKLY_FILE_COLUMNS, type WeeklyFileRow } from "./weekly-file-columns.ts";

/** The name that the plugin registers its source by. */
export const OTC_TRANSPARENCY = "finra.otc_transparency";

export interface WeeklyFileSourceOptions extends Pick<FileSourceOptions, "roots" | "batchRows"> {
  /** `finra.otc_transparency` when left out. */
  readonly name?: string;
}

/** What a weekly file is asked for by: a path below one of the source's roots. */
export interface WeeklyFileRequest {
  readonly path: string;
}

const GET_IT_AGAIN = "Get it again from FINRA's OTC Transparency site, and leave it as it comes.";

/** The format is fixed: there is nothing to set, only another file to get. */
const ADVICE: Readonly<Record<string, string>> = {
  SOURCE_NOT_FOUND: "Check the path.",
  SOURCE_NOT_A_FILE: "Give the path of one weekly file.",
  SOURCE_EMPTY: `Its download did not finish. ${GET_IT_AGAIN}`,
  SOURCE_NO_ROWS: `A weekly file has thousands: its download did not finish, or it is another file. ${GET_IT_AGAIN}`,
  SOURCE_HEADER: `Check that it is a weekly file by symbol and venue. ${GET_IT_AGAIN}`,
  SOURCE_DELIMITER: `A spreadsheet may have saved it. ${GET_IT_AGAIN}`,
  SOURCE_ENCODING: `FINRA's files are UTF-8; another program may have saved it. ${GET_IT_AGAIN}`,
  SOURCE_TRUNCATED: `Its end is missing. ${GET_IT_AGAIN}`,
  SOURCE_MALFORMED: GET_IT_AGAIN,
  SOURCE_LINE_TOO_LONG: `It is another file, or its line ends were lost. ${GET_IT_AGAIN}`,
  PERMISSION_DENIED: "Check the file's permissions, and that it lies in a folder that may be read from.",
};

/**
 * FINRA's weekly files as a source of rows with text fields, unchanged. Exactly the eight columns, separated
 * by pipes, without quotes: names hold quotes and commas that mean nothing. A file cut off within its last
 * row is refused as a whole (SOURCE_TRUNCATED): some files end without a newline, so its absence alone says
 * nothing, but the last field is a date and a part of a date is none.
 *
 * Errors: those of `fileSource`, all SOURCE_* and not retried, and PERMISSION_DENIED outside the roots.
 */
export function finraWeeklyFile(
  options: WeeklyFileSourceOptions = {},
): Source<WeeklyFileRequest, WeeklyFileRow> {
  const { name = OTC_TRANSPARENCY, ...reading } = options;
  return fileSource({
    ...reading,
    name,
    columns: WEEKLY_FILE_COLUMNS,
    delimiter: "|",
    quote: null,
    advice: ADVICE,
    lastRow: ({ lastUpdateDate }) =>
      typeof lastUpdateDate === "string" && isIsoDate(lastUpdateDate)
        ? null
        : `its lastUpdateDate is ${JSON.stringify(lastUpdateDate)}, not a whole date`,
  }) as Source<WeeklyFileRequest, WeeklyFileRow>;
}
