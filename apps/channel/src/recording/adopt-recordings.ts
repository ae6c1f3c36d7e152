import { readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { unfinishedIn, writeWhole } from '@semcast/service';
import { SAMPLE_BYTES } from '@semcast/wire';
import { annotationSchema, DATA_SUFFIX, META_SUFFIX, metadataEnd } from './sigmf.js';

/** A recording that a channel which was killed had begun. */
export interface AdoptedRecording {
  /** Without `.sigmf-data` and `.sigmf-meta`. */
  readonly path: string;
  readonly frames: number;
}

/**
 * Finish what channels that were killed had begun to record: of each recording the frames whose samples and annotation
 * are whole. How many are missing nobody knows, so the metadata doesn't say it. What has no whole frame is removed.
 *
 * @throws the error of the file system
 */
export async function adoptRecordings(folder: string): Promise<readonly AdoptedRecording[]> {
  const files = new Map((await unfinishedIn(folder)).map(({ path, unfinished }) => [path, unfinished]));
  const adopted: AdoptedRecording[] = [];
  for (const path of recordingsAmong(files.keys())) {
    const [meta, data] = [files.get(path + META_SUFFIX), files.get(path + DATA_SUFFIX)];
    const lines = meta === undefined || data === undefined ? [] : await wholeLines(meta, data);
    if (lines.length > 1) {
      await rename(data!, path + DATA_SUFFIX);
      await writeWhole(path + META_SUFFIX, [`${lines[0]}\n`, lines.slice(1).join(',\n'), metadataEnd()]);
      adopted.push({ path, frames: lines.length - 1 });
    }
    await Promise.all([meta, data].map(async (file) => file && (await rm(file, { force: true }))));
  }
  return adopted;
}

function recordingsAmong(paths: Iterable<string>): ReadonlySet<string> {
  return new Set(
    Array.from(paths).flatMap((path) =>
      [META_SUFFIX, DATA_SUFFIX]
        .filter((suffix) => path.endsWith(suffix))
        .map((suffix) => path.slice(0, -suffix.length)),
    ),
  );
}

/** The first line of a metadata file, and the annotations whose samples are there; the data file is cut behind them. */
async function wholeLines(meta: string, data: string): Promise<readonly string[]> {
  const [start = '', ...rest] = (await readFile(meta, 'utf8')).split('\n');
  const { size } = await stat(data);
  const annotations: string[] = [];
  let end = 0;
  for (const line of rest) {
    const text = line.replace(/,$/, '');
    const bytes = endOfSamples(text);
    if (!(bytes <= size)) {
      break;
    }
    annotations.push(text);
    end = bytes;
  }
  await truncate(data, end);
  return [start, ...annotations];
}

/** Where the samples of an annotation end in the data file, in bytes; NaN where the text is no whole annotation. */
function endOfSamples(text: string): number {
  try {
    const { 'core:sample_start': start, 'semcast:frame': head } = annotationSchema.parse(JSON.parse(text));
    return head === undefined ? Number.NaN : (start + head.samples.count) * SAMPLE_BYTES[head.samples.format];
  } catch {
    return Number.NaN;
  }
}
