import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.js';
import { sweepReportSchema, type SweepReport } from './report.js';

const REMEDY = 'name a file that semcast sweep --json FILE wrote';

/**
 * The report of a sweep.
 *
 * @param what names the file in an error
 * @throws UsageError when the text is none
 */
export function parseReport(text: string, what: string, remedy = REMEDY): SweepReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${what} is no JSON`, { remedy, cause });
  }
  const parsed = sweepReportSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UsageError(`${what} is no report of a sweep: ${issue.path.join('.')}: ${issue.message}`, {
      remedy,
      cause: parsed.error,
    });
  }
  return parsed.data;
}

/** @throws UsageError when the file can't be read */
export async function readReportText(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: Error) => {
    throw new UsageError(`${file} can't be read: ${cause.message}`, { remedy: REMEDY, cause });
  });
}

/** A file that `semcast sweep --json` wrote. @throws UsageError when it can't be read or is none */
export async function readReport(file: string): Promise<SweepReport> {
  return parseReport(await readReportText(file), file);
}
