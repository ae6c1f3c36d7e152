import { InferenceSession, Tensor } from 'onnxruntime-node';
import { sessionOptions } from './sessions.js';

/** A graph of one node: `y` is `x` [1, 16, 1, 2] in blocked layout (models/training's cpu/forms.py builds the same). */
const PROBE = Buffer.from(
  'CAk6bAopCgF4EgF5IgxSZW9yZGVySW5wdXQ6E2NvbS5taWNyb3NvZnQubmNod2MSBXByb2JlWhsKAXgSFgoUCAESEAoCCAEKAggQCgIIAQoCCAJi' +
    'GwoBeRIWChQIARIQCgIIAQoCCBAKAggBCgIIAkIECgAQEkIXChNjb20ubWljcm9zb2Z0Lm5jaHdjEAE=',
  'base64',
);
const CHANNELS = 16;
const COLUMNS = 2;

/**
 * How many channels ONNX Runtime's convolutions keep side by side on this processor (its layout NCHWc): 8 with AVX2, 16
 * with AVX-512; undefined where it has no kernels for that layout. Found by where it puts the second column of the first
 * channel, since it has no call that says so.
 */
export async function channelBlock(): Promise<number | undefined> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(PROBE, sessionOptions('cpu', 0));
  } catch {
    return undefined;
  }
  const x = new Float32Array(CHANNELS * COLUMNS);
  x[1] = 1;
  const { y } = await session.run({ x: new Tensor('float32', x, [1, CHANNELS, 1, COLUMNS]) });
  await session.release();
  return (y!.data as Float32Array).indexOf(1);
}
