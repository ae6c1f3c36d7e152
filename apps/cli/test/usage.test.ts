import { describe, expect, it } from 'vitest';
import { runCli } from '../src/cli.js';
import type { CliIo } from '../src/io.js';
import { commands } from '../src/registry.js';

async function run(...argv: string[]) {
  const written = { stdout: '', stderr: '' };
  const io: CliIo = {
    stdout: { columns: 100, write: (text) => (written.stdout += text) },
    stderr: { columns: 100, write: (text) => (written.stderr += text) },
    env: {},
    interruption: () => new AbortController().signal,
  };
  const code = await runCli(argv, io);
  return { code, ...written };
}

describe('help', () => {
  it.each([['--help'], ['-h'], ['help']])('semcast %s lists the commands on standard output', async (word) => {
    const { code, stdout, stderr } = await run(word);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of Object.keys(commands)) {
      expect(stdout).toContain(`  ${name} `);
    }
  });

  it('semcast alone shows the same, as wrong usage', async () => {
    const { code, stdout, stderr } = await run();
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('semcast COMMAND');
  });

  it('--version is the version', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each(Object.keys(commands))('semcast %s --help has its flags and examples', async (name) => {
    const { code, stdout } = await run(name, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`semcast ${name}`);
    expect(stdout).toContain('Examples');
    expect(stdout).toMatch(/--[a-z]/);
    for (const line of stdout.split('\n')) {
      // Examples are whole commands, to be copied.
      expect(line.includes('semcast ') || line.includes('curl ') ? 0 : line.length, line).toBeLessThanOrEqual(110);
    }
    expect(await run('help', name)).toMatchObject({ code: 0, stdout });
  });

  it('names the contracted flags', async () => {
    const contract = {
      up: ['device', 'bundle', 'console-port', 'once'],
      transmitter: ['config'],
      channel: ['config'],
      receiver: ['config'],
      send: ['to', 'decoder', 'cbr', 'size', 'out', 'json'],
      sweep: [
        'images',
        'limit',
        'size',
        'decoders',
        'channel',
        'snr',
        'cbr',
        'steps',
        'seed',
        'metric-bundle',
        'out',
        'json',
      ],
      load: ['to', 'streams', 'rate', 'duration', 'decoder', 'json'],
    };
    for (const [name, flags] of Object.entries(contract)) {
      const { stdout } = await run(name, '--help');
      for (const flag of flags) {
        expect(stdout, name).toContain(`--${flag}`);
      }
    }
  });
});

