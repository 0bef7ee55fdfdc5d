import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AuditedRun } from "spine-core/testing";
import { auditKills, type KillFindings } from "./audit-kills.ts";
import { readBooks } from "./book.ts";
import { Crew, type Member } from "./crew.ts";
import type { Address } from "./database-at.ts";
import type { Job } from "./job.ts";
import { Observer } from "./look-at-all.ts";

/** What is left in the end, and what the auditor says of it. */
export interface Outcome extends KillFindings {
  readonly runs: readonly AuditedRun[];
  /** What went wrong beside the promises: processes that ended by themselves, runs that did not end in time. */
  readonly accidents: readonly string[];
}

export interface StageOptions {
  readonly address: Address;
  /** What `bundleProcess` made. */
  readonly code: string;
  /** A folder for books; nothing of the database under test is in it. */
  readonly folder: string;
  /** How many loaded processes wait for a job; none is needed where nobody is replaced. */
  readonly spares?: number;
}

/** A database, the processes that work on it, and their books. */
export class Stage implements AsyncDisposable {
  readonly books: string;
  readonly observer: Observer;
  readonly crew: Crew;
  readonly address: Address;

  private constructor(address: Address, books: string, observer: Observer, crew: Crew) {
    this.address = address;
    this.books = books;
    this.observer = observer;
    this.crew = crew;
  }

  static async open({ address, code, folder, spares = 0 }: StageOptions): Promise<Stage> {
    const books = join(folder, "books");
    mkdirSync(books, { recursive: true });
    // The tables are made before anybody works; that several make them at once is tested elsewhere.
    const observer = await Observer.open(address);
    return new Stage(address, books, observer, new Crew(code, spares));
  }

  /** A process at a job, perhaps not ready yet. */
  async hire(job: Partial<Job> = {}): Promise<Member> {
    return await this.crew.hire({ address: this.address, books: this.books, worker: true, ...job });
  }

  /** Workers that are ready. */
  async workers(count: number, job: Partial<Job> = {}): Promise<readonly Member[]> {
    const members = await Promise.all(Array.from({ length: count }, () => this.hire(job)));
    await Promise.all(members.map((member) => member.says("ready")));
    return members;
  }

  /** Waits until nothing is left to do; false when that takes too long. */
  async drained(ms = 60_000): Promise<boolean> {
    const until = performance.now() + ms;
    while (performance.now() < until) {
      const unfinished = await this.observer.unfinished();
      if (unfinished.length === 0) return true;
      await this.observer.approve(unfinished);
      await delay(50);
    }
    return false;
  }

  /**
   * Lets everything that was accepted come to its end, stops all processes, and compares.
   *
   * @param onlyFromDead false where runs may be taken from the living, who are stopped or cut off.
   */
  async finish(onlyFromDead = true): Promise<Outcome> {
    const drained = await this.drained();
    await Promise.all(this.crew.members.filter(({ isAlive }) => isAlive).map((member) => member.stop()));
    const entries = readBooks(this.books);
    const runs = await this.observer.look();
    const deaths = new Map<number, number>();
    for (const { pid, diedAt } of this.crew.members) if (diedAt !== null) deaths.set(pid, diedAt);
    for (const { what, pid, at } of entries) {
      if (what === "dies") deaths.set(pid, Math.min(at, deaths.get(pid) ?? at));
    }
    return {
      ...auditKills({ entries, runs, deaths: onlyFromDead ? deaths : null }),
      runs,
      accidents: [...this.crew.accidents, ...(drained ? [] : ["Not all runs ended in time."])],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crew[Symbol.asyncDispose]();
    await this.observer[Symbol.asyncDispose]();
  }
}
