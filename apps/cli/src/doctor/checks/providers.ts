import { createSessionPool, type Bundle, type Device } from '@semcast/bundle';
import { ok, type Check, type CheckResult } from '../check.js';
import { problemOf, withBundle } from './bundle.js';

/** Whether a device can load the encoder, or why not. */
async function tryDevice(device: Device, { graphs }: Bundle): Promise<unknown> {
  try {
    const pool = await createSessionPool({ graphs: { encoder: graphs.encoder }, device, workers: 1 });
    await pool.close();
    return null;
  } catch (error) {
    return error;
  }
}

/** Judges the providers found: a GPU may be absent unless it is the requested device. */
export function judgeProviders(wanted: Device, failures: Readonly<Record<Device, unknown>>): CheckResult {
  const failure = failures[wanted];
  if (failure !== null) {
    return problemOf(failure, 'use --device cpu');
  }
  const others = (['cpu', 'cuda'] as const).filter((device) => device !== wanted);
  const text = [
    `${wanted} works`,
    ...others.map((device) => (failures[device] === null ? `${device} works too` : `${device} is not available here`)),
  ].join('; ');
  return ok(text);
}

export const providers: Check = {
  name: 'providers',
  title: 'ONNX Runtime',
  run: withBundle(async (bundle, { device }) =>
    judgeProviders(device, { cpu: await tryDevice('cpu', bundle), cuda: await tryDevice('cuda', bundle) }),
  ),
};
