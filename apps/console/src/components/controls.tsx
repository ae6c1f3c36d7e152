import { DIGITAL, type LiveView } from '@semcast/console-messages';
import { useEffect, useState } from 'preact/hooks';
import {
  change,
  forgetRefusals,
  onRefusals,
  rememberToken,
  type Group,
  type Refusal,
  type Refusals,
} from '../controls-client.js';
import { Choice, OptionFields, optionsOf, Typed, type OptionSchema } from './option-fields.js';
import { Term } from './term.js';

const constant = (snrDb: number): object => ({ name: 'constant', snrDb });
const plain = { model: { name: 'awgn' }, impairments: [] };

/** Channels without fading, beside the presets that the channel has: a name for people, and what is asked of it. */
const PRESETS: readonly { readonly name: string; readonly channel: object }[] = [
  { name: 'Clear: no fading, 20 dB', channel: { ...plain, snr: constant(20) } },
  { name: 'Fair: no fading, 10 dB', channel: { ...plain, snr: constant(10) } },
  { name: 'Edge of the cell: no fading, 0 dB', channel: { ...plain, snr: constant(0) } },
  {
    name: 'There and back: 20 to 0 dB',
    channel: {
      ...plain,
      snr: { name: 'sine', meanDb: 10, amplitudeDb: 10, periodFrames: 40, phaseRad: 1.571 },
    },
  },
];

const LOSS: OptionSchema = { type: 'number', minimum: 0, maximum: 1 };
const FPS: OptionSchema = { type: 'number', minimum: 0, maximum: 1000 };

/** What can be changed while frames flow. A refusal stands under what was refused, with the message of the service. */
export function Controls({ view }: { readonly view: LiveView }) {
  const [refusals, setRefusals] = useState<Refusals>({});
  useEffect(() => onRefusals(setRefusals), []);
  const needsToken = Object.values(refusals).some((refusal) => refusal.needsToken);
  return (
    <section class="panel controls" aria-label="controls">
      <ChannelControls view={view} put={(body) => change('channel', body)} />
      <Refused refusal={refusals.channel} of="channel" />
      <StreamControls view={view} put={(body) => change('stream', body)} />
      <Refused refusal={refusals.stream} of="stream" />
      {needsToken ? <TokenForm onDone={forgetRefusals} /> : null}
    </section>
  );
}

function Refused({ refusal, of }: { readonly refusal: Refusal | undefined; readonly of: Group }) {
  return refusal === undefined ? null : (
    <p class="refusal" role="alert" data-refusal={of}>
      {refusal.message}
      {refusal.remedy === '' ? null : <small>{refusal.remedy}</small>}
    </p>
  );
}

interface ControlsProps {
  readonly view: LiveView;
  readonly put: (body: object) => void;
}

