"""Train the distilled decoder: the prior's denoiser, trained on so that one evaluation gives a picture.

    python -m semcast_training.train_distilled OUT.pt --start-from BUNDLE --codec BUNDLE --data FOLDER_OR_TARS...
        --squeezenet METRIC.onnx --vgg19 METRIC.onnx

The student has the denoiser's interface. Its picture is D(x_J + sigma n; sigma, x_J) with sigma = START_FACTOR times
its own ``decode_error`` at that CSNR and rate: the noise is what it makes detail from. The loss of a crop is

    w_s |D - x0|^2 / d^2 + w_g G(D - x0) / d^2 + w_q SqueezeNet distance + w_v VGG19 distance + w_t texture distance
        - w_c mean over critics

after ADD (Sauer et al. 2023), with hinge critics on frozen features of both networks and on pixels, and a perceptual
distance in place of the teacher's score. Critics see the one-shot decode too: they judge a picture given what came
through. G is the energy at the pixel grid's own frequencies (``grid_energy``), where the network's pixel shuffle leaves
artefacts that critics with strides learn slowly. The texture distance compares what windows of SqueezeNet's maps have
on average (``texture_distance``): how much texture there is, not where its strokes are. The feature networks get
windows at random positions: SqueezeNet's first layer has a stride of 2, and at a fixed position it is blind to a
checkerboard of that period, which the student then generates.

Stop with Ctrl-C: the state is saved, and `--resume` goes on. `--start-from` takes the distilled decoder of a bundle,
or its denoiser where it has none, or a checkpoint of this training, whose critics it keeps. `add_distilled` puts the
result into a bundle.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from .bundle_weights import load_codec
from .codec import Codec, draw_conditions, draw_gain
from .console import run_main
from .data import Photograph
from .evaluate_prior import mean_psnr, validation_crops
from .features import FeatureNetwork, feature_distance, load_features, unit_norm
from .loop import (
    WARMUP_STEPS,
    Phase,
    Trainer,
    add_arguments,
    add_fading_argument,
    check_arguments,
    choose_phases,
    load_data,
    read_beginning,
    train,
    trainer_settings,
)
from .prior import Denoiser, DenoiserConfig, hidden_kernels

#: Noise at the student's input as a multiple of ``decode_error``, which is measured on training crops and 1.27 to 1.63
#: times a bundle's RMSE table, measured on larger pictures: packages/posterior/src/samplers/distilled.ts therefore
#: takes 5.4 times the table for the same noise.
START_FACTOR = 4.0
#: Side of the windows that VGG19 gets: it costs as much per pixel as the student.
VGG19_WINDOW = 112
#: Maps of SqueezeNet that have a critic.
CRITIC_MAPS = (0, 1, 2, 4, 5)
CRITIC_LR = 3.0  # times the student's
LOSS = {'squared': 0.4, 'grid': 10.0, 'squeezenet': 32.0, 'vgg19': 3.0, 'texture': 0.0, 'critic': 0.7}
#: Maps of SqueezeNet whose textures are compared, each with the side of its windows: 32 pixels of the picture.
TEXTURE_WINDOWS = ((0, 16), (1, 8), (2, 4))
#: Windows with little in them count less: this share of the mean energy of all windows is added to each.
TEXTURE_FLOOR = 0.2
#: Side of the windows in which a grid is told from texture.
GRID_WINDOW = 8
#: Where least came through, there is most to invent: the lowest rates are drawn so many times as often as the others,
#: and a share u of the range of CSNRs is raised to this power. CSNRs near the middle of the range come a little more
#: often before that, see ``draw_conditions``.
RATE_TURNS = (3, 2)
CSNR_POWER = 1.5
CSNR_FOCUS = 0.3
VALIDATION_CROP, VALIDATION_LIMIT = 256, 24
VALIDATION_CSNR_DB = 5.0


def student_input(
    denoiser: Denoiser, x_j: Tensor, csnr_db: Tensor, rate: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(x, sigma, d): the noisy picture that the student starts from, its noise level, the RMSE of x_J."""
    deviation = denoiser.deviation(torch.ones_like(csnr_db), csnr_db, rate)
    sigma = START_FACTOR * deviation
    return x_j + sigma[:, None, None, None] * noise, sigma, deviation


def _head(channels: int, width: int = 96) -> nn.Sequential:
    norm = parametrizations.spectral_norm
    return nn.Sequential(
        norm(nn.Conv2d(channels, width, 1)),
        nn.LeakyReLU(0.2),
        norm(nn.Conv2d(width, width, 3, padding=1)),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 1, 1),
    )


