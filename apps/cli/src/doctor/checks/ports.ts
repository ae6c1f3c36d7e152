import { SERVICE_PORT_OFFSETS } from '../../layout.js';
import { tryPort } from '../../processes/ports.js';
import { ok, problem, type Check } from '../check.js';

export const ports: Check = {
  name: 'ports',
  title: 'Ports',
  run: async ({ portBase }) => {
    const wanted = Object.entries({ console: 0, ...SERVICE_PORT_OFFSETS }).map(([service, offset]) => ({
      service,
      port: portBase + offset,
    }));
    const taken: string[] = [];
    for (const { service, port } of wanted) {
      const code = await tryPort(port);
      if (code !== null) {
        taken.push(`${port} (${service}) ${code === 'EADDRINUSE' ? 'is in use' : `can't be used: ${code}`}`);
      }
    }
    return taken.length === 0
      ? ok(`${wanted.map(({ port }) => port).join(', ')} are free on 127.0.0.1`)
      : problem(taken.join('; '), `end what listens there, or choose others: semcast up --port-base ${portBase + 100}`);
  },
};
