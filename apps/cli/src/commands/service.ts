import { channelServiceConfigSchema, runChannel } from '@semcast/channel';
import { receiverConfigSchema, runReceiver } from '@semcast/receiver';
import { loadConfig } from '@semcast/config';
import { runTransmitter, transmitterConfigSchema, type TransmitterConfig } from '@semcast/transmitter';
import type { z } from 'zod';
import {
  channelNameFlag,
  decoderOptionFlags,
  isPreset,
  stepsFlag,
  typedDecoderOptions,
} from '../arguments/common-flags.js';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { flagsOfSchema } from '../arguments/schema-flags.js';
import { toggle, value, type Flags } from '../arguments/spec.js';
import { text } from '../arguments/values.js';
import { createCommand, type Command } from '../command.js';
import { optionsOfOne, validateOptions } from '../decoders/options.js';
import { findDecoder } from '../decoders/registry.js';
import { UsageError } from '../errors.js';
import { EXIT_CODES, type ExitCode } from '../exit-codes.js';
import type { Example } from '../terminal/help.js';

interface ServiceCommand {
  readonly name: string;
  readonly schema: z.ZodObject;
  /** Runs until a signal ends it; exits the process itself when the configuration is wrong or it can't start. */
  readonly run: (flags: Record<string, unknown>) => Promise<void>;
  readonly examples: readonly Example[];
  /** Flags beside those of the schema. */
  readonly moreFlags?: Flags;
  /** Turns these flags into settings, and checks what the schema can't. @throws UsageError */
  readonly prepare?: (settings: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/** Prefix of the service's environment variables, for its help. */
function variableOf(name: string): string {
  return `SEMCAST_${name.toUpperCase()}_`;
}

function createServiceCommand(spec: ServiceCommand): Command {
  const { name, schema, run, examples, moreFlags = {}, prepare = (settings) => ({ ...settings }) } = spec;
  const flags: Flags = {
    config: value('FILE', text, 'YAML or JSON file with any of the settings below'),
    'print-config': toggle('print the settings that would be used, secrets left out, and end'),
    ...flagsOfSchema(schema),
    ...moreFlags,
  };
  return createCommand({
    details:
      `Settings come from flags, then environment variables (${variableOf(name)}PORT=…), then the file, then the ` +
      'defaults in brackets. Logs are JSON lines on standard error; secrets belong into the environment, where `ps` ' +
      "doesn't show them.",
    flags,
    examples,
    run: async ({ flags: typed, given }): Promise<ExitCode> => {
      // Of what wasn't typed nothing is said: the environment and the file may.
      const { config, 'print-config': printConfig, ...rest } = typed as Readonly<Record<string, unknown>>;
      const settings = Object.fromEntries(Object.entries(rest).filter(([flag]) => given.has(flag)));
      await run({ ...prepare({ ...settings, config }), config, printConfig });
      // A service that runs ends the process itself; one that only printed is done.
      return (process.exitCode ?? EXIT_CODES.done) as ExitCode;
    },
  });
}

/**
 * `--decoder-option NAME=VALUE`, `--preset NAME` and `--steps N` as `decoderOptions`, and these checked against the decoder where this release knows it:
 * a receiver would drop every frame.
 *
 * @throws UsageError
 */
function prepareDecoderOptions(typed: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { 'decoder-option': given = [], preset, steps, ...settings } = typed;
  const options: readonly DecoderOption[] = [
    ...typedDecoderOptions({
      'decoder-option': given as readonly DecoderOption[],
      preset: preset as string | undefined,
    }),
    ...(steps === undefined ? [] : [{ decoder: undefined, name: 'steps', value: steps as number }]),
  ];
  if (options.length > 0 && 'decoder-options' in settings) {
    const name = ['steps', 'preset'].find((flag) => flag in typed) ?? 'decoder-option';
    throw new UsageError(`--${name} and --decoder-options say the same thing`, { remedy: 'use one of them' });
  }
  const merged =
    options.length === 0
      ? settings
      : { ...settings, 'decoder-options': Object.fromEntries(options.map(({ name, value: to }) => [name, to])) };
  const config = readTransmitterConfig(merged);
  const decoder = config === undefined ? undefined : findDecoder(config.decoder);
  if (decoder !== undefined) {
    optionsOfOne(decoder, options, undefined);
    validateOptions(decoder, config?.decoderOptions ?? {});
  }
  return merged;
}

/** The configuration as the service will read it; undefined when it is wrong, which is for the service to tell. */
function readTransmitterConfig(flags: Readonly<Record<string, unknown>>): TransmitterConfig | undefined {
  const { config: file, ...settings } = flags;
  try {
    return loadConfig({
      schema: transmitterConfigSchema,
      name: 'transmitter',
      file: typeof file === 'string' ? file : undefined,
      env: process.env,
      flags: settings,
    });
  } catch {
    return undefined;
  }
}

export const transmitter = createServiceCommand({
  name: 'transmitter',
  schema: transmitterConfigSchema,
  run: runTransmitter,
  moreFlags: {
    steps: stepsFlag,
    ...decoderOptionFlags,
  },
  prepare: prepareDecoderOptions,
  examples: [
    {
      line: 'semcast transmitter --to ws://127.0.0.1:7401 --fps 2',
      does: 'stream the demonstration photographs, two a second',
    },
    {
      line: 'semcast transmitter --source holiday --no-loop --journal tx.jsonl --output-dir received',
      does: 'send a folder once; started again, it goes on where it ended',
    },
  ],
});

/** An option of the model that a preset has needs no name of the model beside it. */
function namePresetModel(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { 'channel.preset': preset } = settings;
  const hasOptions = Object.keys(settings).some((flag) => flag.startsWith('channel.model.'));
  return { ...(hasOptions && typeof preset === 'string' && isPreset(preset) && channelNameFlag(preset)), ...settings };
}

export const channel = createServiceCommand({
  name: 'channel',
  schema: channelServiceConfigSchema,
  run: runChannel,
  prepare: namePresetModel,
  examples: [
    { line: 'semcast channel --channel.snr.snr-db 5', does: 'white Gaussian noise at 5 dB' },
    {
      line: 'semcast channel --channel.model.name rician-block --channel.model.k-factor-db 10',
      does: 'a line of sight with fading',
    },
    {
      line: 'semcast channel --channel.preset vehicular --channel.model.max-doppler-hz 100 --channel.impairments cfo adc',
      does: 'a named channel, slower, with a frequency offset and a converter besides',
    },
    {
      line: `curl -X PUT -H 'content-type: application/json' -d '{"snrDb": 3}' http://127.0.0.1:7401/channel`,
      does: 'change the SNR while frames flow',
    },
  ],
});

export const receiver = createServiceCommand({
  name: 'receiver',
  schema: receiverConfigSchema,
  run: runReceiver,
  examples: [
    { line: 'semcast receiver --port 7402 --workers 2', does: 'two decoding threads' },
    { line: 'semcast receiver --print-config', does: 'every setting with its meaning' },
  ],
});
