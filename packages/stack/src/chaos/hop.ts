import { startFaultProxy, type FaultProxy, type Passage } from '@semcast/testkit';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NETWORK_FAULTS } from './schedule.js';

/** How long a chunk is held back on a hop with delay. */
const DELAY_MS = 150;

/** A network between two services, on which something goes wrong for a while. */
export class Hop {
  readonly #proxy: FaultProxy;
  /** What is wrong from now on. */
  #fault: (typeof NETWORK_FAULTS)[number] | undefined;
  /** Connections of which nothing passes any more, in either direction, though none is closed. */
  readonly #dead = new Set<number>();

  private constructor(proxy: FaultProxy) {
    this.#proxy = proxy;
  }

  static async open(target: number): Promise<Hop> {
    const holder: { hop?: Hop } = {};
    const proxy = await startFaultProxy(
      () => target,
      (passage) => holder.hop?.pass(passage) ?? passage.bytes,
    );
    holder.hop = new Hop(proxy);
    return holder.hop;
  }

  get port(): number {
    return this.#proxy.port;
  }

  /** Begin a fault; undefined ends it. A flipped bit and a reset come once, with the next bytes. */
  set fault(fault: (typeof NETWORK_FAULTS)[number] | undefined) {
    this.#fault = fault;
  }

  async close(): Promise<void> {
    await this.#proxy.close();
  }

  async pass({ connection, bytes, sever }: Passage): Promise<Buffer> {
    if (this.#dead.has(connection)) {
      return Buffer.alloc(0);
    }
    switch (this.#fault) {
      case 'reset':
        this.#fault = undefined;
        sever();
        return bytes;
      case 'half-open':
        this.#dead.add(connection);
        return Buffer.alloc(0);
      case 'delay':
        await sleep(DELAY_MS);
        return bytes;
      case 'flip': {
        this.#fault = undefined;
        const flipped = Buffer.from(bytes);
        flipped[Math.floor(flipped.length / 2)]! ^= 4;
        return flipped;
      }
      case undefined:
      default:
        return bytes;
    }
  }
}
