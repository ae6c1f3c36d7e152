"""The channels of throughput.ts in NumPy: seconds of processor time a frame, JSON in and out."""

import json
import sys
import time

import numpy as np

request = json.load(sys.stdin)
count, repeats = request["samples"], request["repeats"]
rng = np.random.default_rng(1)
FS, DOPPLER, SINUSOIDS = 10e6, 400.0, 32


def normal(n, variance=1.0):
    parts = rng.standard_normal(2 * n, dtype=np.float32) * np.float32(np.sqrt(variance / 2))
    return parts.view(np.complex64)


def noise(z):
    return z + normal(len(z), 0.1)


def delayed(z, taps):
    """Taps as (delay, gains of each sample or one)."""
    out = np.zeros_like(z)
    for delay, gains in taps:
        end = len(z) - delay
        out[delay:] += (gains if np.isscalar(gains) else gains[delay:]) * z[:end]
    return out


def block_taps(n):
    powers = np.exp(-np.arange(n) / 4)
    gains = normal(n) * np.sqrt(powers / powers.sum()).astype(np.float32)
    return [(delay, np.complex64(gains[delay])) for delay in range(n)]


def doppler_taps(n):
    powers = np.exp(-np.arange(n) / 4)
    powers /= powers.sum()
    coherence = int(FS / 100 / DOPPLER)
    t = (np.arange(-(-count // coherence)) + 0.5) * coherence / FS
    angle = 2 * np.pi * (np.arange(SINUSOIDS) + rng.random((n, SINUSOIDS)) - 0.5) / SINUSOIDS
    phase = 2 * np.pi * rng.random((n, SINUSOIDS, 1))
    gains = np.exp(1j * (2 * np.pi * DOPPLER * np.cos(angle)[..., None] * t + phase)).sum(axis=1)
    gains *= np.sqrt(powers / SINUSOIDS)[:, None]
    return [(delay, np.repeat(gains[delay].astype(np.complex64), coherence)[:count]) for delay in range(n)]


def cfo(z):
    return z * np.exp(2j * np.pi * 100 / FS * np.arange(len(z))).astype(np.complex64)


def phase_noise(z):
    steps = rng.standard_normal(len(z)) * np.sqrt(2 * np.pi * 100 / FS)
    return z * np.exp(1j * np.cumsum(steps)).astype(np.complex64)


def adc(z):
    limit = 4 * np.sqrt(np.mean(np.abs(z) ** 2) / 2)
    step = 2 * limit / 256
    parts = z.view(np.float32)
    return ((np.clip(np.floor(parts / step), -128, 127) + 0.5) * step).astype(np.float32).view(np.complex64)


CHAINS = {
    "awgn": noise,
    "rayleigh-fast": lambda z: noise(normal(count) * z),
    "tdl-exp, 8 taps": lambda z: noise(delayed(z, block_taps(8))),
    "tdl-exp, 8 taps, 400 Hz": lambda z: noise(delayed(z, doppler_taps(8))),
    "awgn, cfo": lambda z: noise(cfo(z)),
    "awgn, phase-noise": lambda z: noise(phase_noise(z)),
    "awgn, adc": lambda z: adc(noise(z)),
    "tdl-exp, cfo, phase-noise, adc": lambda z: adc(noise(phase_noise(cfo(delayed(z, block_taps(8)))))),
}

z = normal(count)
seconds = {}
for name in request["chains"]:
    if name not in CHAINS:
        continue
    times = []
    for _ in range(repeats):
        start = time.process_time()
        CHAINS[name](z)
        times.append(time.process_time() - start)
    seconds[name] = sorted(times)[repeats // 2]
json.dump({"numpy": np.__version__, "seconds": seconds}, sys.stdout)
