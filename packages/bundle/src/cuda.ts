import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DeviceUnavailableError } from './errors.js';

/** Where ONNX Runtime looks for its CUDA library on this machine, and the package that it belongs to. */
function cudaLibrary(): { packageDir: string; file: string } {
  const packageDir = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const name = process.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so';
  return { packageDir, file: join(packageDir, 'bin', 'napi-v6', process.platform, process.arch, name) };
}

/**
 * Why CUDA can't be used, and what to do: ONNX Runtime comes from npm without its CUDA library, so that is the first
 * thing to look at; after it, driver, CUDA and cuDNN.
 *
 * @param message what ONNX Runtime said
 * @param library replaceable for tests
 */
export function cudaUnavailable(
  message: string,
  { packageDir, file }: { packageDir: string; file: string } = cudaLibrary(),
): DeviceUnavailableError {
  if (!existsSync(file)) {
    return new DeviceUnavailableError(
      `CUDA can't be used: the CUDA library of ONNX Runtime isn't installed (${file})`,
      {
        remedy:
          `run "ONNXRUNTIME_NODE_INSTALL=cuda12 node script/install.js" in ${packageDir} (Linux and Windows on x64), ` +
          'use the GPU container image, or run on the CPU with "--device cpu"',
        cause: new Error(message),
      },
    );
  }
  return new DeviceUnavailableError(`CUDA can't be used: ${message}`, {
    remedy:
      'check that "nvidia-smi" lists a GPU, and that CUDA 12 and cuDNN 9 are installed and found by the loader ' +
      `("ldd ${file}" names what is missing); or run on the CPU with "--device cpu"`,
  });
}
