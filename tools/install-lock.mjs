// A lock between processes, for any Node >= 18: a folder, because making one either works or finds it there. A file in it
// says who holds it, so that what a killed process left behind does not stop the next one.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** An install takes a minute: whoever holds the lock this long is gone, whatever has its process id by now. */
const LONGEST_MS = 20 * 60_000;
/** Between making the folder and writing the owner's name into it. */
const NAMELESS_MS = 10_000;
const POLL_MS = 200;

/** Does the work while no other process does any under the same lock; waits for that one first, and says so. */
export async function withInstallLock(lock, say, work) {
  for (let waiting = false; !acquire(lock); waiting = true) {
    if (!waiting) say(`another command is installing the dependencies; waiting for it … (its lock: ${lock})`);
    await delay(POLL_MS);
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  // The work may end the process.
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

function acquire(lock) {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return takeOver(lock);
  }
  writeOwner(lock);
  return true;
}

/**
 * Takes a lock whose owner is gone. Of several that see it gone, the one that makes a folder named after that owner is
 * the next; the owner is read again after that, since the whole lock may have been another's by then.
 */
function takeOver(lock) {
  const gone = ownerOf(lock);
  if (gone === null || !isGone(lock, gone)) return false;
  const claim = join(lock, `after-${gone.replace(/\W/g, "-")}`);
  try {
    mkdirSync(claim);
    if (ownerOf(lock) === gone) {
      writeOwner(lock);
      return true;
    }
    rmSync(claim, { recursive: true, force: true });
  } catch (error) {
    if (error.code !== "EEXIST" && error.code !== "ENOENT") throw error;
  }
  return false;
}

function writeOwner(lock) {
  writeFileSync(join(lock, "owner"), `${process.pid} ${hostname()}`);
}

/** `pid host`; empty while nobody has written it, null when the lock is not there any more. */
function ownerOf(lock) {
  try {
    return readFileSync(join(lock, "owner"), "utf8");
  } catch {
    return ageOf(lock) === null ? null : "";
  }
}

function isGone(lock, owner) {
  const age = ageOf(lock);
  if (age === null) return false;
  if (owner === "") return age > NAMELESS_MS;
  if (age > LONGEST_MS) return true;
  const [pid, host] = owner.split(" ");
  // Of a process on another machine, its age is all that is known.
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Milliseconds since somebody took the lock; null when it is not there. */
function ageOf(lock) {
  try {
    return Date.now() - statSync(lock).mtimeMs;
  } catch {
    return null;
  }
}
