// Starts a transmitter, sends one photograph, closes it, and then has nothing left to do: the process must end by itself.
import { createTransmitter } from '../../dist/index.js';

const service = await createTransmitter({ ...JSON.parse(process.argv[2]), source: [], port: 0, logLevel: 'silent' });
const photo = { width: 32, height: 32, data: new Uint8Array(3 * 32 * 32).fill(120) };
const outcome = await service.submit({ photo });
await service.close();
process.stdout.write(outcome.kind);
