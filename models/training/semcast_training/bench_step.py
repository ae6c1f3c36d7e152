"""What a bundle's graphs cost in ONNX Runtime on a CPU: the fused step against one forward pass of denoiser, encoder
and decoder, and each graph's forms for the CPU against the graph itself.

    python -m semcast_training.bench_step BUNDLE [--sizes 64,256] [--profile 256]

One thread; the processor time of the calling thread, so that other work on the machine disturbs less; the graphs take
turns and the best of several rounds counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from .console import run_main

FORWARD = ('denoiser', 'encoder', 'decoder')
#: Inputs that aren't random: see ``_feeds``.
VALUES = {'sigma': 0.4, 'flag': 1.0, 'csnr_db': 5.0, 'design_csnr_db': 5.0, 'zeta': 1.0, 'gamma': 1.0}


def open_session(file: Path, *, profile_prefix: str | None = None) -> ort.InferenceSession:
    """As the services run it on a CPU: one thread, denormals as zero, all optimisations."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry('session.set_denormal_as_zero', '1')
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    if profile_prefix is not None:
        options.enable_profiling, options.profile_file_prefix = True, profile_prefix
    return ort.InferenceSession(str(file), options, providers=['CPUExecutionProvider'])


def _feeds(session: ort.InferenceSession, manifest: dict[str, Any], size: int) -> dict[str, np.ndarray]:
    """One picture of size x size at the lowest rate."""
    random = np.random.default_rng(1)
    channels, active = manifest['latentChannels'], manifest['rates'][0]['channels']
    latent = size // manifest['stride']
    feeds = {}
    for given in session.get_inputs():
        name = given.name
        if name in VALUES:
            value = np.full(1, VALUES[name])
        elif name == 'rate':
            value = np.full(1, active / channels)
        elif name == 'mask':
            value = (np.arange(channels) < active)[None, :, None, None]
        elif name in ('x', 'x_j', 'image'):
            value = random.standard_normal((1, 3, size, size)) / 2
        else:
            planes = channels // 2 if name.startswith('gain') else channels
            value = random.standard_normal((1, planes, latent, latent)) / 2**0.5
            if not name.startswith('gain'):
                value[:, active:] = 0
        feeds[name] = np.ascontiguousarray(value, dtype=np.float32)
    return feeds


def measure(bundle: Path, size: int, rounds: int) -> dict[str, float]:
    """Seconds by graph, in its form for the CPU where it has one; 'NAME, plain' is the graph itself then, 'NAME, int8'
    its form in 8 bits, and 'posteriorStep, gamma 0' the step without its second term."""
    manifest = json.loads((bundle / 'bundle.json').read_text())
    for graph in (*FORWARD, 'posteriorStep'):
        if graph not in manifest['graphs']:
            raise ValueError(f'the bundle {bundle} has no {graph}')
    runs = {}
    for graph, entry in manifest['graphs'].items():
        session = open_session(bundle / entry.get('cpu', entry)['file'])
        feeds = _feeds(session, manifest, size)
        runs[graph] = (session, feeds)
        if 'cpu' in entry:
            runs[f'{graph}, plain'] = (open_session(bundle / entry['file']), feeds)
        if 'int8' in entry:
            runs[f'{graph}, int8'] = (open_session(bundle / entry['int8']['file']), feeds)
        if graph == 'posteriorStep':
            runs['posteriorStep, gamma 0'] = (session, feeds | {'gamma': np.zeros(1, np.float32)})
    best = dict.fromkeys(runs, float('inf'))
    for turn in range(rounds + 1):
        for name, (session, feeds) in runs.items():
            started = time.thread_time()
            session.run(None, feeds)
            if turn:  # the first is a warm-up
                best[name] = min(best[name], time.thread_time() - started)
    return best


def profile(bundle: Path, size: int) -> list[tuple[str, int, float]]:
    """(operator, how many, seconds) of one fused step, the longest first."""
    manifest = json.loads((bundle / 'bundle.json').read_text())
    with tempfile.TemporaryDirectory() as scratch:
        entry = manifest['graphs']['posteriorStep']
        session = open_session(bundle / entry.get('cpu', entry)['file'], profile_prefix=f'{scratch}/step')
        feeds = _feeds(session, manifest, size)
        for _ in range(3):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    last = max(e['ts'] for e in events if e['name'] == 'model_run')
    seconds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for event in events:
        name = event.get('args', {}).get('op_name')
        # an If's own time is that of the nodes inside it, which are listed too
        if event['name'].endswith('_kernel_time') and event['ts'] >= last and name != 'If':
            seconds[name] += event['dur'] / 1e6
            counts[name] += 1
    return [(name, counts[name], value) for name, value in seconds.most_common()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.bench_step', description="Cost of a bundle's graphs in ONNX Runtime."
    )
    parser.add_argument('bundle', type=Path)
    parser.add_argument('--sizes', default='64,256', help='sides of square pictures (default %(default)s)')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--profile', type=int, metavar='SIZE', help='also list operators by time at this size')
    args = parser.parse_args(arguments)
    for size in (int(text) for text in args.sizes.split(',')):
        seconds = measure(args.bundle, size, args.rounds)
        forward = sum(seconds[graph] for graph in FORWARD)
        print(f'{size}x{size}, one thread')
        for name, value in seconds.items():
            graph, _, form = name.partition(', ')
            ratio = f'  {value / seconds[graph]:.2f} times as long' if form in ('plain', 'int8') else ''
            print(f'  {name:24} {value * 1e3:8.1f} ms{ratio}')
        print(f'  {"denoiser+encoder+decoder":24} {forward * 1e3:8.1f} ms')
        print(f'  step / forward: {seconds["posteriorStep"] / forward:.2f}')
    if args.profile:
        rows = profile(args.bundle, args.profile)
        total = sum(value for *_, value in rows)
        print(f'{args.profile}x{args.profile}, by operator')
        for name, count, value in rows:
            if value >= 0.005 * total:
                print(f'  {name:16} {count:4d} {value * 1e3:8.2f} ms {100 * value / total:5.1f} %')
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
