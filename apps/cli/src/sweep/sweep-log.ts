import type { ChannelName } from '../arguments/common-flags.js';
import { caseKey, groupKey, keyOfGroup, type SweepCase, type SweepGroup } from './plan.js';
import { bundleOf } from './variants.js';
import { summarise, type SweepReport, type SweepRow, type SweepSummary } from './report.js';

/** The part of a report that is known before anything is measured. */
export type ReportHead = Omit<SweepReport, 'rows' | 'summary' | 'controls' | 'comparisons'>;

export interface SweepLogOptions {
  readonly head: ReportHead;
  readonly channel: ChannelName;
  readonly groups: readonly SweepGroup[];
}

export interface TakeOverOptions {
  /** Names of the realism figures that each summary must have. */
  readonly realism: readonly string[];
  /** Whether the picture of a case is where it should be; rows without it are measured again. */
  readonly hasPicture: (sweepCase: SweepCase) => boolean;
}

const keyOfCase = ({ variant, frame }: SweepCase): string => caseKey(variant, frame);

/** The measurements of a sweep so far, and those that are missing: a report at any moment. */
export class SweepLog {
  readonly #options: SweepLogOptions;
  readonly #rows = new Map<string, SweepRow>();
  readonly #summaries = new Map<string, SweepSummary>();
  #revision = 0;

  constructor(options: SweepLogOptions) {
    this.#options = options;
  }

  /** Rows that are there. */
  get size(): number {
    return this.#rows.size;
  }

  /** Changes whenever the report does. */
  get revision(): number {
    return this.#revision;
  }

  /** Cases of a group that have no row. */
  missing({ cases }: SweepGroup): SweepCase[] {
    return cases.filter((sweepCase) => !this.#rows.has(keyOfCase(sweepCase)));
  }

  add(sweepCase: SweepCase, row: SweepRow): void {
    this.#rows.set(keyOfCase(sweepCase), row);
    this.#revision++;
  }

  /** A group is through, with the realism of its pictures where that was measured. */
  conclude(group: SweepGroup, realism?: Readonly<Record<string, number | null>>): void {
    this.#summaries.set(keyOfGroup(group), this.#summarise(group, realism));
    this.#revision++;
  }

  /**
   * Go on from an earlier report of the same conditions.
   *
   * Realism is a figure of a whole set and its features are in no report: where it is wanted, a group that was cut
   * short begins anew.
   */
  takeOver({ rows, summary }: SweepReport, { realism, hasPicture }: TakeOverOptions): void {
    const known = new Map(rows.map((row) => [caseKey(row, row.frame), row]));
    const summaries = new Map(summary.map((entry) => [groupKey(entry), entry]));
    for (const group of this.#options.groups) {
      const found = group.cases.flatMap((sweepCase) => {
        const row = known.get(keyOfCase(sweepCase));
        return row !== undefined && hasPicture(sweepCase) ? [{ sweepCase, row }] : [];
      });
      const entry = summaries.get(keyOfGroup(group));
      const isWhole = found.length === group.cases.length;
      const hasRealism = realism.every((name) => entry?.realism !== undefined && name in entry.realism);
      if (realism.length > 0 && !(isWhole && hasRealism)) {
        continue;
      }
      for (const { sweepCase, row } of found) {
        this.add(sweepCase, row);
      }
      if (isWhole) {
        this.conclude(group, entry?.realism);
      }
    }
  }

  /** Everything measured so far, in the order of the plan. */
  report(): SweepReport {
    const { head, groups } = this.#options;
    return {
      ...head,
      rows: groups.flatMap((group) => this.#rowsOf(group)),
      summary: groups.flatMap((group) => {
        const concluded = this.#summaries.get(keyOfGroup(group));
        return concluded !== undefined
          ? [concluded]
          : this.#rowsOf(group).length === 0
            ? []
            : [this.#summarise(group, undefined)];
      }),
    };
  }

  #rowsOf({ cases }: SweepGroup): SweepRow[] {
    return cases.flatMap((sweepCase) => this.#rows.get(keyOfCase(sweepCase)) ?? []);
  }

  #summarise(group: SweepGroup, realism: Readonly<Record<string, number | null>> | undefined): SweepSummary {
    const { variant, snrDb, cbr } = group;
    const { channel } = this.#options;
    return summarise(
      { ...bundleOf(variant), decoder: variant.decoder, steps: variant.steps, channel, snrDb, cbr },
      this.#rowsOf(group),
      realism,
    );
  }
}
