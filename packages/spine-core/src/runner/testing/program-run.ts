import { SpineError, TransientError } from "../../errors.ts";
import type { ChildEnd, EndsAs, SignalRecord, Transition } from "../../history/history-store.ts";
import type { CheckpointRecord, RunDetail, RunStatus } from "../../history/records.ts";
import { isTerminal } from "../../history/records.ts";
import type { JsonValue } from "../../json.ts";
import { isUndo, undoneBy } from "../../workflow/step-paths.ts";
import type { WorkflowData } from "../../workflow/workflow.ts";
import { advance, firstAdvance, type Happened, hasUndo, nextTime } from "../advance.ts";
import type { Ended, StepResult } from "../durable.ts";
import type { Plan } from "../plan.ts";
import { restore } from "../restore.ts";
import { apply, newRun, type RunState } from "../run-state.ts";
import { auditEnd, checkConcurrency, checkTimeouts } from "./program-audit.ts";
import { isoTime, ProgramRecords } from "./program-records.ts";
import {
  AMPLE,
  FOREVER,
  isFatal,
  type Node,
  nodeAt,
  type Program,
  signalsIn,
  undoFailsOf,
} from "./programs.ts";

/** When the time of those that wait with one is over; it may be before they begin. */
const IN_TIME = 1_003_000;

/** More steps than any program needs: one that goes on for longer goes round in circles. */
const MOST_TURNS = 5_000;

/**
 * A run of a program at random: what a store and a runner do around `advance`, with rows in memory, and things that happen in an
 * order at random.
 */
export class ProgramRun {
  readonly #workflow: WorkflowData;
  readonly #program: Program;
  readonly #random: () => number;
  readonly #records = new ProgramRecords();
  readonly #checkpoints: CheckpointRecord[] = [];
  readonly #children = new Map<
    string,
    { readonly path: string; ended: boolean; readonly cancelled: boolean }
  >();
  #signals: SignalRecord[] = [];
  /** Of those without a time: how many. */
  #sent = 0;
  #ids = 0;
  #retried = 0;
  #inbox = 0;
  #endsAs: EndsAs | null = null;
  #error: RunDetail["run"]["error"] = null;
  #availableAt: number | null = null;
  #state: RunState;
  #now = 1_000_000;
  #deadline: number | null;
  /** Whatever made code fail does not any more. */
  #mended = false;
  /** True for a run that somebody cancels on its way. */
  readonly #isCancelled: boolean;
  status: RunStatus = "RUNNING";

