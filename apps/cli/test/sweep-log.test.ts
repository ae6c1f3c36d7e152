import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCheckpoints } from '../src/sweep/checkpoints.js';
import type { SweepReport } from '../src/sweep/report.js';
import { checkSameConditions, partialOf, readEarlierReport } from '../src/sweep/resume.js';
import { SweepLog, type ReportHead } from '../src/sweep/sweep-log.js';
import type { SweepCase } from '../src/sweep/plan.js';
import { groups, HEAD, row } from './sweep-fixtures.js';

const newLog = (): SweepLog => new SweepLog({ head: HEAD, channel: 'awgn', groups: groups() });

const rowOf = ({ variant: { decoder, steps }, frame, snrDb }: SweepCase) =>
  row({ decoder, steps, frame, snrDb, psnrDb: 20 + frame });

/** A log of the first `count` cases; whole groups are concluded. */
function filled(count: number, realism?: Record<string, number>): SweepLog {
  const log = newLog();
  let left = count;
  for (const group of groups()) {
    for (const sweepCase of group.cases.slice(0, left)) {
      log.add(sweepCase, rowOf(sweepCase));
    }
    left = Math.max(0, left - group.cases.length);
    if (log.missing(group).length === 0) {
      log.conclude(group, realism);
    }
  }
  return log;
}

const everywhere = { realism: [], hasPicture: () => true };
const missingOf = (log: SweepLog) =>
  groups().flatMap((group) =>
    log.missing(group).map(({ variant, frame }) => `${variant.decoder} ${variant.steps} ${frame}`),
  );

describe('what a sweep has measured', () => {
  it('is a report at any moment, in the order of the plan', () => {
    const log = newLog();
    const [first, second] = groups() as [ReturnType<typeof groups>[0], ReturnType<typeof groups>[0]];
    log.add(second.cases[1]!, rowOf(second.cases[1]!));
    log.add(first.cases[0]!, rowOf(first.cases[0]!));
    expect(log.report()).toMatchObject({
      ...HEAD,
      rows: [{ frame: 0 }, { frame: 3 }],
      summary: [
        { snrDb: 0, n: 1, psnrDb: 20 },
        { snrDb: 10, n: 1, psnrDb: 23 },
      ],
    });
  });

  it('is gone on from: only what is missing is left to be measured', () => {
    const log = newLog();
    const before = filled(5).report();
    log.takeOver(before, everywhere);
    expect(log.report()).toEqual(before);
    expect(missingOf(log)).toEqual([
      'conditional 4 1',
      'conditional 4 2',
      'conditional 4 3',
      'conditional 8 0',
      'conditional 8 1',
      'conditional 8 2',
      'conditional 8 3',
    ]);
  });

  it('is measured again where its picture is wanted and gone', () => {
    const log = newLog();
    log.takeOver(filled(4).report(), { realism: [], hasPicture: ({ frame }) => frame !== 2 });
    expect(missingOf(log).slice(0, 2)).toEqual(['jscc 0 2', 'conditional 4 0']);
  });

  it('keeps the realism of whole groups, and begins those anew that were cut short', () => {
    const log = newLog();
    const before = filled(3, { vgg: 0.25 }).report();
    log.takeOver(before, { realism: ['vgg'], hasPicture: () => true });
    expect(log.report().summary).toEqual(before.summary.slice(0, 1));
    expect(log.report().summary[0]!.realism).toEqual({ vgg: 0.25 });
    expect(missingOf(log)[0]).toBe('jscc 0 2');
    const other = newLog();
    other.takeOver(before, { realism: ['vgg', 'squeeze'], hasPicture: () => true });
    expect(other.size).toBe(0);
  });
});

