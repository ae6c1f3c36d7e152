import type { ResponseFact, ScopeFact } from '@semcast/console-messages';
import UPlot from 'uplot';
import { figure } from '../format.js';
import { inTone, type Theme } from '../theme.js';
import { Plot, type Curve, type HorizontalAxis } from './plot.js';

/** What both ends told of a frame. */
export interface Signal {
  readonly scope: ScopeFact | null;
  readonly response: ResponseFact | null;
  /** Of the channel; null where none tells. */
  readonly sampleRateHz: number | null;
}

/** A plot of the signal: its axes, curves and values. */
export interface SignalPlotSpec {
  readonly id: string;
  readonly title: string;
  readonly x: HorizontalAxis;
  /** What the axis of decibels shows at least; values below are drawn at its lower end. */
  readonly range: readonly [number, number];
  readonly curves: readonly {
    readonly curve: Curve;
    readonly x: readonly number[];
    readonly decibels: readonly number[];
  }[];
}

export function SignalPlot({
  plot: { id, title, x, range, curves },
  height,
  theme,
}: {
  readonly plot: SignalPlotSpec;
  readonly height: number;
  readonly theme: Theme;
}) {
  const data = UPlot.join(
    curves.map(({ x: places, decibels }) => [[...places], decibels.map((db) => Math.max(db, range[0]))]),
  );
  return (
    <figure class="signal" data-scope={id} data-points={data[0].length}>
      <div role="img" aria-label={`${title}: ${curves.map(({ curve }) => curve.label).join(', ')}`}>
        <Plot {...{ x, theme, height, data }} unit="dB" least={range} curves={curves.map(({ curve }) => curve)} />
      </div>
      <figcaption>
        <span class="title">{title}</span>
        <span class="legend">
          {curves.map(({ curve: { label, colour, dashed = false } }) => (
            <span key={label} style={inTone(colour)} class={dashed ? 'dashed' : ''}>
              {label}
            </span>
          ))}
        </span>
      </figcaption>
    </figure>
  );
}

const SOURCES = {
  told: 'receiver, told',
  estimated: 'receiver, by pilots',
  blind: 'receiver, blind',
  assumed: 'receiver, assumed',
} as const satisfies Record<ScopeFact['source'], string>;

/** Gains closer to each other than this are one, where only the receiver tells. */
const CONSTANT_DB = 0.2;

/** |H| over frequency, or |h| over the frame, by channel and receiver; null where the channel's gain is constant. */
export function gainPlotOf(signal: Signal): SignalPlotSpec | null {
  const { scope, response } = signal;
  const carriers = scope?.carriers ?? null;
  const overFrame = scope?.gainDb ?? null;
  const range = [-30, 10] as const;
  // Dashed: what is told is the channel's own curve.
  const receiver = { label: SOURCES[scope?.source ?? 'assumed'], colour: 'preview', dashed: true } as const;
  const channel = { label: 'channel', colour: 'estimate' } as const;
  if (response === null ? varies(carriers?.gainDb) : response.taps.length > 1) {
    const axis = frequencyAxis(signal);
    return {
      id: 'response',
      title: 'Channel |H(f)|²',
      range,
      x: axis,
      curves: [
        ...(response === null ? [] : [{ curve: channel, x: axis.evenly(response.gainDb), decibels: response.gainDb }]),
        ...(carriers === null
          ? []
          : [{ curve: receiver, x: carriers.frequencies.map(axis.at), decibels: carriers.gainDb }]),
      ],
    };
  }
  if (response === null ? varies(overFrame) : response.gainOverFrameDb !== null) {
    const told = response?.gainOverFrameDb ?? null;
    const samples = scope?.samples ?? 0;
    const evenly = (values: readonly number[]): number[] => values.map((_, i) => (i * samples) / values.length);
    return {
      id: 'gain',
      title: 'Channel |h|² over the frame',
      range,
      x: { range: [0, samples], label: 'symbol', write: String },
      curves: [
        ...(told === null ? [] : [{ curve: channel, x: evenly(told), decibels: told }]),
        ...(overFrame === null ? [] : [{ curve: receiver, x: evenly(overFrame), decibels: overFrame }]),
      ],
    };
  }
  return null;
}

