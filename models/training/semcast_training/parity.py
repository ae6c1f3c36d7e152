"""Parity vectors: inputs and PyTorch outputs of each graph, replayed against ONNX Runtime here and in TypeScript.

``parity.bin`` is a blob of little-endian float32. ``parity.json`` says where each tensor lies:

    {"format": 1, "dtype": "float32-le", "blob": {"file": "parity.bin", "sha256": ...},
     "cases": [{"graph": "encoder", "inputs": [{"name", "dims", "offset", "length"}], "outputs": [...]}]}

``offset`` and ``length`` count float32 values, not bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

MAX_BLOB_BYTES = 2_000_000


@dataclass(frozen=True)
class ParityCase:
    graph: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


def sha256_of(path: Path) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def file_entry(path: Path) -> dict[str, str]:
    """As manifests name a file."""
    return {'file': path.name, 'sha256': sha256_of(path)}


def test_image(batch: int, height: int, width: int, seed: int) -> Tensor:
    """A picture-like input [B, 3, H, W] in [-1, 1]: smooth colour fields, an edge and a little texture."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    image = np.zeros((batch, 3, height, width))
    for plane in image.reshape(-1, height, width):
        for _ in range(5):
            fy, fx = random.uniform(-0.15, 0.15, 2)
            plane += random.uniform(0.1, 0.4) * np.cos(fy * y + fx * x + random.uniform(0, 6.28))
        plane += 0.4 * np.sign(x - width * random.uniform(0.2, 0.8) + 0.5 * (y - height / 2))
        plane += random.normal(0, 0.03, plane.shape)
    return torch.from_numpy(np.clip(image, -1, 1).astype(np.float32))


def run_module(graph: str, module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> ParityCase:
    """What PyTorch computes in float32 for these inputs."""
    with torch.no_grad():
        result = module(*inputs.values())
    results = (result,) if isinstance(result, Tensor) else tuple(result)
    return ParityCase(
        graph,
        {name: tensor.numpy() for name, tensor in inputs.items()},
        {name: tensor.numpy() for name, tensor in zip(outputs, results, strict=True)},
    )


#: How far an output is from the recorded one.
Measure = Callable[[np.ndarray, np.ndarray], float]


def largest_difference(result: np.ndarray, expected: np.ndarray) -> float:
    """The largest absolute difference of a value."""
    return float(np.abs(result - expected).max())


def relative_difference(result: np.ndarray, expected: np.ndarray) -> float:
    """The norm of the differences over that of the expected output; if that is zero the result must be zero.

    The measure for gradients: they jump where the input of a ReLU crosses zero, and of millions of inputs a few are so
    close to it that rounding decides.
    """
    expected = expected.astype(np.float64)
    return float(np.linalg.norm(result - expected) / max(np.linalg.norm(expected), 1e-30))


def max_differences(onnx_file: Path, cases: Sequence[ParityCase], measure: Measure = largest_difference) -> list[float]:
    """Largest difference between ONNX Runtime (CPU) and the recorded outputs, for each case."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(str(onnx_file), options, providers=['CPUExecutionProvider'])
    differences = []
    for case in cases:
        results = session.run(list(case.outputs), dict(case.inputs))
        worst = 0.0
        for result, expected in zip(results, case.outputs.values(), strict=True):
            difference = measure(result, expected)
            worst = max(worst, difference if np.isfinite(difference) else np.inf)
        differences.append(worst)
    return differences


def write_parity(cases: Sequence[ParityCase], directory: Path) -> Path:
    """Write parity.bin and parity.json; returns the path of the latter."""
    blob = bytearray()

    def place(tensors: Mapping[str, np.ndarray]) -> list[dict[str, object]]:
        entries = []
        for name, value in tensors.items():
            data = np.ascontiguousarray(value, dtype='<f4')
            entries.append({'name': name, 'dims': list(data.shape), 'offset': len(blob) // 4, 'length': int(data.size)})
            blob.extend(data.tobytes())
        return entries

    entries = [{'graph': c.graph, 'inputs': place(c.inputs), 'outputs': place(c.outputs)} for c in cases]
    if len(blob) > MAX_BLOB_BYTES:
        raise ValueError(f'parity vectors take {len(blob)} bytes, more than {MAX_BLOB_BYTES}: use smaller images')
    (directory / 'parity.bin').write_bytes(blob)
    index = {
        'format': 1,
        'dtype': 'float32-le',
        'blob': {'file': 'parity.bin', 'sha256': hashlib.sha256(blob).hexdigest()},
        'cases': entries,
    }
    path = directory / 'parity.json'
    path.write_text(json.dumps(index, indent=1) + '\n')
    return path


def read_parity(directory: Path) -> list[ParityCase]:
    """Read back what write_parity wrote (checks the blob's hash)."""
    index = json.loads((directory / 'parity.json').read_text())
    raw = (directory / index['blob']['file']).read_bytes()
    if hashlib.sha256(raw).hexdigest() != index['blob']['sha256']:
        raise ValueError(f'{index["blob"]["file"]} does not have the hash that parity.json records: export again')
    blob = np.frombuffer(raw, dtype='<f4')

    def pick(entries: list[dict]) -> dict[str, np.ndarray]:
        return {e['name']: blob[e['offset'] : e['offset'] + e['length']].reshape(e['dims']) for e in entries}

    return [ParityCase(c['graph'], pick(c['inputs']), pick(c['outputs'])) for c in index['cases']]