function ChannelControls({ view, put }: ControlsProps) {
  const { channel, offers, services } = view.sections;
  if (channel === null) {
    return <h2>Channel</h2>;
  }
  const { model, snr } = channel;
  const presets = [
    ...PRESETS,
    ...Object.entries(offers.presets).map(([preset, summary]) => ({
      name: `${preset}: ${summary}`,
      channel: { preset },
    })),
  ];
  const modelOptions = optionsOf(offers.models[model.name]);
  // A trace is a file's text: the channel is given one when it is started.
  const schedules = Object.keys(offers.schedules).filter((name) => name !== 'trace' || snr.name === 'trace');
  const scheduleOptions = optionsOf(offers.schedules[snr.name]).filter(([name]) => name !== 'csv' && name !== 'snrDb');
  const away = services.channel.state !== 'here';
  return (
    <fieldset disabled={away}>
      <h2>Channel</h2>
      <label class="field">
        <span>
          What kind <small>preset</small>
        </span>
        <select
          name="preset"
          value=""
          onChange={({ currentTarget }) => {
            const preset = presets[Number(currentTarget.value)];
            currentTarget.value = '';
            if (preset !== undefined) {
              put(preset.channel);
            }
          }}
        >
          <option value="">choose …</option>
          {presets.map(({ name }, index) => (
            <option key={name} value={index}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>
          Fading <small>model</small>
        </span>
        <Choice
          name="model"
          value={model.name}
          choices={Object.keys(offers.models)}
          onChoose={(name) => put({ model: { name } })}
        />
      </label>
      <OptionFields
        options={modelOptions}
        values={model}
        onChange={(name, value) => put({ model: { name: model.name, [name]: value } })}
      />
      <Impairments view={view} put={put} />
      <label class="field">
        <span>
          SNR over time <small>schedule</small>
        </span>
        <Choice
          name="schedule"
          value={snr.name}
          choices={schedules}
          disabled="trace"
          onChoose={(name) => put({ snr: name === 'constant' ? { name, snrDb: channel.snrDb } : { name } })}
        />
      </label>
      <OptionFields
        options={scheduleOptions}
        values={snr}
        onChange={(name, value) => put({ snr: { name: snr.name, [name]: value } })}
      />
      <label class="field">
        <span>
          Frames lost <small>loss</small>
        </span>
        <Typed name="loss" value={channel.loss} schema={LOSS} onCommit={(loss) => put({ loss })} />
        <small class="hint">probability that a whole frame is lost, 0 to 1</small>
      </label>
    </fieldset>
  );
}

/** What befalls frames beside fading and noise, in its order: each with its options, to be taken out or added. */
function Impairments({ view, put }: ControlsProps) {
  const { channel, offers } = view.sections;
  const chain = channel?.impairments ?? [];
  return (
    <>
      {chain.map((impairment, index) => (
        <div key={`${index} ${impairment.name}`} class="impairment" data-impairment={impairment.name}>
          <label class="field">
            <span>{impairment.name}</span>
            <button type="button" onClick={() => put({ impairments: chain.toSpliced(index, 1) })}>
              Take out
            </button>
          </label>
          <OptionFields
            options={optionsOf(offers.impairmentChoices[impairment.name])}
            values={impairment}
            onChange={(name, value) => put({ impairments: chain.with(index, { ...impairment, [name]: value }) })}
          />
        </div>
      ))}
      <label class="field">
        <span>
          Imperfection <small>impairment</small>
        </span>
        <Choice
          name="impairment"
          value="add …"
          choices={['add …', ...Object.keys(offers.impairmentChoices)]}
          disabled="add …"
          onChoose={(name) => put({ impairments: [...chain, { name }] })}
        />
      </label>
    </>
  );
}

/** Options of decoders that everybody may want to change; the rest is folded away. */
const FIRST_OPTIONS: ReadonlySet<string> = new Set(['steps', 'realism']);

function StreamControls({ view, put }: ControlsProps) {
  const { transmitter, offers, services } = view.sections;
  if (transmitter === null) {
    return <h2>Stream</h2>;
  }
  const { settings, rates, decoders } = transmitter;
  const known = new Map(offers.decoders.map((decoder) => [decoder.name, decoder]));
  const names = decoders ?? [settings.decoder];
  const options = optionsOf(known.get(settings.decoder)?.options, settings.decoderOptions['preset']);
  const first = options.filter(([name]) => FIRST_OPTIONS.has(name));
  const more = options.filter(([name]) => !FIRST_OPTIONS.has(name));
  const waveformOptions = optionsOf(offers.waveforms[settings.waveform]);
  const setOption = (name: string, value: unknown): void =>
    put({ decoder: settings.decoder, decoderOptions: { ...settings.decoderOptions, [name]: value } });
  const fields = { values: settings.decoderOptions, onChange: setOption };
  const away = services.transmitter.state !== 'here';
  return (
    <fieldset disabled={away}>
      <h2>Stream</h2>
      <label class="field">
        <span>Decoder</span>
        <Choice
          name="decoder"
          value={settings.decoder}
          choices={names}
          title={known.get(settings.decoder)?.summary}
          onChoose={(decoder) => put({ decoder })}
        />
      </label>
      <OptionFields options={first} {...fields} />
      {more.length === 0 ? null : (
        <details>
          <summary>
            {more.length} more {more.length === 1 ? 'option' : 'options'} of {settings.decoder}
          </summary>
          <OptionFields options={more} {...fields} />
        </details>
      )}
      {settings.decoder === DIGITAL ? null : (
        <label class="field">
          <span>
            Beside it <Term word="digital">digital link</Term> <small>digital</small>
          </span>
          <Choice
            name="digital"
            value={settings.digital}
            choices={['off', 'fixed', 'adaptive']}
            onChoose={(digital) => put({ digital })}
          />
          <small class="hint">fixed: sent for 10 dB; adaptive: for the SNR that was measured last</small>
        </label>
      )}
      <label class="field">
        <span>Waveform</span>
        <Choice
          name="waveform"
          value={settings.waveform}
          choices={Object.keys(offers.waveforms)}
          onChoose={(waveform) => put({ waveform })}
        />
      </label>
      {waveformOptions.length === 0 ? null : (
        <details>
          <summary>
            {waveformOptions.length} {waveformOptions.length === 1 ? 'option' : 'options'} of {settings.waveform}
          </summary>
          <OptionFields
            options={waveformOptions}
            values={settings.waveformOptions}
            onChange={(name, value) => put({ waveformOptions: { ...settings.waveformOptions, [name]: value } })}
          />
        </details>
      )}
      <label class="field">
        <span>
          <Term word="cbr">Rate</Term> <small>cbr</small>
        </span>
        <Choice name="cbr" value={settings.cbr} choices={rates} onChoose={(cbr) => put({ cbr })} />
      </label>
      <label class="field">
        <span>
          Frames a second <small>fps</small>
        </span>
        <Typed name="fps" value={settings.fps} schema={FPS} onCommit={(fps) => put({ fps })} />
        <small class="hint">0: as fast as they get through</small>
      </label>
    </fieldset>
  );
}

function TokenForm({ onDone }: { readonly onDone: () => void }) {
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        const token = new FormData(event.currentTarget).get('token');
        rememberToken(typeof token === 'string' ? token : '');
        onDone();
      }}
    >
      <label class="field">
        <span>control token</span>
        <input type="password" name="token" autoComplete="off" required />
      </label>
      <button type="submit" class="wide">
        Use it, until this tab is closed
      </button>
    </form>
  );
}
