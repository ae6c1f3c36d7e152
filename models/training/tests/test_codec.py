from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from torch.nn import functional as F

from semcast_training.codec import (
    CodecConfig,
    Decoder,
    Encoder,
    EncoderGraph,
    awgn,
    clip_peaks,
    draw_conditions,
    normalise_power,
    prefix_mask,
    rayleigh,
    start_linear_paths,
)


@pytest.mark.parametrize(('batch', 'height', 'width'), [(1, 4, 4), (2, 8, 20), (3, 16, 12)])
def test_shapes(tiny: CodecConfig, batch: int, height: int, width: int) -> None:
    csnr_db, rate = torch.full((batch,), 7.0), torch.full((batch,), 0.5)
    latent = Encoder(tiny)(torch.zeros(batch, 3, height, width), csnr_db, rate)
    assert latent.shape == (batch, 8, height // 4, width // 4)
    assert Decoder(tiny)(latent, csnr_db, rate).shape == (batch, 3, height, width)


def test_default_rates() -> None:
    config = CodecConfig()
    assert config.stride == 16
    assert [config.cbr(c) for c in config.channels] == [
        Fraction(1, 48),
        Fraction(1, 24),
        Fraction(1, 16),
        Fraction(1, 12),
    ]


def test_config_refuses_odd_channels() -> None:
    with pytest.raises(ValueError, match='even'):
        CodecConfig(channels=(31,))


def test_power_is_one_per_complex_symbol_of_each_image() -> None:
    latent = torch.randn(4, 8, 6, 5) * torch.tensor([0.1, 1.0, 3.0, 20.0])[:, None, None, None]
    active = torch.tensor([2, 4, 6, 8])
    z = normalise_power(latent, prefix_mask(active, 8))
    symbols = z[:, 0::2].square() + z[:, 1::2].square()
    power = symbols.sum((1, 2, 3)) / (active / 2 * 30)
    assert torch.allclose(power, torch.ones(4), atol=1e-5)


def test_grouped_power_is_shared() -> None:
    latent = torch.randn(4, 8, 6, 5) * torch.tensor([1.0, 3.0, 1.0, 1.0])[:, None, None, None]
    z = normalise_power(latent, prefix_mask(torch.full((4,), 8), 8), group=2)
    power = 2 * z.square().mean((1, 2, 3))
    assert torch.allclose(power.view(2, 2).mean(1), torch.ones(2), atol=1e-5)
    assert power[1] > 5 * power[0]


def test_mask_is_a_prefix_and_inactive_channels_carry_nothing(tiny: CodecConfig) -> None:
    active = torch.tensor([2, 4, 8])
    mask = prefix_mask(active, 8)
    assert mask[:, :, 0, 0].tolist() == [[1] * 2 + [0] * 6, [1] * 4 + [0] * 4, [1] * 8]
    graph = EncoderGraph(Encoder(tiny))
    csnr_db = torch.full((3,), 5.0)
    z = graph(torch.randn(3, 3, 8, 8), csnr_db, active / 8, mask)
    received = awgn(z, mask, csnr_db, torch.randn_like(z))
    for tensor in (z, received):
        assert torch.all(tensor[0, 2:] == 0) and torch.all(tensor[1, 4:] == 0)
        assert tensor[0, :2].abs().min() > 0


def test_inactive_channels_do_not_reach_the_active_ones(tiny: CodecConfig) -> None:
    """With the condition held fixed, a lower rate sends the same symbols up to their common scale."""
    encoder = EncoderGraph(Encoder(tiny))
    image, csnr_db, rate = torch.randn(1, 3, 8, 8), torch.tensor([5.0]), torch.tensor([0.5])
    low = encoder(image, csnr_db, rate, prefix_mask(torch.tensor([4]), 8))[:, :4]
    high = encoder(image, csnr_db, rate, prefix_mask(torch.tensor([8]), 8))[:, :4]
    ratio = low / high
    assert torch.allclose(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-4)


def test_noise_has_the_variance_of_its_csnr() -> None:
    z = torch.zeros(2, 2, 200, 200)
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(1))
    received = awgn(z, torch.ones(2, 2, 1, 1), torch.tensor([0.0, 10.0]), noise)
    per_symbol = received.square().sum(1).mean((1, 2))
    assert torch.allclose(per_symbol, torch.tensor([1.0, 0.1]), rtol=0.02)


def test_fading_leaves_symbols_unbiased_with_the_error_that_the_decoder_is_told() -> None:
    random = torch.Generator().manual_seed(3)
    scale = torch.tensor([1.2, 1.2, 0.3, 0.3])[None, :, None, None]
    mean = torch.tensor([0.4, 0.0, 0.0, -0.2])[None, :, None, None]
    sent = scale * torch.randn(4, 4, 200, 200, generator=random) + mean
    sent = torch.cat([sent, sent[:, :2] * 0], 1)
    mask = prefix_mask(torch.full((4,), 4), 6)
    noise = torch.randn(sent.shape, generator=random)
    gain = torch.empty(4, 3, 200, 200).exponential_(generator=random)
    for csnr_db in (0.0, 10.0):
        received, told_db = rayleigh(sent, mask, torch.full((4,), csnr_db), noise, gain)
        error = (received - sent)[:, :4]
        # Of each symbol that was sent, the receiver gets this one on average: the slope over what was sent is 1.
        centred = (sent - sent.mean((0, 2, 3), keepdim=True))[:, :4]
        slope = ((received[:, :4] * centred).mean((0, 2, 3))) / centred.square().mean((0, 2, 3))
        assert torch.allclose(slope, torch.ones(4), atol=0.02)
        power = error.square().sum(1).mean((1, 2)) / 2
        assert torch.allclose(-10 * power.log10(), told_db, atol=0.1)
        assert received[:, 4:].abs().max() == 0