describe('wrong usage exits with 2, names what is wrong and what to do', () => {
  it.each([
    [['swep'], '"swep" is no command', 'did you mean semcast sweep?'],
    [['fly'], '"fly" is no command', 'semcast --help'],
    [['--json', 'up'], '--json stands before the command', ''],
    [['constructor'], 'is no command', ''],
    [['up', '--onec'], '--onec is no flag', 'did you mean --once?'],
    [['up', 'now'], '"now" is not expected here', ''],
    [['up', '--snr', '20..0'], "--snr: the range 20..0 doesn't rise", 'write 0..20'],
    [['up', '--fps', '-1'], '--fps: -1 is outside 0 … 1000', 'from that range'],
    [['up', '--cbr', '1/25'], 'the bundle natural has no rate 1/25', 'choose from 1/48, 1/24, 1/16, 1/12'],
    [['up', '--console-port', '70000'], '--console-port: 70000 is outside 0 … 65535', ''],
    [['up', '--images', '/nothing/here'], 'there is nothing at /nothing/here', 'check the path'],
    [['send'], 'there is nothing to send', 'semcast send PATH'],
    [['send', 'no-such.png'], 'there is nothing at no-such.png', 'check the path'],
    [['send', 'x.png', '--to', 'http://127.0.0.1:1'], "isn't an address of a WebSocket", 'write ws://127.0.0.1:1'],
    [['sweep'], '--images is missing', '--images DIR'],
    [['sweep', '--images', '/nothing/here'], 'there is nothing at /nothing/here', 'check the path'],
    [['sweep', '--images', '.', '--decoders', 'jsc'], '--decoders: "jsc" isn\'t known', 'did you mean jscc?'],
    [['sweep', '--images', '.', '--channel', 'rayleigh'], '"rayleigh" isn\'t known', 'rayleigh-slow'],
    [['sweep', '--images', '.', '--snr', '5,,6'], 'has an empty entry', ''],
    [['sweep', '--images', '.', '--metric-bundle', '/nothing'], 'has neither metric.onnx nor features.onnx', ''],
    [['sweep', '--images', '.', '--steps', '4,x'], '--steps: "x" is no whole number', 'digits'],
    [['sweep', '--images', '.', '--decoder-option', 'steps'], '"steps" is no option of a decoder', 'NAME=VALUE'],
    [['sweep', '--images', '.', '--resume'], '--resume needs the file of the report', '--json FILE'],
    [['sweep', '--images', '.', '--resume', '--json', '-'], '--resume needs the file of the report', '--json FILE'],
    [['sweep', '--images', '.', '--contact-crop', '8'], '--contact-crop: 8 is outside 32 … 4096', ''],
    [['sweep', '--images', '.', '--decoder-option', 'eta=1'], 'jscc has no option "eta"', 'it takes none'],
    [['up', '--decoder', 'jscc', '--steps', '8'], '--steps: jscc takes no steps', 'leave out --steps'],
    [['up', '--decoder', 'jscc', '--decoder-option', 'eta=1'], 'jscc has no option "eta"', ''],
    [['up', '--decoder-option', 'some.eta=1'], '"some" isn\'t among the decoders (', 'choose that decoder'],
    [['send', 'x.png', '--decoder-option', 'eta=1'], 'jscc has no option "eta"', 'it takes none'],
    [
      ['send', 'x.png', '--decoder', 'other', '--decoder-option', 'jscc.eta=1'],
      '"jscc" isn\'t among the decoders (other)',
      'choose that',
    ],
    [['send', 'x.png', '--preset', 'published'], 'jscc has no option "preset"', 'it takes none'],
    [
      ['send', 'x.png', '--decoder', 'conditional', '--preset', 'published'],
      'conditional has no preset "published"',
      '',
    ],
    [['send', 'x.png', '--decoder', 'diffcom', '--preset', 'best'], 'options of diffcom: preset: ', 'preset is: '],
    [
      ['sweep', '--images', '.', '--decoders', 'diffcom,distilled', '--preset', 'published'],
      'distilled has no preset "published"',
      '',
    ],
    [['transmitter', '--decoder', 'distilled', '--preset', 'published'], 'distilled has no preset "published"', ''],
    [
      ['transmitter', '--preset', 'published', '--decoder-options', '{a: 1}'],
      '--preset and --decoder-options say the same thing',
      'use one of them',
    ],
    [['transmitter', '--decoder-option', 'eta=1'], 'jscc has no option "eta"', 'it takes none'],
    [['transmitter', '--decoder-options', '{eta: 1}'], 'options of jscc: ', ''],
    [
      ['transmitter', '--decoder-option', 'a=1', '--decoder-options', '{a: 1}'],
      '--decoder-option and --decoder-options say the same thing',
      'use one of them',
    ],
    [['sweep', '--images', '.', '--limit', '0'], '--limit: 0 is outside 1 and above', ''],
    [['doctor', '--device', 'tpu'], '"tpu" isn\'t known', 'cpu, cuda'],
  ])('%j', async (argv, message, remedy) => {
    const { code, stdout, stderr } = await run(...argv);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
    expect(stderr).toContain('[E_USAGE]');
    expect([code, stdout]).toEqual([2, '']);
  });

  it('refuses steps for decoders that take none', async () => {
    const { code, stderr } = await run(
      'sweep',
      '--images',
      new URL('../../transmitter/photos', import.meta.url).pathname,
      '--steps',
      '5',
    );
    expect([code, stderr]).toEqual([2, expect.stringContaining('--steps: jscc takes no steps')]);
  });
});
