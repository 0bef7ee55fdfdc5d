import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second in /proc, on every Linux that Node runs on. */
const HZ = 100;

/** CPU seconds of a Postgres server so far: the postmaster, its children that have ended, and those alive. NaN elsewhere. */
export function serverCpu(postmaster: number): number {
  try {
    const own = statOf(postmaster);
    let seconds = own.self + own.ended;
    for (const entry of readdirSync("/proc")) {
      if (/^\d+$/.test(entry)) seconds += childCpu(Number(entry), postmaster);
    }
    return seconds;
  } catch {
    return Number.NaN;
  }
}

function childCpu(pid: number, parent: number): number {
  try {
    const stat = statOf(pid);
    return stat.parent === parent ? stat.self : 0;
  } catch {
    // It has just ended: the postmaster counts it.
    return 0;
  }
}

function statOf(pid: number): { readonly parent: number; readonly self: number; readonly ended: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in brackets, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (index: number) => Number(fields[index]) / HZ;
  return { parent: Number(fields[1]), self: field(11) + field(12), ended: field(13) + field(14) };
}

/** CPU seconds of this process so far. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
