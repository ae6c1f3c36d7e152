import { portsFrom } from '../../layout.js';
import { findTakenPorts } from '../../processes/ports.js';
import { ok, problem, type Check } from '../check.js';

export const ports: Check = {
  name: 'ports',
  title: 'Ports',
  run: async ({ portBase }) => {
    const wanted = { console: portBase, ...portsFrom(portBase) };
    const taken = await findTakenPorts(wanted, 'is in use');
    return taken.length === 0
      ? ok(`${Object.values(wanted).join(', ')} are free on 127.0.0.1`)
      : problem(taken.join('; '), `end what listens there, or choose others: semcast up --port-base ${portBase + 100}`);
  },
};
