import type { Flag, Flags, Positionals } from '../arguments/spec.js';
import type { Colours } from './terminal.js';
import { fit, visibleWidth, wrap } from './width.js';

/** An example in `--help`: a command line that works as it stands, and what it does. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

export interface CommandHelp {
  readonly name: string;
  readonly summary: string;
  /** More words, shown in the command's own help. */
  readonly details?: string;
  readonly flags: Flags;
  readonly positionals?: Positionals | undefined;
  readonly examples: readonly Example[];
}

export interface HelpOptions {
  readonly colours: Colours;
  readonly columns: number;
}

const MAX_TEXT_COLUMNS = 110;

/** Two columns, the second wrapped beside the first. */
function twoColumns(entries: readonly (readonly [string, string])[], { columns }: HelpOptions): string[] {
  const width = Math.min(columns, MAX_TEXT_COLUMNS);
  const longest = Math.max(0, ...entries.map(([left]) => visibleWidth(left)));
  const left = Math.min(longest, Math.floor(width * 0.42));
  const room = Math.max(20, width - left - 4);
  return entries.flatMap(([head, text]) => {
    // A head that is too long stands alone, its text below.
    const [first, rest] = visibleWidth(head) > left ? [[`  ${head}`], ''] : [[], head];
    return [...first, ...wrap(text, room).map((line, i) => `  ${fit(i === 0 ? rest : '', left)}  ${line}`.trimEnd())];
  });
}

function flagHead(name: string, flag: Flag, { colours }: HelpOptions): string {
  const hint = flag.kind === 'switch' ? '' : ` ${colours.dim(flag.hint)}`;
  return `${colours.cyan(`--${name}`)}${hint}${flag.kind === 'many' ? colours.dim(' …') : ''}`;
}

function summaryOf(flag: Flag): string {
  return flag.kind === 'value' && flag.fallback !== undefined ? `${flag.summary} (${flag.fallback})` : flag.summary;
}

/** `semcast COMMAND --help`. */
export function renderCommandHelp(command: CommandHelp, options: HelpOptions): string {
  const { colours, columns } = options;
  const width = Math.min(columns, MAX_TEXT_COLUMNS);
  const usage = [
    `semcast ${command.name}`,
    ...(command.positionals === undefined ? [] : [`${command.positionals.name}…`]),
    ...(Object.keys(command.flags).length === 0 ? [] : ['[FLAGS]']),
  ].join(' ');
  const lines = [
    '',
    `${colours.bold(`semcast ${command.name}`)}  ${command.summary}`,
    '',
    ...(command.details === undefined ? [] : [...wrap(command.details, width), '']),
    colours.bold('Usage'),
    `  ${usage}`,
    '',
  ];
  if (command.positionals !== undefined) {
    lines.push(...twoColumns([[colours.cyan(command.positionals.name), command.positionals.summary]], options), '');
  }
  const groups = new Map<string, (readonly [string, string])[]>();
  for (const [name, flag] of Object.entries(command.flags)) {
    const group = flag.group ?? 'Flags';
    groups.set(group, [...(groups.get(group) ?? []), [flagHead(name, flag, options), summaryOf(flag)]]);
  }
  for (const [group, flags] of groups) {
    lines.push(colours.bold(group), ...twoColumns(flags, options), '');
  }
  if (command.examples.length > 0) {
    lines.push(colours.bold('Examples'));
    for (const { line, does } of command.examples) {
      lines.push(`  ${colours.dim(`# ${does}`)}`, `  ${colours.cyan(line)}`, '');
    }
  }
  return lines.join('\n');
}

export interface ProgramHelp {
  readonly version: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
}

/** `semcast --help`. */
export function renderProgramHelp({ version, commands }: ProgramHelp, options: HelpOptions): string {
  const { colours } = options;
  return [
    '',
    `${colours.bold('semcast')} ${colours.dim(version)}  photographs over an emulated radio channel`,
    '',
    `  photo ─ ${colours.cyan('transmitter')} ─► noisy IQ samples ─ ${colours.cyan('channel')} ─► ${colours.cyan('receiver')} ─► picture`,
    '',
    colours.bold('Usage'),
    '  semcast COMMAND [FLAGS]',
    '',
    colours.bold('Commands'),
    ...twoColumns(
      commands.map(({ name, summary }) => [colours.cyan(name), summary] as const),
      options,
    ),
    '',
    colours.bold('First steps'),
    `  ${colours.cyan('semcast up')}        ${colours.dim('all three services on this machine, demo photographs streaming')}`,
    `  ${colours.cyan('semcast doctor')}    ${colours.dim('what stands in the way, if anything')}`,
    '',
    `  semcast COMMAND --help tells the flags of a command, with examples.`,
    `  Exit codes: 0 done, 1 ran and failed, 2 wrong usage.`,
    '',
  ].join('\n');
}
