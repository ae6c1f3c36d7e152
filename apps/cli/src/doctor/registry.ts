import type { Check } from './check.js';
import { bundle } from './checks/bundle.js';
import { cpu } from './checks/cpu.js';
import { decoding } from './checks/decoding.js';
import { images } from './checks/images.js';
import { memory } from './checks/memory.js';
import { node } from './checks/node.js';
import { parity } from './checks/parity.js';
import { ports } from './checks/ports.js';
import { providers } from './checks/providers.js';

/** Every check, in the order in which they run. A new one is a file in `checks/` and a line here. */
export const checks = {
  node,
  cpu,
  memory,
  images,
  bundle,
  decoding,
  providers,
  parity,
  ports,
} as const satisfies Record<string, Check>;
