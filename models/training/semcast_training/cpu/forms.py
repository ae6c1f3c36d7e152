"""Forms of a bundle's graphs for the CPU, beside the graphs and named in the manifest as ``graphs.NAME.KIND``.

This command adds those of kind ``cpu``, which compute the same with half the multiplications in wide convolutions
(``winograd.py``). Services on a CPU load them in place of the graphs; on a GPU they load the graphs themselves.

    python -m semcast_training.cpu.forms BUNDLE
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir

from ..console import run_main
from ..parity import Measure, file_entry, max_differences, read_parity, relative_difference
from .winograd import use_winograd


def write_cpu_form(path: Path) -> Path | None:
    """The form of a graph file, NAME.cpu.onnx beside it; None where the graph has no wide convolution."""
    model, form = ir.load(path), path.with_suffix('.cpu.onnx')
    if use_winograd(model) == 0:
        form.unlink(missing_ok=True)
        return None
    ir.save(model, form)
    return form


def replace_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write a bundle's manifest anew, atomically: readers find the old one or the new one, whole."""
    scratch = directory / '.bundle.json'
    scratch.write_text(json.dumps(manifest, indent=2) + '\n')
    os.replace(scratch, directory / 'bundle.json')


def add_forms(
    directory: Path,
    kind: str,
    write: Callable[[str, Path], Path | None],
    measure: Measure,
    tolerance: float,
    log: Callable[[str], None],
) -> None:
    """Write forms of a bundle's graphs, check them against its parity vectors and name them in its manifest.

    ``write(name, path)`` returns the form that it wrote of the graph file ``path``, or None.

    Raises ValueError where a form differs by more than ``tolerance``; the manifest stays as it is then.
    """
    manifest = json.loads((directory / 'bundle.json').read_text())
    cases = read_parity(directory)
    for name, entry in manifest['graphs'].items():
        entry.pop(kind, None)
        form = write(name, directory / entry['file'])
        if form is None:
            log(f'{name}: no {kind} form')
            continue
        worst = max(max_differences(form, [case for case in cases if case.graph == name], measure), default=0.0)
        if not worst <= tolerance:
            form.unlink()
            raise ValueError(f'{form.name} differs from the parity vectors by {worst:.2g}, more than {tolerance}')
        entry[kind] = file_entry(form)
        log(f'{form.name}: {form.stat().st_size / 1e3:.0f} kB, difference from the parity vectors {worst:.2g}')
    replace_manifest(directory, manifest)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.cpu.forms', description='Add forms for the CPU of its graphs to a bundle.'
    )
    parser.add_argument('bundle', type=Path)
    bundle = parser.parse_args(arguments).bundle
    tolerance = json.loads((bundle / 'bundle.json').read_text())['parity']['tolerance']
    add_forms(bundle, 'cpu', lambda _, path: write_cpu_form(path), relative_difference, tolerance, print)
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
