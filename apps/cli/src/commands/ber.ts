import { createModem } from '@semcast/phy';
import { channelFlag, jsonFlag, seedFlag } from '../arguments/common-flags.js';
import { value } from '../arguments/spec.js';
import { integer, list, number } from '../arguments/values.js';
import { typedWaveform, waveformFlags, waveformText } from '../arguments/waveform-options.js';
import { bitErrorRow, deviationOf, type BitErrorRow } from '../ber/bit-error-rate.js';
import { createCommand } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { checkWritable, writeJson } from '../json-output.js';
import {
  channelConfigOf,
  channelFlags,
  channelOptionsOf,
  channelText,
  typedChannelFlags,
} from '../sweep/channel-options.js';
import { renderTable, type TableColumn } from '../terminal/columns.js';
import { wrap } from '../terminal/width.js';

const rate = (ber: number | null): string => (ber === null ? '–' : ber.toExponential(3));

const columns: readonly TableColumn<BitErrorRow>[] = [
  { title: 'Eb/N0', align: 'right', cell: ({ ebN0Db }) => `${ebN0Db} dB` },
  { title: 'bits', align: 'right', optional: 1, cell: ({ bits }) => String(bits) },
  { title: 'errors', align: 'right', optional: 1, cell: ({ errors }) => String(errors) },
  { title: 'BER', align: 'right', cell: ({ ber }) => rate(ber) },
  { title: '±', align: 'right', cell: ({ standardError }) => rate(standardError) },
  { title: 'from h, N', align: 'right', cell: ({ expected }) => rate(expected) },
  { title: 'theory', align: 'right', cell: ({ theory }) => rate(theory) },
  { title: 'off', align: 'right', cell: (row) => deviationOf(row)?.toFixed(1) ?? '–' },
];

const LEGEND =
  '±: standard error, over frames. from h, N: what the channel state that the receiver has leads one to expect. theory: ' +
  "the closed form for the model's fading, without impairments. off: standard errors between BER and theory.";

const flags = {
  channel: channelFlag,
  'eb-n0': value('DB,DB', list(number({ min: -50, max: 90 })), 'mean Eb/N0 in dB: SNR - 3.01 dB', '0,5,10,15,20'),
  ...waveformFlags,
  frames: value('N', integer({ min: 2, max: 1_000_000 }), 'frames, each of a stream of its own', 1000),
  symbols: value('N', integer({ min: 1, max: 1_000_000 }), 'QPSK symbols of a frame', 1024),
  seed: seedFlag('bits, noise and fading'),
  json: jsonFlag('the table'),
  // Typed by their schema, which reads them: here they are names with texts.
  ...(channelFlags as object),
};

export const ber = createCommand({
  details:
    'Sends random QPSK (Gray) through a channel within this process, decides with the channel state that the waveform ' +
    'has, and counts bit errors, beside the closed forms: Q(√(2·Eb/N0)) on AWGN, ½(1 − √(γ/(1+γ))) under Rayleigh ' +
    'fading, the integral of Simon and Alouini under Rician fading.',
  flags,
  examples: [
    { line: 'semcast ber --channel rayleigh-fast', does: 'a flat channel against its closed form' },
    {
      line: 'semcast ber --channel tdl-a --waveform ofdm --waveform-option estimator=genie --eb-n0 0,10,20',
      does: 'a channel with delays, carrier by carrier',
    },
    {
      line: 'semcast ber --channel awgn --channel.impairments interference --json ber.json',
      does: 'what a burst of interference does, which the receiver is not told of',
    },
  ],
  run: async ({ flags: chosen, given, io, terminal }) => {
    const { channel, json, frames, symbols, seed } = chosen;
    const typed = typedChannelFlags(chosen, given);
    const config = { ...channelConfigOf(channel, typed), seed };
    const { waveform, waveformOptions = {} } = typedWaveform(chosen);
    const modem = createModem(waveform, waveformOptions);
    if (json !== undefined) {
      await checkWritable(json);
    }
    const rows = chosen['eb-n0'].map((ebN0Db) => bitErrorRow({ channel: config, modem, frames, symbols }, ebN0Db));
    const channelOptions = channelOptionsOf(channel, typed);
    const { resultColours: colours, resultColumns: width } = terminal;
    terminal.result(
      '',
      `  ${colours.bold(channelText({ channel, channelOptions }))} ${colours.dim(`· QPSK, ${waveformText(waveform, waveformOptions)}, ${frames} frames of ${symbols} symbols`)}`,
      '',
      ...renderTable(columns, rows, { colours, width }),
      ...wrap(LEGEND, width - 2).map((line) => `  ${colours.dim(line)}`),
      '',
    );
    if (json !== undefined) {
      const report = {
        schema: 'semcast.ber/1',
        channel,
        channelOptions,
        waveform,
        waveformOptions,
        seed,
        rows,
      };
      await writeJson(json, report, io);
    }
    return EXIT_CODES.done;
  },
});
