import { createRequire } from 'node:module';

/** Release of ONNX Runtime that runs the networks, without loading it. */
export function onnxRuntimeVersion(): string {
  const require = createRequire(import.meta.url);
  return (require('onnxruntime-node/package.json') as { version: string }).version;
}