describe('a file to go on from', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-resume-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('is the partial report, else the whole one, else none', async () => {
    const json = join(dir, 'r.json');
    expect(await readEarlierReport(json)).toBeUndefined();
    await writeFile(json, JSON.stringify(filled(12).report()));
    expect(await readEarlierReport(json)).toEqual({ file: json, report: filled(12).report() });
    await writeFile(partialOf(json), JSON.stringify(filled(3, { vgg: 1 }).report()));
    expect(await readEarlierReport(json)).toEqual({ file: partialOf(json), report: filled(3, { vgg: 1 }).report() });
  });

  it.each([
    ['{', 'is no JSON'],
    ['{"schema":"semcast.send/1"}', 'schema: '],
    [JSON.stringify({ ...filled(1).report(), rows: [{ ...row(), psnrDb: 'high' }] }), 'rows.0.psnrDb: '],
  ])('is refused when it is something else: %.30s', async (text, message) => {
    const json = join(dir, 'bad.json');
    await writeFile(json, text);
    await expect(readEarlierReport(json)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining(message) as string,
    });
  });

  const changed = (change: Partial<ReportHead['conditions']>, head: Partial<ReportHead> = {}): ReportHead => ({
    ...HEAD,
    ...head,
    conditions: { ...HEAD.conditions, ...change },
  });
  const earlier: SweepReport = { ...HEAD, rows: [], summary: [] };
  const [jscc, four, eight] = HEAD.conditions.decoders as [
    (typeof HEAD.conditions.decoders)[0],
    (typeof HEAD.conditions.decoders)[0],
    (typeof HEAD.conditions.decoders)[0],
  ];

  it('may be followed by more decoders and by another command', () => {
    const more = { decoders: [...HEAD.conditions.decoders, { decoder: 'daps', steps: 20, options: {} }] };
    expect(() => checkSameConditions('f', earlier, changed(more, { command: 'semcast sweep' }))).not.toThrow();
  });

  it.each([
    [changed({ snrDb: [0] }), '--snr was [0,10] and is [0]'],
    [changed({ cbr: ['1/24'] }), '--cbr was'],
    [changed({ designSnrDb: 10 }), '--design-snr was null and is 10'],
    [changed({ size: 0 }), '--size was 64 and is 0'],
    [changed({ channel: 'rayleigh-fast' }), '--channel was'],
    [changed({ channelOptions: { loss: 0.5 } }), '--channel.… was'],
    [changed({ csi: 'none' }), '--csi was'],
    [changed({ waveform: 'ofdm' }), '--waveform was "single-carrier" and is "ofdm"'],
    [changed({ waveformOptions: { prefix: 8 } }), '--waveform-option was {} and is {"prefix":8}'],
    [changed({ metricBundles: ['vgg'] }), '--metric-bundle was'],
    [changed({ images: ['a.png'] }), 'the photographs (--images, --limit) are others'],
    [changed({ imagesDigest: 'd2' }), 'the photographs have changed'],
    [changed({ decoders: [jscc, eight] }), 'conditional in 4 steps is not asked for any more'],
    [changed({ decoders: [jscc, eight, { ...four, options: { eta: 1 } }] }), 'the options of conditional in 4 steps'],
    [changed({}, { seed: 1 }), '--seed was 0 and is 1'],
    [changed({}, { device: 'cuda' }), '--device was'],
    [changed({}, { bundle: { ...HEAD.bundle, digest: 'other' } }), 'the bundle was'],
  ])('is refused under other conditions (%#)', (now, message) => {
    expect(() => checkSameConditions('f', earlier, now)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        message: expect.stringContaining(message) as string,
        remedy: expect.stringContaining(HEAD.command) as string,
      }),
    );
  });

  it('is written while measuring goes on, and in the end', async () => {
    const file = join(dir, 'kept.partial');
    const log = filled(2);
    const failures: string[] = [];
    const checkpoints = startCheckpoints(log, { file, everyMs: 1, onFailure: (message) => failures.push(message) });
    const kept = async (): Promise<number | undefined> =>
      await readFile(file, 'utf8').then(
        (text) => (JSON.parse(text) as SweepReport).rows.length,
        () => undefined,
      );
    expect(await kept(), 'nothing is written of what is not new').toBeUndefined();
    const sweepCase = groups()[1]!.cases[0]!;
    log.add(sweepCase, rowOf(sweepCase));
    await expect.poll(kept).toBe(3);
    const last = groups()[1]!.cases[1]!;
    log.add(last, rowOf(last));
    log.conclude(groups()[1]!, { vgg: 3 });
    await checkpoints.stop();
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(log.report());
    expect(failures).toEqual([]);
  });

  it('that cannot be written is told once, and ends nothing', async () => {
    await writeFile(join(dir, 'taken'), '');
    const log = filled(2);
    const failures: string[] = [];
    const file = join(dir, 'taken', 'below');
    const checkpoints = startCheckpoints(log, { file, everyMs: 1e6, onFailure: (message) => failures.push(message) });
    const sweepCase = groups()[1]!.cases[0]!;
    log.add(sweepCase, rowOf(sweepCase));
    await checkpoints.stop();
    await checkpoints.stop();
    expect(failures).toEqual([expect.stringContaining("what is measured can't be kept")]);
  });
});
