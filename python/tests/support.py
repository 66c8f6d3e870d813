"""What several tests need."""

import os

import numpy as np

import eplb

#: The folder tests/ of the project: recorded answers, and files as frameworks write them.
DATA = os.environ.get("EPLB_TEST_DATA") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests")

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]


def refused(case, kind, sentence, call, *args, **keywords):
    """`call` raises an EplbError that is also a `kind`, and whose text, one line, holds `sentence`."""
    with case.assertRaises(eplb.EplbError) as caught:
        call(*args, **keywords)
    case.assertIsInstance(caught.exception, kind)
    case.assertIn(sentence, str(caught.exception))
    case.assertNotIn("\n", str(caught.exception))


def loads(layers, experts, seed, sigma=1.0):
    """Lognormal token counts, int64 [layers, experts]."""
    return np.floor(np.random.default_rng(seed).lognormal(6, sigma, (layers, experts))).astype(np.int64)
