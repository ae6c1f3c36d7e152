import type { LiveView } from '@semcast/console-messages';
import { useEffect, useState } from 'preact/hooks';
import { change, settle } from '../controls-client.js';
import { figure } from '../format.js';
import { outsideTraining } from '../sentence.js';
import { Typed } from './option-fields.js';
import { Term } from './term.js';

const SNR_RANGE_DB = { min: -10, max: 30 } as const;
const TICKS = [-10, 0, 10, 20, 30] as const;
/** The channel's own word takes over again once it has had time to come. */
const HOLD_MS = 1500;

const share = (snrDb: number): string =>
  `${(100 * (Math.min(SNR_RANGE_DB.max, Math.max(SNR_RANGE_DB.min, snrDb)) - SNR_RANGE_DB.min)) / (SNR_RANGE_DB.max - SNR_RANGE_DB.min)}%`;

/** The SNR: moving it makes it constant, and stays with the photograph that is shown. It follows the channel unless a hand is on it. */
export function Dial({ view }: { readonly view: LiveView }) {
  const { channel, receiver, services } = view.sections;
  const [held, setHeld] = useState<number | null>(null);
  useEffect(() => {
    if (held === null) {
      return undefined;
    }
    const timer = setTimeout(() => setHeld(null), HOLD_MS);
    return () => clearTimeout(timer);
  }, [held]);
  if (channel === null) {
    return null;
  }
  const shown = held ?? channel.snrDb;
  const trained = receiver?.bundle.csnrDb ?? null;
  const outside = outsideTraining(shown, trained);
  const slide = (snrDb: number): void => {
    setHeld(snrDb);
    stay(view);
    change('channel', { snrDb }, { slides: true });
  };
  return (
    <fieldset class={outside === null ? 'dial' : 'dial outside'} disabled={services.channel.state === 'away'}>
      <span class="name">
        <label for="snr">
          <Term word="snr">Signal to noise</Term> <small>snrDb</small>
        </label>
        <span class="entry">
          <Typed
            name="snrDb"
            label="SNR in decibels, typed"
            value={Number(shown.toFixed(2))}
            onCommit={(snrDb) => {
              stay(view);
              change('channel', { snrDb });
            }}
          />
          <span class="unit">dB</span>
        </span>
      </span>
      <span class="scale" style={trained === null ? {} : { '--from': share(trained.min), '--to': share(trained.max) }}>
        <input
          id="snr"
          name="snr"
          type="range"
          min={SNR_RANGE_DB.min}
          max={SNR_RANGE_DB.max}
          step="0.5"
          value={shown}
          aria-label="SNR in decibels"
          aria-valuetext={`${figure(shown)} dB`}
          onInput={({ currentTarget }) => slide(Number(currentTarget.value))}
          onChange={() => settle('channel')}
        />
        <span class="ticks" aria-hidden="true">
          {TICKS.map((tick) => (
            <span key={tick}>{figure(tick, 0)}</span>
          ))}
        </span>
      </span>
      <span class="note" role="status" data-outside={outside === null ? 'no' : 'yes'}>
        {outside ??
          (channel.snr.name === 'constant' ? '' : `It moves by itself (${channel.snr.name}); a touch holds it.`)}
      </span>
    </fieldset>
  );
}

/** A photograph that changed while one compares would only confuse. */
function stay({ sections: { transmitter, shown } }: LiveView): void {
  const name = shown?.name;
  if (transmitter?.settings.photo === null && name !== undefined && transmitter.photographs.includes(name)) {
    change('stream', { photo: name });
  }
}