  constructor(
    workflow: WorkflowData,
    program: Program,
    random: () => number,
    deadlineMs: number | null = null,
  ) {
    this.#workflow = workflow;
    this.#program = program;
    this.#random = random;
    this.#isCancelled = this.#random() < 0.1;
    this.#deadline = deadlineMs === null ? null : this.#now + deadlineMs;
    this.#state = newRun(this.#deadline);
    const first = firstAdvance(workflow, this.#state, this.#now);
    // The write that makes a run takes nothing but the beginning of attempts.
    if (first) {
      for (const { name, kind, attempt } of first.transition.begun)
        this.#records.begin(name, kind, attempt, this.#now);
      apply(this.#state, first);
    } else this.#happen({ ended: [] });
  }

  /** Lets things happen until the run has ended. */
  drive(): void {
    for (let turn = 0; !isTerminal(this.status); turn += 1) {
      if (turn > MOST_TURNS) throw new Error("The run does not end.");
      this.#turn();
    }
  }

  /** True when its deadline ended it, or somebody cancelled it: then the model does not say how far it came. */
  get isCutShort(): boolean {
    return this.status === "CANCELLED" || this.errorCode === "RUN_DEADLINE";
  }

  get errorCode(): string | null {
    return this.#error?.code ?? null;
  }

  /** Somebody has it tried again after it has ended. @param mended whether the code of its steps succeeds from now on. */
  retry(mended: boolean): void {
    this.#retried = this.#records.all.length;
    this.#mended = mended;
    if (mended) this.#deadline = null;
    this.#endsAs = null;
    this.#error = null;
    for (const [runId, child] of this.#children) {
      // One that failed is tried again by the step that waits for it.
      const path = pathOfChild(runId);
      const again = child.cancelled || this.#childEnds(path, "failed");
      this.#children.set(runId, { path, ended: true, cancelled: again });
    }
    this.#claim();
    this.drive();
  }

  /** The outputs by step, without what is said about failures that were collected. */
  outputs(): Readonly<Record<string, JsonValue>> {
    const outputs: Record<string, JsonValue> = {};
    for (const { name, status, output } of this.#records.all) {
      if (status === "COMPLETED" && !name.includes("/")) outputs[name] = withoutErrors(output);
    }
    return outputs;
  }

  /** What has to hold at the end of every run. */
  audit(): void {
    auditEnd({
      records: this.#records.all,
      retried: this.#retried,
      succeeded: this.status === "COMPLETED",
      error: this.#error,
      workflow: this.#workflow,
      program: this.#program,
      children: [...this.#children].filter(([, { ended }]) => !ended).map(([runId]) => runId),
    });
  }

  #turn(): void {
    if (this.status === "WAITING") {
      this.#whileAtRest();
      return;
    }
    const chance = this.#random();
    if (chance < 0.04) this.#crash();
    else if (chance < 0.05) this.#stop();
    else if (chance < 0.08) this.#pause();
    else if (chance < 0.1 && this.#isCancelled && !this.#mended) this.#cancel();
    else if (chance < 0.2) this.#messageComes();
    else if (this.#state.running.size > 0 && chance < 0.9) this.#settle();
    else this.#look();
  }

  /** In the database only: until its time comes, or a message. */
  #whileAtRest(): void {
    if (this.#random() < 0.5) this.#messageComes();
    if (this.#availableAt === null || this.#availableAt > this.#now) {
      if (this.#mayCome(this.#availableAt) && this.#random() < 0.5) this.#now = this.#availableAt;
      return;
    }
    this.#claim();
  }

  /** Some of what is under way ends, in any order. */
  #settle(): void {
    const running = [...this.#state.running].sort(() => this.#random() - 0.5);
    const count = 1 + Math.floor(this.#random() * Math.min(3, running.length));
    this.#happen({ ended: running.slice(0, count).map(([path, attempt]) => this.#end(path, attempt)) });
  }

  /** Time passes, or messages are looked at, or nothing has happened for long. */
  #look(): void {
    const due = nextTime(this.#state);
    const waits = [...this.#state.waiting.values()].some(
      ({ signal, child }) => signal !== null || child !== null,
    );
    if (waits && (this.#state.unread || this.#inbox > this.#state.inbox)) {
      const children = [...this.#state.waiting.values()].flatMap(({ child }) => child ?? []);
      const ended = children
        .filter((child) => this.#children.get(child)?.ended)
        .map((child) => this.#childEnd(child));
      this.#happen({ ended: [], inbox: { count: this.#inbox, signals: this.#signals, children: ended } });
      return;
    }
    if (this.#mayCome(due) && this.#random() < 0.7) {
      this.#now = Math.max(this.#now, due);
      this.#happen({ ended: [] });
    } else if (this.#state.running.size === 0) {
      this.#happen({ ended: [], idle: true });
    }
  }

  /** A time that is far comes only where nothing else does any more. */
  #mayCome(time: number | null): time is number {
    if (time === null || time - this.#now < AMPLE / 2) return time !== null;
    return (
      this.#state.running.size === 0 && this.#sent === signalsIn(this.#program) && this.#alive().length === 0
    );
  }

  #alive() {
    return [...this.#children].filter(([, { path, ended }]) => !ended && !this.#childEnds(path, "never"));
  }

  /** A signal is sent, as many as there are steps that may wait for one and no more; or a child ends. */
  #messageComes(): void {
    const alive = this.#alive();
    const one = alive[Math.floor(this.#random() * alive.length)];
    if (one && this.#random() < 0.6) one[1].ended = true;
    else if (this.#sent < signalsIn(this.#program)) {
      this.#sent += 1;
      this.#send("go", this.#now);
      return;
    } else return;
    this.#messageCame();
  }

  #childBegins(runId: string): void {
    const path = pathOfChild(runId);
    const ended = this.#childEnds(path, "early");
    this.#children.set(runId, { path, ended, cancelled: false });
    if (ended) this.#messageCame();
  }

  #childEnds(path: string, ends: string): boolean {
    const node = nodeAt(this.#program, path);
    return node.kind === "child" && node.ends === ends;
  }

  #send(name: string, at: number): void {
    this.#ids += 1;
    const signal = { signalId: `signal ${this.#ids}`, name, payload: name, sentAt: isoTime(at) };
    this.#signals = [...this.#signals, signal];
    this.#messageCame();
  }

  #messageCame(): void {
    this.#inbox += 1;
    if (this.status === "WAITING") this.#availableAt = Math.min(this.#availableAt ?? this.#now, this.#now);
  }

  #crash(): void {
    this.#claim();
  }

  /** Its process is stopped: what is under way ends, but for what only waits. */
  #stop(): void {
    this.#records.stop(this.#now);
    this.#claim();
  }

  /** Everything under way is cancelled, and the run goes on later. */
  #pause(then = () => this.#claim()): void {
    this.#records.cancel(this.#now);
    this.#now += 500;
    then();
  }

  /** As a store does it: undone first where there may be something to undo, and once. */
  #cancel(): void {
    if (this.#endsAs !== null) return;
    for (const [runId, child] of this.#children) this.#children.set(runId, { ...child, ended: true });
    if (!hasUndo(this.#workflow) || !this.#records.all.some(({ status }) => status === "COMPLETED")) {
      this.#pause(() => {
        this.status = "CANCELLED";
      });
      return;
    }
    this.#endsAs = "CANCELLED";
    this.#error = new SpineError("RUN_CANCELLED", "cancelled").toJSON();
    this.#pause();
  }

  #claim(): void {
    this.status = "RUNNING";
    const restored = restore(this.#workflow, this.#detail(), this.#checkpoints);
    this.#state = restored.state;
    this.#happen({ ended: restored.lost });
  }

  #detail(): RunDetail {
    const run = {
      worker: "w",
      inherited: 0,
      status: this.status,
      deadline: this.#deadline === null ? null : isoTime(this.#deadline),
      endsAs: this.#endsAs,
      error: this.#error,
    };
    return { run: run as unknown as RunDetail["run"], steps: structuredClone(this.#records.all) };
  }

  #end(path: string, attempt: number): Ended {
    const outcome = this.#outcome(path);
    if (outcome instanceof SpineError) return { step: path, attempt, failure: outcome };
    const { output = null, ...more } = outcome;
    const result = {
      output: JSON.stringify(output),
      rows: null,
      metrics: {},
      attachments: [],
      error: null,
      ...more,
    };
    return { step: path, attempt, result };
  }

  /** What the code of a step brings about. */
  #outcome(
    path: string,
  ): SpineError | (Partial<Omit<StepResult, "output">> & { readonly output?: JsonValue }) {
    if (isUndo(path)) {
      const fails = undoFailsOf(nodeAt(this.#program, undoneBy(path)));
      return this.#records.failuresOf(path) < fails ? new TransientError("not yet") : {};
    }
    const node: Node = nodeAt(this.#program, path);
    switch (node.kind) {
      case "leaf": {
        if (node.skips) return { skipped: true };
        if (this.#mended) return { output: path };
        if (isFatal(node, path)) return new SpineError("STEP_FAILED", "fatal");
        return this.#records.failuresOf(path) < node.fails ? new TransientError("again") : { output: path };
      }
      case "map": {
        const keys = Array.from({ length: node.items }, (_, index) => String(index));
        return { plan: { keys, items: keys } };
      }
      case "choice":
        if (node.chosen < 0) return { plan: { case: "typo" } };
        return node.cases[node.chosen] ? { plan: { case: `c${node.chosen}` } } : { skipped: true };
      case "sleep":
        return { plan: { until: this.#now + node.ms, signal: null } };
      case "forever":
        return { plan: { until: this.#now + FOREVER, signal: null } };
      case "signal":
        if (node.name === "go") return { plan: { until: null, signal: "go" } };
        // One that comes in time is read whenever it may be, also when the time is over.
        this.#send(node.name, node.name === "kept" ? Math.min(this.#now, IN_TIME) : IN_TIME + 1);
        return { plan: { until: IN_TIME, signal: node.name } };
      case "child":
        return this.#child(path);
      default:
        return { plan: {} };
    }
  }

  #child(path: string): { readonly plan: Plan; readonly child?: NonNullable<StepResult["child"]> } {
    const known = this.#state.steps.get(path)?.plan?.child;
    if (known !== undefined && this.#children.has(known)) {
      const child = this.#children.get(known);
      if (child?.cancelled) this.#childBegins(known);
      return { plan: { child: known } };
    }
    const runId = `child of ${path}`;
    return { plan: { child: runId }, child: { runId } as NonNullable<StepResult["child"]> };
  }

  #childEnd(runId: string): ChildEnd {
    const { path } = this.#children.get(runId) ?? { path: "" };
    const node = nodeAt(this.#program, path);
    const fails = node.kind === "child" && node.ends === "failed" && !this.#mended;
    return fails
      ? { runId, status: "FAILED", outputs: null, error: new SpineError("STEP_FAILED", "child").toJSON() }
      : { runId, status: "COMPLETED", outputs: { of: path }, error: null };
  }

  #happen(happened: Happened): void {
    const next = advance(this.#workflow, this.#state, happened, this.#now, this.#random());
    this.#record(next.transition);
    for (const child of next.cancelled) this.#children.set(child, { path: "", ended: true, cancelled: true });
    apply(this.#state, next);
    checkTimeouts({
      workflow: this.#workflow,
      records: this.#records.all,
      hasCode: (path) => this.#state.running.has(path),
      now: this.#now,
      wakes: this.status === "WAITING" ? this.#availableAt : nextTime(this.#state),
      isRead: !this.#state.unread,
      isEnding: this.#endsAs !== null,
    });
    if (this.status !== "RUNNING" && this.#state.running.size > 0) {
      throw new Error(`It is ${this.status} while code is under way.`);
    }
  }

  /** What a store does, and what it refuses. */
  #record({ ended, begun, waiting = [], children = [], taken = [], run, attachments }: Transition): void {
    const atOnce = ended.filter((end) =>
      begun.some((one) => one.name === end.name && one.attempt === end.attempt),
    );
    this.#records.end(
      ended.filter((end) => !atOnce.includes(end)),
      this.#now,
    );
    for (const { name, kind, attempt } of begun) this.#records.begin(name, kind, attempt, this.#now);
    this.#records.end(atOnce, this.#now);
    for (const { name } of begun) checkConcurrency(this.#workflow, this.#records.all, name);
    this.#records.wait(waiting);
    for (const { runId } of children) this.#childBegins(runId);
    for (const id of taken) {
      if (!this.#signals.some(({ signalId }) => signalId === id)) throw new Error(`${id} is taken twice.`);
      this.#signals = this.#signals.filter(({ signalId }) => signalId !== id);
    }
    for (const attachment of attachments) {
      if (attachment.kind !== "checkpoint") continue;
      const { step, key, value } = attachment;
      if (this.#checkpoints.some((one) => one.step === step && one.key === key))
        throw new Error(`${key} is there.`);
      this.#checkpoints.push({ step, key, value: JSON.parse(value) as JsonValue });
    }
    if (!run) return;
    this.status = run.status;
    if (run.endsAs !== undefined) this.#endsAs = run.endsAs;
    if (run.error !== undefined) this.#error = run.error;
    if (run.status !== "WAITING") return;
    this.#availableAt = (run.inbox ?? this.#inbox) < this.#inbox ? this.#now : (run.availableAt ?? null);
  }
}

function pathOfChild(runId: string): string {
  return runId.slice("child of ".length);
}

function withoutErrors(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutErrors);
  if (typeof value !== "object" || value === null) return value;
  const { error: _error, ...rest } = value as Readonly<Record<string, JsonValue>>;
  return Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, withoutErrors(one)]));
}