def test_gain_of_one_is_the_awgn_channel() -> None:
    random = torch.Generator().manual_seed(4)
    latent = torch.randn(2, 4, 8, 8, generator=random) / 2**0.5
    mask, csnr_db = prefix_mask(torch.tensor([4, 2]), 4), torch.tensor([3.0, 12.0])
    noise = torch.randn(latent.shape, generator=random)
    received, told_db = rayleigh(latent * mask, mask, csnr_db, noise, torch.ones(2, 2, 8, 8))
    assert torch.allclose(received, awgn(latent * mask, mask, csnr_db, noise), atol=1e-5)
    assert torch.allclose(told_db, csnr_db, atol=1e-4)


def test_clipping_limits_the_power_of_symbols_and_keeps_their_phases() -> None:
    latent = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5))
    clipped = clip_peaks(latent, 3.0)
    before, after = (torch.complex(t[:, ::2], t[:, 1::2]) for t in (latent, clipped))
    assert after.abs().max() == pytest.approx(10 ** (3 / 20), rel=1e-5)
    assert torch.allclose(after.angle(), before.angle(), atol=1e-5)
    small = before.abs() < 10 ** (3 / 20)
    assert torch.equal(after[small], before[small])


def test_level_pilot_undoes_the_normalisation() -> None:
    """A decoder can't see by what factor the symbols were scaled, except by the pilot: any factor decodes alike."""
    torch.manual_seed(0)
    config = CodecConfig(
        latent_channels=8, widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1, 1), channels=(4, 8)
    )
    encoder, decoder = Encoder(config), Decoder(config)
    images = torch.rand(16, 3, 32, 32) * 2 - 1
    start_linear_paths(encoder, decoder, images)
    csnr_db, rate = torch.full((2,), 10.0), torch.ones(2)
    latent = encoder(images[:2], csnr_db, rate)
    assert torch.allclose(latent[:, config.pilot_channel].mean((1, 2)), encoder.pilot.expand(2), atol=1e-5)
    decoded = decoder(latent, csnr_db, rate)
    # the condition sees the level as well, but fresh modulations ignore it
    assert torch.allclose(decoder(0.6 * latent, csnr_db, rate), decoded, atol=1e-4)
    assert not torch.allclose(decoder(latent + 0.3, csnr_db, rate), decoded, atol=1e-2)


def test_linear_paths_are_the_best_linear_code() -> None:
    """On Gaussian blocks with known variances the error of the code equals the closed form (Lee, Petersen 1976)."""
    torch.manual_seed(1)
    config = CodecConfig(
        latent_channels=8, patch=2, widths=(8,), encoder_blocks=(1,), decoder_blocks=(1,), channels=(8,)
    )
    encoder, decoder = Encoder(config), Decoder(config)
    variance = 0.5 ** torch.arange(12.0)
    basis, _ = torch.linalg.qr(torch.randn(12, 12))
    blocks = (torch.randn(200_000, 12) * variance.sqrt()) @ basis.T
    images = F.pixel_shuffle(blocks.T.reshape(1, 12, 400, 500), 2)
    start_linear_paths(encoder, decoder, images, csnr_db=10.0)
    noise = 0.05
    sent = encoder.linear.matrix(F.pixel_unshuffle(images, 2))
    assert sent.square().mean().item() == pytest.approx(0.5, rel=0.02)
    got = F.pixel_shuffle(decoder.linear.matrix(sent + noise**0.5 * torch.randn_like(sent)), 2)
    power = sent.square().mean((0, 2, 3))
    expected = (variance[:8] * noise / (power + noise)).sum() + variance[8:].sum()
    assert (got - images).square().mean().item() * 12 == pytest.approx(expected.item(), rel=0.02)


def test_conditions_cover_the_range_and_can_be_drawn_more_often_from_its_middle() -> None:
    config = CodecConfig()
    deviations = []
    for focus in (0.0, 0.5, 1.0):
        csnr_db, active = draw_conditions(config, torch.Generator().manual_seed(1), 4000, focus=focus)
        assert 0 <= csnr_db.min() < 1 and 19 < csnr_db.max() <= 20
        assert abs(float(csnr_db.mean()) - 10) < 0.05
        assert {int(c) for c in active} == set(config.channels)
        deviations.append(float(csnr_db.std()))
    # of uniform and triangular distributions of width 20
    assert abs(deviations[0] - 20 / 12**0.5) < 0.05 and abs(deviations[2] - 20 / 24**0.5) < 0.05
    assert deviations[2] < deviations[1] < deviations[0]
