/**
 * Outbox and Inbox together over links that break at any moment: whatever happens, each frame's outcome is delivered
 * exactly once, and memory stays within its bounds.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.js';
import { Outbox } from './outbox.js';

type ToServer = { readonly frame: number } | { readonly ack: number };
type ToClient = { readonly outcome: number; readonly refused: boolean } | { readonly credits: number };

/** One client and one server with the bytes between them, advanced by single steps. */
class Model {
  readonly outbox = new Outbox<number>({ maxWaiting: 1000 });
  readonly inbox: Inbox<number>;
  readonly working: number[] = [];
  /** How often the application got each frame's outcome. */
  readonly delivered = new Map<number, number>();
  /** How often the server worked on each frame. */
  readonly worked = new Map<number, number>();
  readonly givenUp = new Set<number>();
  window: number;
  refusals = 0;
  added = 0;
  /** In flight; undefined without a link. */
  toServer: ToServer[] | undefined;
  toClient: ToClient[] = [];

  constructor(window: number) {
    this.window = window;
    this.inbox = new Inbox({ window });
  }

  add(): void {
    this.outbox.add(this.added, this.added);
    this.added++;
    this.pump();
  }

  connect(): void {
    if (this.toServer === undefined) {
      this.toServer = [];
      this.outbox.linkUp(this.window);
      this.pump();
    }
  }

  /** Everything in flight is lost, in both directions. */
  disconnect(): void {
    this.toServer = undefined;
    this.toClient = [];
    this.outbox.linkDown();
  }

  setWindow(window: number): void {
    this.window = window;
    this.inbox.setWindow(window);
    this.tell({ credits: window });
  }

  giveUp(frame: number): void {
    if (this.outbox.giveUp(frame)) {
      this.givenUp.add(frame);
    }
  }

  /** The server reads one message. */
  serverReads(): boolean {
    const message = this.toServer?.shift();
    if (message === undefined) {
      return false;
    }
    if ('ack' in message) {
      this.inbox.acknowledge(message.ack);
      return true;
    }
    const { frame } = message;
    const accepted = this.inbox.accept(frame);
    if (accepted.verdict === 'new') {
      this.working.push(frame);
      this.worked.set(frame, (this.worked.get(frame) ?? 0) + 1);
    } else if (accepted.verdict === 'finished') {
      this.tell({ outcome: frame, refused: false });
    } else if (accepted.verdict === 'over-window') {
      this.refusals++;
      this.tell({ outcome: frame, refused: true });
    }
    return true;
  }

  /** The server finishes one of the frames it works on. */
  serverFinishes(which: number): boolean {
    const [frame] = this.working.splice(which % Math.max(1, this.working.length), 1);
    if (frame === undefined) {
      return false;
    }
    if (this.inbox.finish(frame, frame)) {
      this.tell({ outcome: frame, refused: false });
    }
    return true;
  }

  /** The client reads one message. */
  clientReads(): boolean {
    const message = this.toClient.shift();
    if (message === undefined) {
      return false;
    }
    if ('credits' in message) {
      this.outbox.setWindow(message.credits);
    } else {
      const verdict = this.outbox.outcome(message.outcome);
      if (verdict === 'deliver') {
        this.delivered.set(message.outcome, (this.delivered.get(message.outcome) ?? 0) + 1);
        this.outbox.resolve(message.outcome);
      }
      if (verdict !== 'ignore') {
        this.toServer?.push({ ack: message.outcome });
      }
    }
    this.pump();
    return true;
  }

  checkBounds(maxWindow: number): void {
    // Plain comparisons: expect() at every step of a thousand runs takes longer than the runs.
    const { outbox, inbox, working, givenUp } = this;
    const bounded =
      outbox.unresolved <= maxWindow + givenUp.size &&
      inbox.inProgress <= 2 * maxWindow &&
      inbox.stored <= maxWindow &&
      inbox.inProgress === working.length;
    if (!bounded) {
      throw new Error(
        `out of bounds: ${outbox.unresolved} unresolved, ${inbox.inProgress} of ${working.length} in progress, ${inbox.stored} stored`,
      );
    }
  }

  /** Let everything come to its end over a link that holds. */
  settle(): void {
    this.connect();
    for (let progress = true; progress;) {
      progress = this.serverReads() || this.serverFinishes(0) || this.clientReads();
    }
  }

  private tell(message: ToClient): void {
    if (this.toServer !== undefined) {
      this.toClient.push(message);
    }
  }

  private pump(): void {
    for (let next = this.outbox.next(); next !== undefined; next = this.outbox.next()) {
      this.toServer!.push({ frame: next.frame });
    }
  }
}

type Step =
  | { readonly do: 'add' | 'connect' | 'disconnect' | 'serverReads' | 'clientReads' }
  | { readonly do: 'serverFinishes'; readonly which: number }
  | { readonly do: 'setWindow'; readonly window: number }
  | { readonly do: 'giveUp'; readonly share: number };

const plainSteps: fc.WeightedArbitrary<Step>[] = [
  { weight: 4, arbitrary: fc.constant({ do: 'add' }) },
  { weight: 2, arbitrary: fc.constant({ do: 'connect' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'disconnect' }) },
  { weight: 8, arbitrary: fc.constant({ do: 'serverReads' }) },
  { weight: 8, arbitrary: fc.constant({ do: 'clientReads' }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('serverFinishes' as const), which: fc.nat(20) }) },
];

function run(model: Model, steps: readonly Step[], maxWindow: number): void {
  for (const step of steps) {
    switch (step.do) {
      case 'setWindow':
        model.setWindow(step.window);
        break;
      case 'giveUp':
        model.giveUp(Math.floor(step.share * model.added));
        break;
      case 'serverFinishes':
        model.serverFinishes(step.which);
        break;
      default:
        model[step.do]();
    }
    model.checkBounds(maxWindow);
  }
  model.settle();
}

describe('delivery over links that break', () => {
  it('loses nothing, duplicates nothing, refuses nothing, and works twice on next to nothing', () => {
    let [frames, twice] = [0, 0];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.oneof(...plainSteps), { maxLength: 300, size: 'max' }),
        (window, steps) => {
          const model = new Model(window);
          run(model, steps, window);
          expect(model.outbox.size).toBe(0);
          expect([...model.delivered].sort(([a], [b]) => a - b)).toEqual(
            Array.from({ length: model.added }, (_, frame) => [frame, 1]),
          );
          // Credits are honest: nothing had to be refused.
          expect(model.refusals).toBe(0);
          frames += model.added;
          twice += [...model.worked.values()].filter((times) => times > 1).length;
        },
      ),
      { numRuns: 1000 },
    );
    expect(frames).toBeGreaterThan(5000);
    expect(twice / frames).toBeLessThan(0.01);
  });

  it('with windows that change and frames given up, each frame has one outcome or was given up', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            ...plainSteps,
            {
              weight: 1,
              arbitrary: fc.record({ do: fc.constant('setWindow' as const), window: fc.integer({ min: 1, max: 5 }) }),
            },
            {
              weight: 1,
              arbitrary: fc.record({
                do: fc.constant('giveUp' as const),
                share: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
              }),
            },
          ),
          { maxLength: 300, size: 'max' },
        ),
        (steps) => {
          const model = new Model(3);
          run(model, steps, 5);
          expect(model.outbox.size).toBe(0);
          const wanted = Array.from({ length: model.added }, (_, frame) => frame).filter((f) => !model.givenUp.has(f));
          expect([...model.delivered].sort(([a], [b]) => a - b)).toEqual(wanted.map((frame) => [frame, 1]));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
