/** The thread that codes transport blocks: an LDPC decoder takes tenths of a second of plain arithmetic a photograph. */
import { decodeTransportBlock, encodeTransportBlock } from '@semcast/channel-coding';
import type { ComplexVector } from '@semcast/core';
import type { ReceivedSymbols } from '@semcast/phy';
import type { LinkFormat } from './link.js';

export type TransportJob = { readonly format: LinkFormat } & (
  | { readonly block: Uint8Array }
  | { readonly received: ReceivedSymbols }
);

export default function code(job: TransportJob): ComplexVector | Uint8Array | null {
  if ('block' in job) {
    return encodeTransportBlock(job.block, job.format);
  }
  const { noiseVariance, ...received } = job.received;
  const { ok, bytes } = decodeTransportBlock(
    { ...received, noiseVariance: Float32Array.from(noiseVariance) },
    job.format,
    job.format.blockBytes,
  );
  return ok ? bytes : null;
}
