import { TABLES, type LiveView, type Row, type TableName } from '@semcast/console-messages';
import { otherMetrics } from '@semcast/quality';
import { duration, figure, metric, metricFigure, NONE, receiverSnr } from '../format.js';
import { inTone, type Tone } from '../theme.js';
import { residualClass } from './pictures.js';
import { Term } from './term.js';

/** The newest value of a column; null when there is none. */
export function newest<Name extends TableName>(
  view: LiveView,
  table: Name,
  column: (typeof TABLES)[Name][number],
): number | null {
  const rows: readonly Row[] = view.tables[table];
  const index = (TABLES[table] as readonly string[]).indexOf(column) + 1;
  return rows.at(-1)?.[index] ?? null;
}

/** The figures of the newest frame, large enough to be read across a room. */
export function Readouts({ view }: { readonly view: LiveView }) {
  const onePass = newest(view, 'quality', 'psnrRefinedDb') === null;
  const snr = receiverSnr({
    effectiveSnrDb: newest(view, 'quality', 'snrEffectiveDb'),
    estimatedSnrDb: newest(view, 'quality', 'snrEstimatedDb'),
  });
  const [latency, latencyUnit] = duration(newest(view, 'quality', 'endToEndMs'));
  const residual = newest(view, 'residuals', 'residual');
  const rate = newest(view, 'rates', 'framesPerSecond');
  return (
    <dl class="readouts" aria-label="newest frame">
      <Readout
        id="snr-configured"
        label="SNR configured"
        value={figure(newest(view, 'quality', 'snrConfiguredDb'))}
        unit="dB"
        tone="neutral"
      />
      <Readout id={`snr-${snr.name}`} label={`SNR ${snr.name}`} value={figure(snr.snrDb)} unit="dB" tone="estimate" />
      <Readout
        id="psnr-preview"
        label={onePass ? 'PSNR (one pass)' : 'PSNR preview'}
        value={figure(newest(view, 'quality', 'psnrPreviewDb'))}
        unit="dB"
        tone="preview"
      />
      <Readout
        id="psnr-refined"
        label="PSNR refined"
        value={figure(newest(view, 'quality', 'psnrRefinedDb'))}
        unit="dB"
        tone="refined"
      />
      {otherMetrics.map(({ name, label, decimals, unit }) => (
        <Readout
          key={name}
          id={name}
          label={label}
          value={metricFigure(newest(view, 'quality', name), decimals)}
          unit={unit}
        />
      ))}
      <Readout id="residual" label="Residual" value={figure(residual, 2)} unit="× N₀" state={residualClass(residual)} />
      <Readout id="latency" label="End to end" value={latency} unit={latencyUnit} />
      <Readout
        id="rate"
        label="Throughput"
        value={rate !== null && rate < 1 ? figure(rate, 2) : metric(rate)}
        unit="frames/s"
      />
    </dl>
  );
}

const WORD_OF: Readonly<Record<string, string>> = {
  'snr-configured': 'snr',
  'psnr-preview': 'psnr',
  'psnr-refined': 'psnr',
};

interface ReadoutProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly unit: string;
  readonly tone?: Tone;
  /** `good`, `warn` or `bad`. */
  readonly state?: string;
}

function Readout({ id, label, value, unit, tone, state = '' }: ReadoutProps) {
  return (
    <div data-readout={id} style={tone && inTone(tone)}>
      <dt class={tone && 'toned'}>
        <Term word={WORD_OF[id] ?? id}>{label}</Term>
      </dt>
      <dd>
        <span class={`value ${state}`}>{value}</span>
        <span class="unit">{value === NONE ? '' : unit}</span>
      </dd>
    </div>
  );
}
