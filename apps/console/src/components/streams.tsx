import type { StreamRow } from '@semcast/console-messages';
import { durationText, figure, NONE, receiverSnr } from '../format.js';

function snrText(row: StreamRow): string {
  const { name, snrDb } = receiverSnr(row);
  return snrDb === null ? NONE : `${figure(snrDb)} dB ${name}`;
}

const COLUMNS: readonly {
  readonly name: string;
  readonly number?: true;
  readonly cell: (row: StreamRow) => string | number;
}[] = [
  { name: 'decoder', cell: ({ decoder }) => decoder },
  { name: 'CSI', cell: ({ csi }) => csi },
  { name: 'frames', number: true, cell: ({ frames }) => frames },
  { name: 'per s', number: true, cell: ({ framesPerSecond }) => figure(framesPerSecond) },
  { name: 'SNR', number: true, cell: snrText },
  { name: 'residual', number: true, cell: ({ residual }) => figure(residual, 2) },
  { name: 'receiver', number: true, cell: ({ totalMs }) => durationText(totalMs) },
];

/** What the receiver decodes, by stream. */
export function Streams({ rows }: { readonly rows: readonly StreamRow[] }) {
  return (
    <section class="panel streams" aria-label="streams">
      <div class="bar">
        <h2>
          Streams <small>{rows.length}</small>
        </h2>
      </div>
      {rows.length === 0 ? (
        <p class="nothing">No stream is linked to the receiver.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">stream</th>
                {COLUMNS.map(({ name, number }) => (
                  <th key={name} scope="col" class={number ? 'number' : ''}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.stream} class={row.linked ? '' : 'unlinked'}>
                  <th scope="row" title={`${row.agent} ${row.remoteAddress}`}>
                    {row.stream}
                    {row.linked ? '' : ' (no link)'}
                  </th>
                  {COLUMNS.map(({ name, number, cell }) => (
                    <td key={name} class={number ? 'number' : ''}>
                      {cell(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
