import { readFileSync } from 'node:fs';
import { open, readFile, unlink } from 'node:fs/promises';
import { JournalLockedError } from './errors.js';

interface LockOwner {
  readonly pid: number;
  /** When the process started, in the kernel's ticks: process ids are used again, pairs of both are not. */
  readonly started: string | undefined;
}

/** Journals that this process holds. */
const heldHere = new Set<string>();

/**
 * Keep other transmitters off a journal until the returned function is called. A lock whose process is gone (killed,
 * or a container before this one) is taken over.
 *
 * @throws JournalLockedError (E_JOURNAL_LOCKED)
 */
export async function lockJournal(file: string): Promise<() => Promise<void>> {
  const lock = `${file}.lock`;
  if (heldHere.has(lock)) {
    throw locked(file, process.pid);
  }
  heldHere.add(lock);
  try {
    await takeLock(file, lock);
  } catch (error) {
    heldHere.delete(lock);
    throw error;
  }
  return async () => {
    await unlink(lock).catch(() => undefined);
    heldHere.delete(lock);
  };
}

async function takeLock(file: string, lock: string): Promise<void> {
  const owner = JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies LockOwner);
  for (;;) {
    try {
      const handle = await open(lock, 'wx');
      await handle.writeFile(owner);
      await handle.close();
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw cause;
      }
    }
    const other = await readOwner(lock);
    if (other !== undefined && isAlive(other)) {
      throw locked(file, other.pid);
    }
    await unlink(lock).catch(() => undefined);
  }
}

/** Undefined when the lock is gone, or was never written to the end. */
async function readOwner(lock: string): Promise<LockOwner | undefined> {
  try {
    const owner = JSON.parse(await readFile(lock, 'utf8')) as Partial<LockOwner>;
    return Number.isSafeInteger(owner.pid) && owner.pid! > 0 ? { pid: owner.pid!, started: owner.started } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started }: LockOwner): boolean {
  if (pid === process.pid) {
    // Not held here (checked before), so it is the lock of an earlier process with the same number.
    return false;
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') {
      return false;
    }
  }
  return started === undefined || startOf(pid) === undefined || startOf(pid) === started;
}

/** The start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); undefined where there is none. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything; the third begins after the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function locked(file: string, pid: number): JournalLockedError {
  return new JournalLockedError(`the journal ${file} is in use by the running process ${pid}`, {
    remedy: 'end that transmitter, or give this one a journal of its own',
  });
}
