import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { probeReceiver } from './receiver-probe.js';

describe('probeReceiver', () => {
  it('sees a receiver go and come back', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const probe = probeReceiver({ url: `ws://127.0.0.1:${port}`, intervalMs: 20, onFound: () => {} });
    try {
      expect(probe.problem).toBe('it was not looked for yet');
      await vi.waitFor(() => expect(probe.problem).toBeUndefined());
      await new Promise((resolve) => server.close(resolve));
      await vi.waitFor(() => expect(probe.problem).toContain('ECONNREFUSED'));
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      await vi.waitFor(() => expect(probe.problem).toBeUndefined());
      probe.note('its link broke');
      expect(probe.problem).toBe('its link broke');
    } finally {
      probe.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