class Critics(nn.Module):
    """Maps of values, higher for what looks like a photograph: one critic a feature map, and one on pixels (PatchGAN,
    Isola et al. 2017, whose first layer has no stride)."""

    def __init__(self, squeezenet: FeatureNetwork, vgg19: FeatureNetwork) -> None:
        super().__init__()
        norm = parametrizations.spectral_norm
        self.squeezenet = nn.ModuleList(_head(2 * squeezenet.channels[i]) for i in CRITIC_MAPS)
        self.vgg19 = nn.ModuleList(_head(c) for c in vgg19.channels[1:])
        widths = (32, 64, 128, 192)
        layers: list[nn.Module] = [norm(nn.Conv2d(6, widths[0], 3, padding=1)), nn.LeakyReLU(0.2)]
        for a, b in itertools.pairwise(widths):
            layers += [norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.pixels = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(
        self, squeezenet: list[Tensor], decoded: list[Tensor], vgg19: list[Tensor], picture: Tensor, x_j: Tensor
    ) -> list[Tensor]:
        values = [
            head(torch.cat([unit_norm(squeezenet[i]) * 8, unit_norm(decoded[i]) * 8], 1))
            for head, i in zip(self.squeezenet, CRITIC_MAPS, strict=True)
        ]
        values += [head(unit_norm(f) * 8) for head, f in zip(self.vgg19, vgg19[1:], strict=True)]
        return [v.float() for v in (*values, self.pixels(torch.cat([picture, x_j], 1)))]


def _freeze(module: nn.Module, frozen: bool) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(not frozen)


class DistilledTrainer(Trainer):
    """Student and critics."""

    kind = 'distilled'
    #: Photographs on a screen have mostly been made smaller than they were taken.
    half_scale = 0.8

    def __init__(
        self,
        config: DenoiserConfig,
        codec: Codec,
        features: dict[str, FeatureNetwork],
        *,
        loss: dict[str, float],
        fading: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(config, **settings)
        self.loss, self.fading = loss, fading
        self.codec = codec.to(self.device)
        turns = itertools.zip_longest(codec.config.channels, RATE_TURNS, fillvalue=1)
        channels = tuple(itertools.chain.from_iterable([active] * n for active, n in turns))
        self.conditions = replace(codec.config, channels=channels)
        self.squeezenet, self.vgg19 = (self.place(features[n]) for n in ('squeezenet', 'vgg19'))
        self.denoiser = self.networks['denoiser']
        self.critics = self.place(Critics(self.squeezenet, self.vgg19))
        self.use_muon(hidden_kernels(self.denoiser))
        self.critic_adam = torch.optim.AdamW(self.critics.parameters(), betas=(0.5, 0.95), weight_decay=0.0)
        self.critic_steps = 0  # since the critics were new
        self.parts: dict[str, float] = {}

    def train_step(self, pixels: Tensor, group: int, lr: float) -> float:
        """One update of student and critics; the loss is the student's."""
        random, on_device = self.generators()
        layout = torch.channels_last
        image = self.image(pixels)
        batch, side = len(image), image.shape[-1]
        conditions = draw_conditions(self.conditions, random, batch, group, CSNR_FOCUS)
        csnr_db, active = (t.to(self.device) for t in conditions)
        low, high = self.conditions.csnr_db_min, self.conditions.csnr_db_max
        csnr_db = low + (high - low) * ((csnr_db - low) / (high - low)) ** CSNR_POWER
        rate = active / self.codec.config.latent_channels
        channel_noise = torch.randn(self.codec.noise_shape(image), generator=on_device, device=self.device)
        noise = torch.randn(image.shape, generator=on_device, device=self.device)
        # A place for SqueezeNet anywhere within its strides, and one for VGG19 anywhere in the crop.
        top, left = torch.randint(0, 4, (2,), generator=random).tolist()
        window = min(VGG19_WINDOW, side)
        y0, x0 = torch.randint(0, side - window + 1, (2,), generator=random).tolist()
        shifted = (..., slice(top, side - 4 + top), slice(left, side - 4 + left))
        part = (..., slice(y0, y0 + window), slice(x0, x0 + window))

        def look(picture: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            return self.squeezenet(picture[shifted]), self.vgg19(picture[part])

        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)
        _freeze(self.critics, True)
        with autocast:
            with torch.no_grad():
                gain = draw_gain(self.fading, channel_noise, on_device)
                x_j, csnr_db = self.codec.transmit(image, csnr_db, active, channel_noise, group, gain)
                x_j = x_j.contiguous(memory_format=layout)
                true, decoded = look(image), self.squeezenet(x_j[shifted])
                x, sigma, deviation = student_input(self.denoiser, x_j, csnr_db, rate, noise)
            flag = torch.ones_like(csnr_db)
            picture = self.run['denoiser'](x.contiguous(memory_format=layout), sigma, x_j, flag, csnr_db, rate).float()
            made = look(picture)
            values = self.critics(made[0], decoded, made[1], picture, x_j)
        parts = {
            'squared': ((picture - image).square().mean((1, 2, 3)) / deviation.square()).mean(),
            'grid': (grid_energy(picture - image) / deviation.square()).mean(),
            'squeezenet': feature_distance(made[0], true[0], self.squeezenet.scale).mean(),
            'vgg19': feature_distance(made[1], true[1], self.vgg19.scale).mean(),
            'texture': texture_distance(made[0], true[0]).mean(),
            'critic': -torch.stack([v.mean() for v in values]).mean(),
        }
        warm = min(1.0, self.critic_steps / WARMUP_STEPS)  # new critics are random at first
        loss = sum(self.loss[name] * (warm if name == 'critic' else 1) * value for name, value in parts.items())
        student_loss = self.update(loss, lr, pixels)

        _freeze(self.critics, False)
        with autocast:
            fake = self.critics(
                [f.detach() for f in made[0]], decoded, [f.detach() for f in made[1]], picture.detach(), x_j
            )
            real = self.critics(true[0], decoded, true[1], image, x_j)
        hinge = torch.stack([F.relu(1 + a).mean() + F.relu(1 - b).mean() for a, b in zip(fake, real)]).mean()
        self.critic_adam.zero_grad(set_to_none=True)
        critic_lr = CRITIC_LR * lr * min(1.0, (self.critic_steps + 1) / 50)
        self.descend(hinge, [self.critic_adam], list(self.critics.parameters()), critic_lr)
        self.critic_steps += 1
        for name, value in {**parts, 'hinge': hinge}.items():
            self.parts[name] = 0.98 * self.parts.get(name, value.item()) + 0.02 * value.item()
        return student_loss

    def state(self, extra: dict[str, Any]) -> dict[str, Any]:
        critics = {'critics': self.critics.state_dict(), 'critic_adam': self.critic_adam.state_dict()}
        return super().state({**critics, 'critic_steps': self.critic_steps, **extra})

    def load(self, data: dict[str, Any]) -> None:
        super().load(data)
        self.critics.load_state_dict(data['training']['critics'])
        self.critic_adam.load_state_dict(data['training']['critic_adam'])
        self.critic_steps = data['training']['critic_steps']

    def validate(self, images: Sequence[Photograph]) -> tuple[str, dict[str, Any]]:
        student = self.averaged_networks()['denoiser']
        features = {'squeezenet': self.squeezenet, 'vgg19': self.vgg19}
        values = student_figures(student, self.codec, features, images, self.device)
        text = '  '.join(f'{name} {one:.4f} -> {two:.4f}' for name, (one, two) in values.items())
        return f'one-shot -> student at {VALIDATION_CSNR_DB:g} dB, lowest rate: {text}', values

    def describe(self, loss: float) -> str:
        return f'loss {loss:.3f} ' + ' '.join(f'{name} {value:.3f}' for name, value in self.parts.items())


def grid_energy(picture: Tensor) -> Tensor:
    """Mean square [B] of the amplitudes that a picture [B, 3, H, W] has in windows at the three highest frequencies of
    the grid: alternating rows, columns, and both. Of texture little is left, whose signs don't alternate for long."""
    height, width = picture.shape[-2:]
    rows = (1 - 2 * (torch.arange(height, device=picture.device) % 2)).to(picture)[:, None]
    columns = (1 - 2 * (torch.arange(width, device=picture.device) % 2)).to(picture)[None]
    waves = torch.cat([picture * rows, picture * columns, picture * rows * columns], 1)
    return 3 * F.avg_pool2d(waves, GRID_WINDOW, GRID_WINDOW // 2).square().mean((1, 2, 3))


def texture_distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Distance [B] of the textures of two pictures by their maps of SqueezeNet: squared differences of the mean and the
    deviation that each channel has in windows, relative to the second picture's. After the patch-wise texture loss of
    EnhanceNet (Sajjadi et al. 2017), which compares Gram matrices."""
    distances = []
    for i, window in TEXTURE_WINDOWS:
        mean, deviation = window_statistics(first[i], window)
        true_mean, true_deviation = window_statistics(second[i], window)
        difference = ((mean - true_mean).square() + (deviation - true_deviation).square()).sum(1)
        energy = (true_mean.square() + true_deviation.square()).sum(1)
        distances.append((difference / (energy + TEXTURE_FLOOR * energy.mean() + 1e-6)).mean((1, 2)))
    return torch.stack(distances).mean(0)


def window_statistics(features: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of features [B, C, H, W] in square windows that overlap by half."""
    features = features.float()
    mean = F.avg_pool2d(features, side, side // 2)
    variance = F.avg_pool2d(features.square(), side, side // 2) - mean.square()
    return mean, (variance.clamp_min(0) + 1e-2).sqrt()


def checkerboard(picture: Tensor) -> Tensor:
    """RMS [B] of what a picture [B, 3, H, W] has at the highest frequency in both directions."""
    kernel = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], device=picture.device).expand(3, 1, 2, 2) / 4
    return F.conv2d(picture, kernel, groups=3).square().mean((1, 2, 3)).sqrt()


def student_figures(
    student: Denoiser,
    codec: Codec,
    features: dict[str, FeatureNetwork],
    images: Sequence[Photograph],
    device: torch.device,
) -> dict[str, tuple[float, float]]:
    """Figures of (one-shot decode, student) on central crops, float32: PSNR in dB, distances, checkerboard relative to
    the original's."""
    crops = validation_crops(images, VALIDATION_CROP, VALIDATION_LIMIT)
    totals: dict[str, list[float]] = {}
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part in crops.split(4):
            image = part.to(device, memory_format=torch.channels_last)
            csnr_db = torch.full((len(image),), VALIDATION_CSNR_DB, device=device)
            active = torch.full_like(csnr_db, codec.config.channels[0])
            rate = active / codec.config.latent_channels
            channel_noise = torch.randn(codec.noise_shape(image), generator=random).to(device)
            noise = torch.randn(image.shape, generator=random).to(device)
            x_j = codec.one_shot(image, csnr_db, active, channel_noise)
            x, sigma, _ = student_input(student, x_j, csnr_db, rate, noise)
            picture = student(x, sigma, x_j, torch.ones_like(csnr_db), csnr_db, rate).clamp(-1, 1)
            for i, made in enumerate((x_j, picture)):
                figures = {'psnr': mean_psnr(made, image) * len(image)}
                for name, network in features.items():
                    distance = feature_distance(network(made), network(image), network.scale)
                    figures[name] = float(distance.sum())
                figures['grid'] = float((grid_energy(made) / grid_energy(image)).sqrt().sum())
                figures['checkerboard'] = float((checkerboard(made) / checkerboard(image)).sum())
                for name, value in figures.items():
                    totals.setdefault(name, [0.0, 0.0])[i] += value / len(crops)
    return {name: (one, two) for name, (one, two) in totals.items()}


def parse_loss(text: str) -> dict[str, float]:
    """'vgg19=3,critic=0.2' -> all weights, the others as in LOSS"""
    loss = dict(LOSS)
    for item in text.split(','):
        name, _, value = item.partition('=')
        if name not in loss:
            raise argparse.ArgumentTypeError(f'{item!r}: expected one of {", ".join(loss)}, as name=value')
        try:
            loss[name] = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f'{item!r}: not a number') from None
    return loss


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.train_distilled',
        description='Train the distilled decoder from a denoiser; Ctrl-C saves, --resume goes on.',
    )
    add_arguments(parser, 'distilled', example_phase='crop=192,batch=4,seconds=3600,lr=1e-4,decay=0.4')
    parser.add_argument(
        '--codec', required=True, metavar='CKPT_OR_BUNDLE', help='the frozen codec whose decodes are the condition'
    )
    for name in ('squeezenet', 'vgg19'):
        parser.add_argument(
            f'--{name}', type=Path, required=True, metavar='METRIC.onnx', help=f'graph of the {name} distance'
        )
    text = ','.join(f'{name}={value:g}' for name, value in LOSS.items())
    parser.add_argument(
        '--loss', type=parse_loss, default=dict(LOSS), metavar='SPEC', help=f'weights of the loss (default {text})'
    )
    add_fading_argument(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    check_arguments(parser, args)
    beginning = read_beginning(args, 'distilled')
    config = beginning.config
    if config is None:
        parser.error('--start-from is missing: the folder of a bundle whose network the student begins with')
    codec = load_codec(args.codec)
    stride = math.lcm(config.stride, codec.config.stride)
    default = [Phase(crop=192, batch=4, lr=1e-4, decay=0.4, seconds=args.hours * 3600)]
    phases, position = choose_phases(parser, args, default, beginning.checkpoint, stride)
    features = {name: load_features(getattr(args, name), name) for name in ('squeezenet', 'vgg19')}
    training, validation = load_data(args, VALIDATION_CROP)
    trainer = DistilledTrainer(config, codec, features, loss=args.loss, fading=args.fading, **trainer_settings(args))
    return train(args, trainer, beginning, phases, position, training, validation)


if __name__ == '__main__':
    raise SystemExit(run_main(main))
