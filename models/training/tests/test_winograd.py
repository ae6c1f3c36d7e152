"""The matrices of Winograd's filtering; what they make of convolutions is tested with the blocked layout."""

from __future__ import annotations

import numpy as np
import pytest

from semcast_training.cpu.winograd import POINTS, bias_factors, matrices, toom_cook


@pytest.mark.parametrize(
    ('outputs', 'taps', 'points'), [(4, 3, POINTS), (2, 3, (0.0, 1.0, -1.0)), (3, 2, (0.0, 1.0, 2.0))]
)
def test_toom_cook_is_correlation(outputs: int, taps: int, points: tuple[float, ...]) -> None:
    at, g, bt = toom_cook(points, outputs, taps)
    random = np.random.default_rng(1)
    signal, kernel = random.standard_normal(outputs + taps - 1), random.standard_normal(taps)
    np.testing.assert_allclose(at @ ((g @ kernel) * (bt @ signal)), np.correlate(signal, kernel, 'valid'), atol=1e-12)


def test_toom_cook_wants_distinct_points() -> None:
    with pytest.raises(ValueError, match='5 distinct points'):
        toom_cook((0, 1, -1, 2, 2), 4, 3)


def test_a_bias_reaches_all_outputs() -> None:
    outputs_of, _ = matrices()
    np.testing.assert_allclose(outputs_of @ bias_factors(), np.ones(4), atol=1e-6)
