import type { CommandEntry } from './command.js';

/** Every command. A new one is a file in `commands/` and a line here. */
export const commands = {
  up: {
    summary: 'all three services on this machine, demo photographs streaming',
    load: async () => (await import('./commands/up.js')).up,
  },
  transmitter: {
    summary: 'one service: sends photographs and measures what comes back',
    load: async () => (await import('./commands/service.js')).transmitter,
  },
  channel: {
    summary: 'one service: the radio channel (noise, fading, loss)',
    load: async () => (await import('./commands/service.js')).channel,
  },
  receiver: {
    summary: 'one service: decodes noisy samples to pictures',
    load: async () => (await import('./commands/service.js')).receiver,
  },
  send: {
    summary: 'send photographs to a channel that runs somewhere',
    load: async () => (await import('./commands/send.js')).send,
  },
  replay: {
    summary: 'send the frames of a recording (SigMF) of a channel once more',
    load: async () => (await import('./commands/replay.js')).replay,
  },
  sweep: {
    summary: 'measure decoders over SNRs, rates and photographs: a table, JSON, pictures',
    load: async () => (await import('./commands/sweep.js')).sweep,
  },
  bench: {
    summary: 'the fixed protocol of docs/benchmark.md on a bundle: a table to submit',
    load: async () => (await import('./commands/bench.js')).bench,
  },
  report: {
    summary: 'figures, tables and a page for a paper, from the JSON of sweeps',
    load: async () => (await import('./commands/report.js')).report,
  },
  ber: {
    summary: 'bit error rates of QPSK over a channel, beside the closed forms',
    load: async () => (await import('./commands/ber.js')).ber,
  },
  load: {
    summary: 'load-test a receiver: frames at a set rate, whatever comes back, and how long they take',
    load: async () => (await import('./commands/load.js')).load,
  },
  trace: {
    summary: 'what the logs of the services say about one frame',
    load: async () => (await import('./commands/trace.js')).trace,
  },
  doctor: {
    summary: 'check this machine and the model bundle; say what to do about problems',
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
} as const satisfies Record<string, CommandEntry>;
