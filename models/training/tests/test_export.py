from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import toy_trio
from PIL import Image
from torch import Tensor, nn

from semcast_training.codec import Codec, CodecConfig, Decoder, Encoder
from semcast_training.data import Photograph
from semcast_training.evaluate import pad_to_stride, psnr_table, rmse_table
from semcast_training.export import (
    check_graph,
    codec_specs,
    export_graph,
    main,
    our_trio,
    round_weights,
    write_bundle,
)
from semcast_training.onnx_files import WeightStore
from semcast_training.parity import MAX_BLOB_BYTES, ParityCase, max_differences, read_parity, sha256_of, write_parity

RMSE = {'csnrDb': [0.0], 'cbr': ['1/48'], 'values': [[0.1]]}


def trained(network: nn.Module) -> nn.Module:
    """Random weights everywhere: the initial ones are zero in places, which would hide mistakes."""
    random = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        if parameter.ndim == 0:
            continue  # the level pilot, which is never zero
        parameter.data.copy_(
            torch.randn(parameter.shape, generator=random) * (0.5 / max(parameter[0].numel(), 1) ** 0.5)
        )
    return network.eval().requires_grad_(False)


def test_bundle(tmp_path: Path, tiny: CodecConfig) -> None:
    # kernels large enough to be stored as float16, and convolutions wide enough for forms for the CPU
    wide = replace(tiny, widths=(24, 96))
    encoder, decoder = trained(Encoder(wide)), trained(Decoder(wide))
    round_weights(encoder)
    round_weights(decoder)
    trio = our_trio(Codec(wide, encoder, decoder))
    write_bundle(tmp_path, trio, lambda _: None, name='tiny', version='1.2.3', rmse=RMSE)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {
        'bundle.json',
        'encoder.onnx',
        'encoder.cpu.onnx',
        'encoder.weights',
        'decoder.onnx',
        'decoder.cpu.onnx',
        'decoder.weights',
        'parity.json',
        'parity.bin',
    }
    manifest = json.loads((tmp_path / 'bundle.json').read_text())
    assert manifest['format'] == 1 and manifest['stride'] == 4 and manifest['latentChannels'] == 8
    assert manifest['rates'] == [
        {'cbr': '1/48', 'channels': 2},
        {'cbr': '1/24', 'channels': 4},
        {'cbr': '1/12', 'channels': 8},
    ]
    forms = [graph['cpu'] for graph in manifest['graphs'].values()]
    for entry in (*manifest['graphs'].values(), *forms, *manifest['weights'], manifest['parity']):
        assert sha256_of(tmp_path / entry['file']) == entry['sha256']
    cases = read_parity(tmp_path)
    assert [c.graph for c in cases] == ['encoder', 'encoder', 'decoder', 'decoder']
    for case in cases:
        for file in (tmp_path / f'{case.graph}.onnx', tmp_path / f'{case.graph}.cpu.onnx'):
            assert max_differences(file, [case])[0] <= manifest['parity']['tolerance']

    model = onnx.load(tmp_path / 'encoder.onnx')
    onnx.checker.check_model(model)
    sizes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*model.graph.input, *model.graph.output)
    }
    assert sizes == {
        'image': ['batch', 3, '4*rows', '4*columns'],
        'csnr_db': ['batch'],
        'rate': ['batch'],
        'mask': ['batch', 8, 1, 1],
        'latent': ['batch', 8, 'rows', 'columns'],
    }
    stored = {
        onnx.TensorProto.DataType.Name(i.data_type)
        for i in model.graph.initializer
        if len(i.dims) == 4 and np.prod(i.dims) >= 1024
    }
    assert stored == {'FLOAT16'}
    assert str(Path(__file__).parents[1]).encode() not in model.SerializeToString()


