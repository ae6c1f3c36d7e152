/**
 * What ingest and workers tell each other. Frames, results and drops are wire messages; what belongs to them in the
 * queue stands in one header as JSON, checked where it is read.
 */
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { helloSchema } from '@semcast/wire';
import { z } from 'zod';

const FACTS = 'Semcast-Facts';

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const key = z.string().min(1).max(128);
const name = z.string().min(1).max(64);

/** Beside a frame in the queue. */
export const frameFactsSchema = z.strictObject({
  /** Names this frame in the queue: unlike stream and number, never twice. */
  key,
  ingest: id,
  /** Whose frame it is: clients share a worker equally. */
  client: z.string().min(1).max(256),
  hello: helloSchema.omit({ token: true }),
});
export type FrameFacts = z.infer<typeof frameFactsSchema>;

/** What a worker tells of a frame. `begin` and `outcome` are answered. */
export const replyFactsSchema = z.strictObject({
  /** It would begin now; it decodes; here is a picture on the way; the result or the drop; another is to take it. */
  says: z.enum(['begin', 'working', 'partial', 'outcome', 'returned']),
  key,
  worker: id,
});
export type ReplyFacts = z.infer<typeof replyFactsSchema>;

/** The answer to `begin`. */
export const beginAnswerSchema = z.strictObject({
  wanted: z.boolean(),
  /** Milliseconds since the frame arrived from its sender. */
  ageMs: z.number().nonnegative(),
});
export type BeginAnswer = z.infer<typeof beginAnswerSchema>;

/** What a worker is told: nobody wants the frame any more; or frame `by` of its stream has taken its place. */
export const orderSchema = z.strictObject({ key, supersededBy: z.int().nonnegative().optional() });
export type Order = z.infer<typeof orderSchema>;

/** What a worker can do, and what it is doing. */
export const announcementSchema = z.strictObject({
  worker: id,
  bundle: z.strictObject({ name: z.string().max(128), version: z.string().max(64), digest: z.string().max(128) }),
  decoders: z.array(name).max(64),
  device: z.enum(['cpu', 'cuda']),
  /** Runs of networks at a time. */
  workers: z.int(),
  /** Frames that it has, and how many it takes. */
  frames: z.int(),
  capacity: z.int(),
  /** Frames that it has finished, and for how long its workers computed. */
  finished: z.int(),
  busySeconds: z.number(),
  /** It takes no more. */
  leaving: z.boolean(),
});
export type Announcement = z.infer<typeof announcementSchema>;

export function withFacts(facts: FrameFacts | ReplyFacts | Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  made.set(FACTS, JSON.stringify(facts));
  return made;
}

/** The facts of a message; undefined where there are none, or others. */
export function factsOf<Facts>(
  schema: z.ZodType<Facts>,
  { headers: given }: { readonly headers?: MsgHdrs | undefined },
): Facts | undefined {
  return parsed(schema, given?.get(FACTS) ?? '');
}

/** A JSON text, where it is what the schema says. */
export function parsed<Value>(schema: z.ZodType<Value>, text: string): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
