"""Write golden-vectors.json: messages encoded by a second implementation of docs/adr/0001-wire-format.md.

Standard library only, and nothing shared with the TypeScript codec, so that both can't be wrong in the same way.

    python3 packages/wire/test/make_golden_vectors.py > packages/wire/test/golden-vectors.json
"""

import json
import struct
import zlib

KINDS = {"hello": 1, "welcome": 2, "frame": 3, "result": 4, "drop": 5, "ack": 6, "credit": 7, "error": 8, "bye": 9}


def pack(value, wide=False):
    """MessagePack in the shortest form, or (wide) in the longest that means the same."""
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if wide:
            return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
        if 0 <= value < 0x80:
            return struct.pack("B", value)
        if -0x20 <= value < 0:
            return struct.pack("b", value)
        for token, code, limit in ((0xCC, ">B", 2**8), (0xCD, ">H", 2**16), (0xCE, ">I", 2**32)):
            if 0 <= value < limit:
                return bytes([token]) + struct.pack(code, value)
        for token, code, limit in ((0xD0, ">b", 2**7), (0xD1, ">h", 2**15), (0xD2, ">i", 2**31)):
            if -limit <= value < 0:
                return bytes([token]) + struct.pack(code, value)
        # JavaScript has no integers beyond 32 bits but doubles.
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        if wide:
            return b"\xdb" + struct.pack(">I", len(data)) + data
        if len(data) < 32:
            return bytes([0xA0 | len(data)]) + data
        if len(data) < 2**8:
            return b"\xd9" + bytes([len(data)]) + data
        return b"\xda" + struct.pack(">H", len(data)) + data
    if isinstance(value, list):
        header = b"\xdd" + struct.pack(">I", len(value)) if wide else bytes([0x90 | len(value)])
        return header + b"".join(pack(item, wide) for item in value)
    if isinstance(value, dict):
        if wide:
            header = b"\xdf" + struct.pack(">I", len(value))
        elif len(value) < 16:
            header = bytes([0x80 | len(value)])
        else:
            header = b"\xde" + struct.pack(">H", len(value))
        return header + b"".join(pack(key, wide) + pack(item, wide) for key, item in value.items())
    raise TypeError(type(value))


def message(kind, head, payload=b"", wide=False):
    value = pack(head, wide)
    padded = b"\xc1" * (-len(value) % 8) + value
    prefix = b"SC" + bytes([4, KINDS[kind]]) + struct.pack("<II", len(padded), len(payload))
    return prefix + struct.pack("<I", zlib.crc32(prefix + padded + payload)) + padded + payload


def cf32(*parts):
    return struct.pack(f"<{len(parts)}f", *parts)


FRAME = {
    "stream": "cam-1",
    "frame": 4294967296,
    "width": 768,
    "height": 512,
    "cbr": "1/24",
    "channelUses": 2,
    "designCsnrDb": 7.5,
    "decoder": "jscc",
    "csi": "genie",
    "waveform": "single-carrier",
    "interleaved": True,
    "samples": {"format": "cf32_le", "count": 2},
    "impairment": {
        "model": "rayleigh-block",
        "snrDb": -3,
        "seed": 9007199254740991,
        "noiseVariance": 1.9952623149688795,
        "taps": [{"delay": 0, "coherence": 2, "count": 1}, {"delay": 1, "coherence": 1, "count": 2}],
    },
    "bundleDigest": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
}

PLAIN_FRAME = {
    "stream": "a",
    "frame": 0,
    "width": 1,
    "height": 20000,
    "cbr": "1/12",
    "channelUses": 3,
    "designCsnrDb": 10,
    "decoder": "jscc",
    "decoderOptions": {"steps": 20, "guidance": 0.5, "ddim": False, "start": "preview"},
    "deadlineMs": 1500,
    "csi": "none",
    "waveform": "other",
    "waveformOptions": {"pilots": 4, "windowed": True},
    "interleaved": False,
    "samples": {"format": "ci16_le", "count": 3, "scale": 0.0001220703125},
    "bundleDigest": "d",
}

RESULT = {
    "stream": "cam-1",
    "frame": 3,
    "stage": "final",
    "decoder": "hifi-diffcom",
    "image": {"format": "raw", "width": 2, "height": 1},
    "steps": 50,
    "csnrDb": {"configured": 5, "measured": 4.875, "estimated": None},
    "residual": 1.0625,
    "timingsMs": {"queue": 0.25, "preview": 12, "decode": 480.5, "total": 493},
    "reducedSteps": True,
    "lost": "block-error",
}

HELLO = {
    "protocol": 4,
    "token": "secret",
    "stream": "cam-1",
    "run": "8c5ad0d4-9ea0-4dbb-9a21-43cd2f5d6f0c",
    "attempt": 1764430000000,
    "role": "transmitter",
    "agent": "semcast/0.1.0",
    "decoder": "jscc",
    "csi": "genie",
    "sampleFormat": "cf32_le",
    "result": {"format": "webp"},
}

WELCOME = {
    "protocol": 4,
    "credits": 8,
    "limits": {"maxPayloadBytes": 67108864, "maxImagePixels": 16777216},
    "decoders": ["jscc", "hifi-diffcom"],
    "bundle": {"name": "natural", "version": "1.0.0", "digest": "d1"},
}

#        name, kind, head, payload, wide
CASES = [
    ("hello", "hello", HELLO, b"", False),
    ("welcome", "welcome", WELCOME, b"", False),
    ("frame, cf32 with taps", "frame", FRAME, cf32(0.5, -0.25, 1, 2, 0.0, -1.5, 0.25, 0, 0, 0.125), False),
    ("frame, ci16 with options", "frame", PLAIN_FRAME, struct.pack("<6h", 0, 1, -1, 32767, -32767, 256), False),
    ("result, raw", "result", RESULT, bytes([255, 0, 0, 0, 255, 1]), False),
    ("drop", "drop", {"stream": "cam-1", "frame": 255, "reason": "channel-loss", "detail": ""}, b"", False),
    ("ack", "ack", {"stream": "cam-1", "frame": 9007199254740991}, b"", False),
    ("credit", "credit", {"credits": 3}, b"", False),
    ("error", "error", {"code": "E_TOKEN", "message": "the hello carries no token", "remedy": "give one"}, b"", False),
    ("bye", "bye", {"stream": "cam-1"}, b"", False),
    ("hello in the longest forms", "hello", HELLO, b"", True),
    ("ack in the longest forms", "ack", {"stream": "cam-1", "frame": 9007199254740991}, b"", True),
]

vectors = []
for name, kind, head, payload, wide in CASES:
    vectors.append(
        {
            "name": name,
            "kind": kind,
            "head": head,
            "payload": payload.hex(),
            "message": message(kind, head, payload, wide).hex(),
            # Longer forms are read, not written.
            "encodes": not wide,
        }
    )
print(json.dumps(vectors, indent=2))
