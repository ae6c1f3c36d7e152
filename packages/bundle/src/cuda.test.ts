import { fileURLToPath } from 'node:url';
import { describeError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { cudaUnavailable } from './cuda.js';

describe('cudaUnavailable', () => {
  it('names the missing library and the command that fetches it', () => {
    const error = cudaUnavailable('Failed to load shared library', { packageDir: '/ort', file: '/ort/bin/cuda.so' });
    expect(describeError(error)).toMatch(
      /isn't installed \(\/ort\/bin\/cuda\.so\) — run "ONNXRUNTIME_NODE_INSTALL=cuda12 .*" in \/ort .*\[E_DEVICE_UNAVAILABLE\]/,
    );
  });

  it('points at driver and libraries when it is there', () => {
    const file = fileURLToPath(import.meta.url);
    const text = describeError(
      cudaUnavailable('CUDA failure 100: no CUDA-capable device', { packageDir: '/ort', file }),
    );
    expect(text).toMatch(/CUDA failure 100: no CUDA-capable device — check that "nvidia-smi".*"ldd .*cuda\.test\.ts"/);
  });

  it('finds the package of ONNX Runtime by itself', () => {
    expect(cudaUnavailable('no').message + cudaUnavailable('no').remedy).toContain('onnxruntime');
  });
});
