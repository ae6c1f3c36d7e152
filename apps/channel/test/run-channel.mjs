// Runs the channel as a process of its own, as `semcast channel` does. Flags come as one JSON argument.
import { runChannel } from '@semcast/channel';

await runChannel(JSON.parse(process.argv[2] ?? '{}'));
