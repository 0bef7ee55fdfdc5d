import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Command, Job, Said } from "./job.ts";

/** A process at its job. */
export class Member {
  readonly job: Job;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #said = new Set<Said>();
  readonly #gone: Promise<unknown>;
  #diedAt: number | null = null;

  constructor(child: ChildProcess, job: Job) {
    this.#child = child;
    this.job = job;
    this.pid = child.pid ?? 0;
    this.#gone =
      child.exitCode === null && child.signalCode === null ? once(child, "exit") : Promise.resolve();
    child.on("message", (what: Said) => this.#said.add(what));
    child.send(job, () => {});
  }

  /** When it was killed, by itself or by us: the moment before. */
  get diedAt(): number | null {
    return this.#diedAt;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  has(what: Said): boolean {
    return this.#said.has(what);
  }

  /** Waits until it says this, or is gone. */
  async says(what: Said): Promise<void> {
    while (this.isAlive && !this.has(what)) await Promise.race([once(this.#child, "message"), this.#gone]);
    if (!this.has(what)) throw new Error(`Process ${this.pid} ended before it said "${what}".`);
  }

  async gone(): Promise<void> {
    await this.#gone;
  }

  async kill(): Promise<void> {
    if (this.isAlive) {
      this.#diedAt = Date.now();
      this.#child.kill("SIGKILL");
    }
    await this.#gone;
  }

  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGTERM"): void {
    this.#child.kill(signal);
  }

  tell(command: Command): void {
    // Who has just died does not read it.
    if (this.#child.connected) this.#child.send(command, () => {});
  }

  /** Lets it stop in good order. */
  async stop(): Promise<void> {
    this.tell("stop");
    await this.#gone;
  }
}

/**
 * Real processes that are loaded beforehand: starting one takes half a second of a processor, and a proof by killing
 * waits for nothing else. They end with the process that made the crew.
 */
export class Crew implements AsyncDisposable {
  readonly #file: string;
  readonly #spares: number;
  readonly #spare: Promise<ChildProcess>[] = [];
  readonly #all = new Set<ChildProcess>();
  readonly #members: Member[] = [];
  /** What processes said before they ended by themselves, which none may. */
  readonly accidents: string[] = [];

  /**
   * @param file what `bundleProcess` made.
   * @param spares how many processes wait for a job.
   */
  constructor(file: string, spares: number) {
    this.#file = file;
    this.#spares = spares;
    for (let n = 0; n < spares; n++) this.#spare.push(this.#load());
  }

  /** Everybody who ever had a job. */
  get members(): readonly Member[] {
    return this.#members;
  }

  async hire(job: Job): Promise<Member> {
    const next = this.#spare.shift() ?? this.#load();
    if (this.#spares > 0) this.#spare.push(this.#load());
    const member = new Member(await next, job);
    this.#members.push(member);
    return member;
  }

  async #load(): Promise<ChildProcess> {
    const child = fork(this.#file, [], {
      execArgv: ["--conditions=spine-source", "--no-warnings"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#all.add(child);
    let said = "";
    child.stderr?.on("data", (data) => {
      said += String(data);
    });
    child.on("exit", (code) => {
      this.#all.delete(child);
      if (code !== null && code !== 0)
        this.accidents.push(`${child.pid} (exit code ${code}): ${said.slice(-2_000)}`);
    });
    await Promise.race([once(child, "message"), once(child, "exit")]);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#all) child.kill("SIGKILL");
    // Those that were still loading never say that they are ready.
    for (const spare of this.#spare) spare.catch(() => {});
    await Promise.all([...this.#all].map((child) => once(child, "exit")));
  }
}
