import { SpineError } from "spine-core";
import { addDays, isIsoDate } from "../../iso-date.ts";
import { publishedOn, toWeekStart } from "../../publication.ts";
import { TIERS, type Tier } from "../../tiers.ts";
import { WEEKLY_FILE_COLUMNS } from "../../weekly-file-columns.ts";
import { weekFileName, weekLines } from "../generate-week.ts";
import type { GenerateWeekOptions } from "../week-rows.ts";
import type { QueryRecord } from "./query-record.ts";
import { type Restatement, restate } from "./restate.ts";
import { summaries, symbolAndVenueRecords } from "./week-records.ts";

/** A week of a tier that is out. */
export interface PublishedWeek {
  /** Monday. */
  readonly week: string;
  readonly tier: Tier;
}

export interface PublishedWeeksOptions extends Pick<GenerateWeekOptions, "seed" | "symbols" | "dirty"> {
  readonly today: string;
  /** How many weeks before today are held. */
  readonly weeks: number;
  /** In place of all that would be generated. */
  readonly rows?: readonly QueryRecord[];
}

/** As much as three weeks of all tiers; the others are made again when they are asked for. */
const KEPT = 9;

/** What the local server has published by its today: generated when it is first asked for. */
export class PublishedWeeks {
  readonly #options: PublishedWeeksOptions;
  readonly #restatements: Restatement[] = [];
  readonly #made = new Map<string, readonly QueryRecord[]>();
  #today: string;
  #available: readonly PublishedWeek[] | null = null;

  constructor(options: PublishedWeeksOptions) {
    this.#options = options;
    this.#today = options.today;
  }

  get today(): string {
    return this.#today;
  }

  set today(date: string) {
    if (!isIsoDate(date))
      throw new SpineError("CONFIG_INVALID", `today "${date}" is not a date (YYYY-MM-DD).`);
    this.#today = date;
    this.#available = null;
    this.#made.clear();
  }

  /** From today on the week reads as restated; before the day of the restatement as it was. */
  restate(restatement: Restatement): void {
    this.#restatements.push({ ...restatement, weekStart: toWeekStart(restatement.weekStart) });
    this.#made.clear();
  }

  /** What is out, newest week first. */
  available(): readonly PublishedWeek[] {
    if (this.#available) return this.#available;
    const last = toWeekStart(this.#today);
    const weeks = Array.from({ length: this.#options.weeks }, (_, index) => addDays(last, -7 * index));
    this.#available = weeks.flatMap((week) =>
      TIERS.filter((tier) => publishedOn(week, tier) <= this.#today).map((tier) => ({ week, tier })),
    );
    return this.#available;
  }

  /** Every row of a week of a tier, at all grains; none where it is not out. */
  records(week: string, tier: Tier): readonly QueryRecord[] {
    if (!this.available().some((out) => out.week === week && out.tier === tier)) return [];
    const { rows: given } = this.#options;
    if (given) return given.filter((row) => row.weekStartDate === week && row.tierIdentifier === tier);
    const key = `${week}/${tier}`;
    const known = this.#made.get(key);
    if (known) return known;
    const restated = this.#restatementsOf(week, tier);
    const rows = restated.reduce<readonly QueryRecord[]>(
      restate,
      symbolAndVenueRecords(this.#generated(week, tier)),
    );
    const made = [...rows, ...summaries(rows)];
    this.#made.set(key, made);
    const [oldest] = this.#made.keys();
    if (this.#made.size > KEPT && oldest !== undefined) this.#made.delete(oldest);
    return made;
  }

  /** The weekly files that are out, by their names. */
  files(): ReadonlyMap<string, PublishedWeek> {
    return new Map(
      this.available().map((out) => [weekFileName({ weekStart: out.week, tier: out.tier }), out]),
    );
  }

  /** A weekly file's text; once restated, made of the rows that the API has. */
  *file({ week, tier }: PublishedWeek): Generator<string> {
    if (this.#restatementsOf(week, tier).length === 0) {
      yield* weekLines(this.#generated(week, tier));
      return;
    }
    yield `${WEEKLY_FILE_COLUMNS.join("|")}\n`;
    for (const row of this.records(week, tier)) {
      if (row.summaryTypeCode !== "ATS_W_SMBL_FIRM") continue;
      const fields = { ...row, marketParticipantName: `${row.MPID} ${row.marketParticipantName}` };
      yield `${WEEKLY_FILE_COLUMNS.map((name) => fields[name as keyof typeof fields] ?? "").join("|")}\n`;
    }
  }

  #restatementsOf(week: string, tier: Tier): readonly Restatement[] {
    return this.#restatements.filter(
      (one) => one.weekStart === week && one.tier === tier && one.on <= this.#today,
    );
  }

  #generated(weekStart: string, tier: Tier): GenerateWeekOptions {
    const { seed, symbols, dirty } = this.#options;
    return {
      weekStart,
      tier,
      ...(seed === undefined ? {} : { seed }),
      ...(symbols === undefined ? {} : { symbols }),
      ...(dirty === undefined ? {} : { dirty }),
    };
  }
}