def test_the_command_says_what_comes_next(
    tmp_path: Path,
    photographs: list[Photograph],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    codec = replace(toy_trio.build(), denoiser=None)
    monkeypatch.setattr(toy_trio, 'build', lambda: codec)
    Image.fromarray(photographs[2].pixels).save(tmp_path / 'photograph.png')
    out = tmp_path / 'my models' / 'toy'
    out.parent.mkdir()
    source = [str(tmp_path / 'photograph.png'), '--rmse-size', '64']
    assert main(['toy_trio:build', str(out), '--rmse-images', *source]) == 0
    manifest = json.loads((out / 'bundle.json').read_text())
    assert (manifest['name'], [rate['cbr'] for rate in manifest['rates']]) == ('toy', ['1/48', '1/16'])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"next, in semcast's own folder: npx semcast doctor --bundle '{out}'"


def test_a_name_that_no_service_takes_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['toy_trio:build', str(tmp_path / 'my bundle'), '--rmse-images', str(tmp_path)])
    assert '"my bundle" is no name of a bundle' in capsys.readouterr().err


def test_unrounded_weights_stay_float32(tmp_path: Path, tiny: CodecConfig) -> None:
    wide = replace(tiny, widths=(24, 32))
    spec = codec_specs(our_trio(Codec(wide, trained(Encoder(wide)), trained(Decoder(wide)))))[1]
    path = export_graph(spec, tmp_path, WeightStore(tmp_path))
    _, difference = check_graph(spec, [path], [(1, 2, 3)])
    assert difference < 1e-4
    model = onnx.load(path)
    assert {i.data_type for i in model.graph.initializer if len(i.dims) == 4} == {onnx.TensorProto.FLOAT}


def test_a_differing_graph_is_refused(tmp_path: Path, tiny: CodecConfig) -> None:
    encoder, decoder = trained(Encoder(tiny)), trained(Decoder(tiny))
    spec = codec_specs(our_trio(Codec(tiny, encoder, decoder)))[1]
    path = export_graph(spec, tmp_path, WeightStore(tmp_path))
    decoder.stem.bias.data.add_(0.01)
    with pytest.raises(ValueError, match='differs from PyTorch'):
        check_graph(spec, [path], [(1, 2, 2)])


def test_weights_that_float16_cannot_hold() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.data[0, 0] = 1e6
    with pytest.raises(ValueError, match='float32'):
        round_weights(layer)


def test_parity_has_a_limit_and_a_hash(tmp_path: Path) -> None:
    values = np.zeros(MAX_BLOB_BYTES // 4, np.float32)
    write_parity([ParityCase('a', {'x': values}, {})], tmp_path)
    with pytest.raises(ValueError, match='smaller images'):
        write_parity([ParityCase('a', {'x': values}, {'y': values[:1]})], tmp_path)
    blob = bytearray((tmp_path / 'parity.bin').read_bytes())
    blob[5] ^= 1
    (tmp_path / 'parity.bin').write_bytes(blob)
    with pytest.raises(ValueError, match='hash'):
        read_parity(tmp_path)


def test_psnr_and_rmse_of_known_codecs(tiny: CodecConfig, photographs: list[Photograph]) -> None:
    class Constant(nn.Module):
        def forward(self, latent: Tensor, _csnr_db: Tensor, _rate: Tensor) -> Tensor:
            return torch.zeros(latent.shape[0], 3, latent.shape[2] * 4, latent.shape[3] * 4)

    grey = [Photograph('grey', np.full((10, 14, 3), 255, np.uint8))]
    cpu = torch.device('cpu')
    codec = Codec(tiny, Encoder(tiny).eval(), Constant())
    # grey 0 is 127.5, rounded to 128: error 127 of 255
    table = psnr_table(codec, grey, [10.0], [2, 8], cpu)
    assert table[0] == pytest.approx([20 * np.log10(255 / 127)] * 2, abs=1e-6)
    rmse = rmse_table(codec, grey, 8, [0.0, 10.0], cpu)
    assert rmse == {'csnrDb': [0.0, 10.0], 'cbr': ['1/48', '1/24', '1/12'], 'values': [[1.0] * 3] * 2}


def test_padding_reflects_where_it_can() -> None:
    assert pad_to_stride(torch.zeros(1, 3, 5, 8), 4).shape == (1, 3, 8, 8)
    assert pad_to_stride(torch.ones(1, 3, 1, 1), 16).shape == (1, 3, 16, 16)
    image = torch.arange(6.0).reshape(1, 1, 1, 6).expand(1, 3, 4, 6)
    assert pad_to_stride(image, 4)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
