"""OFDM in NumPy, as ofdm.ts has it timed: million symbols per second of one core, as JSON."""

import json
import sys
import time
from functools import partial

import numpy as np

config = json.loads(sys.argv[1])
size, prefix, taps, count = config['fftSize'], config['prefix'], config['taps'], config['count']
random = np.random.default_rng(1)


def complex_normal(*shape):
    return ((random.standard_normal(shape) + 1j * random.standard_normal(shape)) / np.sqrt(2)).astype(np.complex64)


symbols = complex_normal(count)
pilots = np.exp(0.5j * np.pi * random.integers(0, 4, size)).astype(np.complex64)
frames = -(-count // size)
delays = np.exp(-2j * np.pi * np.outer(np.arange(size), np.arange(taps)) / size)
profile = np.exp(-np.arange(taps) / 4)
profile /= profile.sum()


def modulate():
    padded = np.resize(symbols, frames * size).reshape(frames, size)
    body = np.fft.ifft(np.concatenate([pilots[None], padded]), norm='ortho', axis=1)
    return np.concatenate([body[:, size - prefix :], body], axis=1).astype(np.complex64).ravel()


def spectra(samples):
    return np.fft.fft(samples.reshape(-1, size + prefix)[:, prefix:], norm='ortho', axis=1)


def received(spectrum, gains, variance):
    y = spectrum[1:].ravel()[:count].astype(np.complex64)
    h = np.broadcast_to(gains, (frames, size)).ravel()[:count].astype(np.complex64)
    return y, h, np.broadcast_to(variance, (frames, size)).ravel()[:count].copy()


def genie(samples):
    impulse = np.zeros(size, complex)
    impulse[:taps] = np.exp(-np.arange(taps) / 4) + 0.1j
    return received(spectra(samples), np.fft.fft(impulse), 0.1)


def noise_of(spectrum):
    match = delays.conj().T @ (pilots.conj() * spectrum[0])
    least = np.linalg.solve(delays.conj().T @ delays, match)
    return match, np.sum(np.abs(spectrum[0] - pilots * (delays @ least)) ** 2) / (size - taps)


def ls(samples):
    spectrum = spectra(samples)
    noise = noise_of(spectrum)[1]
    return received(spectrum, spectrum[0] / pilots, 2 * noise)


def lmmse(samples):
    spectrum = spectra(samples)
    match, noise = noise_of(spectrum)
    inverse = np.linalg.inv(delays.conj().T @ delays + noise * np.diag(1 / profile))
    error = noise * np.einsum('kl,lm,km->k', delays, inverse, delays.conj()).real
    return received(spectrum, delays @ (inverse @ match), noise + error)


def rate_of(work):
    best = 0.0
    for _ in range(5):
        begin = time.process_time()
        for _ in range(config['rounds']):
            work()
        best = max(best, config['rounds'] * count / (time.process_time() - begin) / 1e6)
    return best


sent = modulate()
works = {'genie': genie, 'ls': ls, 'lmmse': lmmse}
rates = {'modulate': rate_of(modulate), **{name: rate_of(partial(work, sent)) for name, work in works.items()}}
print(json.dumps(rates))
