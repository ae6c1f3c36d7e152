// Reads photographs at a time, and prints what became of them and by how much the memory of this process grew.
import { readFileSync } from 'node:fs';
import { openPhoto } from '../dist/read-photo.js';

/** What getrusage says would count what the parent had when it forked. */
function peakBytes() {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return 1024 * process.resourceUsage().maxRSS;
  }
}

const [size, ...files] = process.argv.slice(2);
const before = process.memoryUsage().rss;
const photographs = await Promise.all(
  files.map(async (file) => {
    try {
      const photo = await openPhoto(file, { size: Number(size), maxImagePixels: 1e9 });
      await photo.read();
      return { decodeBytes: photo.decodeBytes };
    } catch ({ code, message, remedy }) {
      return { code, message, remedy };
    }
  }),
);
process.stdout.write(JSON.stringify({ photographs, grown: peakBytes() - before }));