/** Power over delay; null with one path. */
export function impulsePlotOf({ response, sampleRateHz }: Signal): SignalPlotSpec | null {
  if (response === null || response.taps.length < 2) {
    return null;
  }
  const { taps } = response;
  const sampleUs = 1e6 / (sampleRateHz ?? 1e6);
  const places = taps.map(({ delay }) => delay);
  const last = places.at(-1)!;
  const room = Math.max(0.5, last / 20);
  return {
    id: 'impulse',
    title: 'Impulse response |h(τ)|²',
    range: [-40, 5],
    x: {
      range: [-room, last + room],
      label: `delay, samples of ${Number(sampleUs.toPrecision(3))} µs`,
      write: (tick) => (Number.isInteger(tick) ? String(tick) : ''),
    },
    curves: [
      {
        curve: { label: 'channel', colour: 'estimate', stems: true },
        x: places,
        decibels: taps.map(({ powerDb }) => powerDb),
      },
    ],
  };
}

export function spectrumPlotOf(signal: Signal): SignalPlotSpec | null {
  const decibels = signal.response?.spectrumDb ?? null;
  if (decibels === null) {
    return null;
  }
  const axis = frequencyAxis(signal);
  return {
    id: 'spectrum',
    title: 'Received spectrum',
    range: [-30, 10],
    x: axis,
    curves: [{ curve: { label: 'power spectral density', colour: 'extra' }, x: axis.evenly(decibels), decibels }],
  };
}

/** What there is to say of a channel whose gain is one number. */
export function constantGain({ scope, response }: Signal): string {
  const told = response?.gainDb[0];
  const gains = scope?.carriers?.gainDb ?? scope?.gainDb ?? [];
  const [low, high] = [Math.min(...gains), Math.max(...gains)];
  const channel =
    told === undefined ? '' : `Channel gain |h|² ${figure(told)} dB at all frequencies, over the whole frame`;
  if (scope === null || scope.source === 'told' || gains.length === 0) {
    return channel;
  }
  const estimate = high - low < CONSTANT_DB ? `${figure(low)} dB` : `${figure(low)} to ${figure(high)} dB`;
  return `${channel}${channel === '' ? '' : ' · '}${SOURCES[scope.source]}: ${estimate}`;
}

function varies(decibels: readonly number[] | null | undefined): boolean {
  return (decibels ?? []).length > 1 && Math.max(...decibels!) - Math.min(...decibels!) >= CONSTANT_DB;
}

interface FrequencyAxis extends HorizontalAxis {
  /** Where a frequency in cycles a sample is on it. */
  readonly at: (cyclesPerSample: number) => number;
  /** Where values at even distances over the whole band are. */
  readonly evenly: (values: readonly number[]) => number[];
}

/** In hertz where the channel's sample rate is known, around the carrier. */
function frequencyAxis({ sampleRateHz }: Signal): FrequencyAxis {
  const [size, label] =
    sampleRateHz === null
      ? [1, 'cycles a sample']
      : sampleRateHz >= 1e6
        ? [1e6, 'MHz']
        : sampleRateHz >= 1e3
          ? [1e3, 'kHz']
          : [1, 'Hz'];
  const width = (sampleRateHz ?? 1) / size;
  const at = (cyclesPerSample: number): number => cyclesPerSample * width;
  return {
    range: [-width / 2, width / 2],
    label,
    write: (tick) => figure(tick, Number.isInteger(tick) ? 0 : 1),
    at,
    evenly: (values) => values.map((_, i) => at(i / values.length - 1 / 2)),
  };
}
