// Starts a transmitter, sends one photograph, closes it, and then has nothing left to do: the process must end by itself.
import sharp from 'sharp';
import { createTransmitter } from '../../dist/index.js';

const service = await createTransmitter({ ...JSON.parse(process.argv[2]), source: [], port: 0, logLevel: 'silent' });
const photo = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#777' } })
  .png()
  .toBuffer();
const outcome = await service.submit({ photo });
await service.close();
process.stdout.write(outcome.kind);
