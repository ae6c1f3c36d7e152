// A transmitter as a process of its own: node run-transmitter.mjs '{"to": "ws://…"}'
import { runTransmitter } from '../../dist/index.js';

await runTransmitter(JSON.parse(process.argv[2] ?? '{}'));
