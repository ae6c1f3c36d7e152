"""Command lines end with a sentence and an exit code, not a stack trace, when the user can do something about it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

EXPECTED = (OSError, ValueError, MemoryError, FloatingPointError)


def run_main(main: Callable[[], int]) -> int:
    """0 done, 1 ran and failed, 2 wrong usage (argparse), 130 stopped with Ctrl-C."""
    try:
        return main()
    except KeyboardInterrupt:
        return 130
    except EXPECTED as error:
        print(f'error: {error}', file=sys.stderr)
        return 1


def add_evaluation_arguments(parser: argparse.ArgumentParser, bfloat16: str) -> None:
    """What evaluations have in common; ``bfloat16`` says what that arithmetic does to the figures."""
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--bfloat16', action='store_true', help=bfloat16)
    parser.add_argument('--threads', type=int, help='CPU threads')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write the table as JSON')


def start_evaluation(args: argparse.Namespace) -> torch.device:
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    return torch.device(args.device)


def write_json(args: argparse.Namespace, result: dict[str, Any]) -> None:
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n')
