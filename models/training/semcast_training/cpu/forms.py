"""The forms of a bundle's graphs for the CPU: half the multiplications (``winograd.py``), no needless reordering
(``blocked.py``).

One for each size of the blocks in which ONNX Runtime keeps channels, which depends on the processor: NAME.cpu8.onnx
(AVX2) and NAME.cpu16.onnx (AVX-512). The manifest names them (``graphs.NAME.cpu``), and what loads a bundle on a
CPU takes the one whose block is ``channel_block()``, or the plain graph where there is none. A GPU's library has
algorithms and layouts of its own and takes the plain one.

    python -m semcast_training.cpu.forms BUNDLE     adds them to a bundle that was exported before
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from ..console import run_main
from ..parity import file_entry, max_differences, read_parity
from .blocked import BLOCKS, DOMAIN, use_blocked_layout

#: Whose parity is relative.
GRADIENT_GRAPHS = ('encoderVjp', 'posteriorStep')


@functools.cache
def channel_block() -> int | None:
    """How many channels ONNX Runtime keeps side by side on this processor; None where it has no such layout.

    Told by where it puts the second column of the first channel.
    """
    import onnxruntime as ort
    from onnx import TensorProto, helper

    shape = [1, max(BLOCKS), 1, 2]
    graph = helper.make_graph(
        [helper.make_node('ReorderInput', ['x'], ['y'], domain=DOMAIN)],
        'probe',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, shape)],
    )
    opsets = [helper.make_opsetid('', 18), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
    except Exception:  # the runtime's exceptions have no common type; what it lacks is a kernel
        return None
    x = np.zeros(shape, dtype=np.float32)
    x[0, 0, 0, 1] = 1
    return int(session.run(None, {'x': x})[0].argmax())


def write_cpu_forms(path: Path) -> dict[int, Path]:
    """The forms of a graph file, beside it, by block; none where there is no convolution that would be converted."""
    written = {}
    for block in BLOCKS:
        model = ir.load(path)
        form = path.with_suffix(f'.cpu{block}.onnx')
        if use_blocked_layout(model, block) == 0:
            form.unlink(missing_ok=True)
            continue
        ir.save(model, form)
        written[block] = form
    return written


def runnable_here(forms: dict[int, Path]) -> list[Path]:
    return [path for block, path in forms.items() if block == channel_block()]


def graph_entry(path: Path, forms: dict[int, Path]) -> dict[str, Any]:
    """What a manifest says of a graph file and its forms."""
    cpu = [{'block': block, **file_entry(form)} for block, form in forms.items()]
    return file_entry(path) | ({'cpu': cpu} if cpu else {})


def cpu_file(bundle: Path, manifest: dict[str, Any], graph: str) -> Path:
    """What a service on this machine's CPU loads."""
    entry = manifest['graphs'][graph]
    forms = {form['block']: form for form in entry.get('cpu', [])}
    return bundle / forms.get(channel_block(), entry)['file']


def replace_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write a bundle's manifest anew: whoever reads it meanwhile finds the old one or the new one, whole."""
    scratch = directory / '.bundle.json'
    scratch.write_text(json.dumps(manifest, indent=2) + '\n')
    os.replace(scratch, directory / 'bundle.json')


def add_cpu_forms(directory: Path, log: Callable[[str], None]) -> None:
    """Write the CPU's forms of all graphs of a bundle and name them in its manifest.

    The one that runs here must give what the bundle's parity vectors say, within the bundle's tolerance, as the graph
    itself does; those of gradients as whole outputs, relative (see ``max_differences``). Forms of other processors
    can't be run: ``tests/test_cpu_forms.py`` computes those of models/natural in numpy.

    Raises ValueError where one doesn't; the manifest is left as it was then.
    """
    manifest = json.loads((directory / 'bundle.json').read_text())
    cases = read_parity(directory)
    tolerance = manifest['parity']['tolerance']
    for name, entry in manifest['graphs'].items():
        path = directory / entry['file']
        forms = write_cpu_forms(path)
        manifest['graphs'][name] = graph_entry(path, forms)
        if not forms:
            log(f'{name}: no convolution would gain')
        own = [case for case in cases if case.graph == name]
        for form in runnable_here(forms):
            worst = max(max_differences(form, own, relative=name in GRADIENT_GRAPHS), default=0.0)
            if not worst <= tolerance:
                for written in forms.values():
                    written.unlink()
                raise ValueError(f'{form.name} differs from the parity vectors by {worst:.1e}, more than {tolerance}')
            log(f'{form.name}: largest difference from the parity vectors {worst:.1e}')
    replace_manifest(directory, manifest)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.cpu.forms',
        description="Add the CPU's forms of its graphs to a bundle: fewer multiplications, and no needless reordering.",
    )
    parser.add_argument('bundle', type=Path)
    add_cpu_forms(parser.parse_args(arguments).bundle, lambda line: print(line, flush=True))
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
