// Runs the receiver as a process of its own, as `semcast receiver` does. Flags come as one JSON argument.
import { runReceiver } from '@semcast/receiver';

await runReceiver(JSON.parse(process.argv[2] ?? '{}'));
