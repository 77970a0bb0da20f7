"""Every extractor is the network and the weights its name says, and its numbers are named so."""

import copy
import json
import pickle
import socket
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import resources
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from reference.weights import random_inception_weights
from ttur.data.catalogue import load
from ttur.features import extractors
from ttur.features.compact import Compact
from ttur.features.designs import DESIGNS
from ttur.features.extractors import Extractor, load_extractor
from ttur.features.inception import Inception
from ttur.features.published import INCEPTION
from ttur.features.resize import PROTOCOLS, ResizeProtocol, half_pixel_bilinear, resize, scale
from ttur.runtime.digests import of_file as sha256_of

WEIGHTS = Path(str(resources.files("ttur.features") / "weights"))
EMBEDDED = ("digits", "cifar10")


def changed(monkeypatch: pytest.MonkeyPatch, name: str, **changes) -> None:
    """A design whose weights are said to be others."""
    design: Any = DESIGNS[name]
    weights = replace(design.weights, **changes)
    monkeypatch.setitem(DESIGNS, name, replace(design, weights=weights))


def pixels(count: int, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def made(name: str) -> dict:
    with safe_open(WEIGHTS / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["made"])


@pytest.fixture
def own_weights(tmp_path: Path) -> Path:
    """Random weights that fit the digits network, in a file of one's own."""
    torch.manual_seed(2)
    path = tmp_path / "own.pth"
    torch.save(Compact(width=16).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def random_inception(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(Inception().state_dict(), path)
    yield path
    path.unlink()  # 90 MB


class TestEmbedded:
    @pytest.mark.parametrize("name", EMBEDDED)
    def test_pinned_digests_are_those_of_the_shipped_files(self, name: str):
        path = WEIGHTS / f"{name}.safetensors"
        assert sha256_of(path) == DESIGNS[name].weights.sha256
        assert path.stat().st_size <= 3_000_000

    def test_digits_reach_their_recorded_accuracy(self):
        digits = load("digits", split="test")
        assert digits.labels is not None
        assert digits.sha256 == made("digits")["test_images_sha256"]
        logits = load_extractor("digits")(torch.tensor(digits.images).permute(0, 3, 1, 2)).logits
        hits = (logits.argmax(1) == torch.tensor(digits.labels)).sum().item()
        recorded = made("digits")["test_accuracy"] * len(digits.labels)
        assert recorded >= 0.98 * len(digits.labels)
        # Another processor may round one image at the border of two classes differently.
        assert abs(hits - recorded) <= 1

    def test_cifar10_was_recorded_as_good_enough(self):
        assert made("cifar10")["test_images"] == 10_000
        assert made("cifar10")["test_accuracy"] >= 0.85

    @pytest.mark.parametrize("name", EMBEDDED)
    def test_dimensions_are_as_said(self, name: str):
        extract = load_extractor(name)
        result = extract(pixels(3, side=20))
        assert result.features.shape == (3, extract.dimension)
        assert result.logits.shape == (3, 10)
        assert not result.features.requires_grad

    def test_a_changed_embedded_file_is_refused(self, monkeypatch: pytest.MonkeyPatch):
        changed(monkeypatch, "digits", sha256="0" * 64)
        with pytest.raises(ValueError, match=r"expected SHA-256 0000.*install the package again"):
            load_extractor("digits")


class TestPixels:
    def test_integer_and_float_pixels_give_the_same_bits(self):
        extract = load_extractor("digits")
        integer, floating = extract(pixels(5)), extract(pixels(5).float())
        assert torch.equal(integer.features, floating.features)
        assert torch.equal(integer.logits, floating.logits)

    def test_features_of_an_image_do_not_depend_on_its_batch(self):
        extract = load_extractor("digits")
        whole = extract(pixels(64)).features
        parts = torch.cat([extract(part).features for part in pixels(64).split(7)])
        backwards = extract(pixels(64).flip(0)).features.flip(0)
        # float32 convolutions sum in another order for another batch size.
        torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5 * whole.max().item())
        torch.testing.assert_close(backwards, whole, rtol=1e-5, atol=1e-5 * whole.max().item())

    @pytest.mark.parametrize(
        ("protocol", "black", "white"),
        [
            ("tf1", -1, 127 / 128),
            ("torch", -1, 1),
            ("clean", -1, 127 / 128),
            ("torch_antialias", -1, 127 / 128),
        ],
    )
    def test_the_network_sees_images_scaled_by_the_protocol(
        self, protocol: str, black: float, white: float
    ):
        extract = Extractor.of(
            lambda x: x.mean(dim=(2, 3)), name="mean", dimension=3, size=8, protocol=protocol
        )
        levels = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None]
        features = extract(levels.expand(2, 3, 16, 16)).features
        # Dyadic or exact in float32: bit for bit.
        assert torch.equal(features, torch.tensor([[-1] * 3, [white] * 3], dtype=torch.float32))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (torch.full((1, 3, 8, 8), -1.0), r"expected pixels in 0\.\.255, got -1 to -1"),
            (torch.full((1, 3, 8, 8), 255.5), r"got 255\.5"),
            (torch.full((1, 3, 8, 8), float("nan")), "got nan"),
            (torch.zeros(1, 1, 8, 8), r"\(batch, 3, height, width\).*\(1, 1, 8, 8\)"),
            (torch.zeros(1, 3, 1, 8), r"sides of 2 or more.*\(1, 3, 1, 8\)"),
        ],
        ids=["negative", "above", "nan", "grey", "one row"],
    )
    def test_what_is_not_pixels_is_refused(self, wrong: Tensor, message: str):
        with pytest.raises(ValueError, match=message):
            load_extractor("digits")(wrong)

    def test_white_images_resized_beforehand_are_still_pixels(self):
        white = resize(torch.full((1, 3, 37, 41), 255, dtype=torch.uint8), 47, "torch")
        assert 255 < white.max() < 255.001
        load_extractor("digits")(white)

    def test_no_image_gives_no_feature(self):
        assert load_extractor("digits")(pixels(0)).features.shape == (0, 64)


class TestNames:
    @pytest.mark.parametrize("name", EMBEDDED)
    def test_embedded_extractors_stand_in_the_name(self, name: str):
        extract = load_extractor(name)
        assert extract.fd_name == f"fd_{name}"
        assert extract.verified

    def test_a_fingerprint_tells_protocols_and_weights_apart(self, own_weights: Path):
        assert load_extractor("digits").fingerprint() == {
            "extractor": "digits",
            "weights_sha256": DESIGNS["digits"].weights.sha256,
            "protocol": "tf1",
            "scaling": "(x-128)/128",
            "size": 16,
            "precision": "float32",
        }
        fingerprints = [
            load_extractor("digits").fingerprint(),
            load_extractor("digits", protocol="torch").fingerprint(),
            load_extractor("digits", weights=own_weights).fingerprint(),
        ]
        assert len({json.dumps(fingerprint) for fingerprint in fingerprints}) == 3

    def test_other_weights_than_the_names_put_their_digest_into_it(self, own_weights: Path):
        extract = load_extractor("digits", weights=own_weights)
        assert extract.fd_name == f"fd_digits[{sha256_of(own_weights)[:8]}]"
        assert not extract.verified

    def test_the_names_own_weights_named_explicitly_are_still_its_own(self):
        extract = load_extractor("digits", weights=WEIGHTS / "digits.safetensors")
        assert extract.verified
        assert extract.fd_name == "fd_digits"

    def test_an_unknown_name_is_answered_with_the_closest(self):
        with pytest.raises(ValueError, match=r"got 'cifar'; did you mean cifar10"):
            load_extractor("cifar")

    def test_an_unknown_protocol_is_refused(self):
        message = "expected a protocol out of tf1, torch, clean, torch_antialias,.* got 'tf2'"
        with pytest.raises(ValueError, match=message):
            load_extractor("digits", protocol="tf2")
        with pytest.raises(ValueError, match=message):
            Extractor.of(lambda x: x, name="mine", dimension=1, protocol="tf2")


class TestInception:
    def test_weights_of_unknown_digest_never_give_fid(self, random_inception: Path):
        extract = load_extractor("inception", weights=random_inception)
        digest = sha256_of(random_inception)
        assert extract.fd_name == f"fd_inception[{digest[:8]}]"
        assert not extract.verified
        assert extract.fingerprint()["weights_sha256"] == digest
        result = extract(pixels(2, side=32))
        assert result.features.shape == (2, 2048)
        assert result.logits.shape == (2, 1008)
        assert result.spatial.shape == (2, 2023)

    @pytest.mark.parametrize("layer", [64, 192, 768])
    def test_an_earlier_layer_has_its_own_name_whatever_vouches_for_the_weights(
        self, random_inception: Path, monkeypatch: pytest.MonkeyPatch, layer: int
    ):
        name = f"inception_{layer}"
        changed(monkeypatch, name, sha256=sha256_of(random_inception))
        extract = load_extractor(name, weights=random_inception)
        assert (extract.fd_name, extract.verified) == (f"fd_{name}", True)
        result = extract(pixels(1, side=32))
        assert result.features.shape == (1, extract.dimension) == (1, layer)
        assert result.logits.shape == result.spatial.shape == (1, 0)
        assert extract.fingerprint()["extractor"] == name
        assert extract.device == torch.device("cpu")

    def test_weights_of_the_published_digest_give_the_plain_names(
        self, random_inception: Path, monkeypatch: pytest.MonkeyPatch
    ):
        changed(monkeypatch, "inception", sha256=sha256_of(random_inception))
        for protocol in ("tf1", "torch"):
            extract = load_extractor("inception", weights=random_inception, protocol=protocol)
            assert extract.verified
            assert extract.fd_name == "fid"

    def test_offline_without_weights_the_error_names_every_way_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        with socket.socket() as listener:  # closed again: nobody answers there
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        changed(monkeypatch, "inception", url=url)
        monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(ConnectionError) as error:
            load_extractor("inception")
        ways = ("name it by `weights`", "`extractor` cifar10", "`metric` fd_cifar10")
        for way in (*ways, "`metric` none", "copy it there", str(tmp_path)):
            assert way in str(error.value)

    def test_the_published_file_is_pinned_by_the_digest_in_its_own_name(self):
        # torch.hub convention: the first eight digits of the SHA-256 end the file's name.
        assert INCEPTION.name == f"pt_inception-2015-12-05-{INCEPTION.sha256[:8]}.pth"
        assert INCEPTION.url.endswith(f"/{INCEPTION.name}")


class TestPrecision:
    @pytest.fixture(scope="class")
    @classmethod
    def weights(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """Unlike torch's own initialisation, activations of order one: rounding shows."""
        path = tmp_path_factory.mktemp("weights") / "order-one.pth"
        torch.save(random_inception_weights(), path)
        yield path
        path.unlink()

    @pytest.mark.parametrize(
        "precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.long)]
    )
    def test_features_of_an_image_are_its_own_to_the_bit(self, weights: Path, precision: str):
        extract = load_extractor("inception", weights=weights, precision=precision)
        images = pixels(2, side=20)
        whole = extract(images).features
        assert whole.dtype == torch.float32
        alone = torch.cat([extract(image[None]).features for image in images])
        backwards = extract(images.flip(0)).features.flip(0)
        threads = torch.get_num_threads()
        torch.set_num_threads(3)
        shared = extract(images).features
        torch.set_num_threads(threads)
        for other in (alone, backwards, shared, extract(images.float()).features):
            assert torch.equal(other, whole)

    def test_bfloat16_is_near_and_stands_in_the_fingerprint(self, weights: Path):
        exact, short = (
            load_extractor("inception", weights=weights, precision=precision)
            for precision in ("float32", "bfloat16")
        )
        images = pixels(2, side=20)
        difference = (short(images).features - exact(images).features).norm()
        assert 5e-4 < difference / exact(images).features.norm() < 2e-2
        assert exact.fingerprint() | {"precision": "bfloat16"} == short.fingerprint()
        assert exact.fingerprint()["precision"] == "float32"

    @pytest.mark.parametrize(
        ("name", "precision", "message"),
        [
            ("inception", "float16", "out of float32, bfloat16, got 'float16'"),
            ("digits", "bfloat16", "for extractor digits a precision out of float32, got"),
        ],
    )
    def test_another_precision_is_refused_before_anything_is_read(
        self, name: str, precision: str, message: str, tmp_path: Path
    ):
        with pytest.raises(ValueError, match=message):
            load_extractor(name, precision=precision, weights=tmp_path / "nowhere.pth")


class TestFiles:
    def test_tensors_that_do_not_fit_are_named_with_their_shapes(self, tmp_path: Path):
        state = Compact(width=16).state_dict()
        state["head.weight"] = state["head.weight"].T
        state["head.offset"] = state.pop("head.bias")
        torch.save(state, tmp_path / "wrong.pth")
        with pytest.raises(ValueError) as error:
            load_extractor("digits", weights=tmp_path / "wrong.pth")
        for part in (
            "wrong.pth, got 3 that differ",
            "missing head.bias (10,)",
            "unexpected head.offset (10,)",
            "head.weight expected (10, 64), got (64, 10)",
        ):
            assert part in str(error.value)

    def test_a_file_of_another_network_is_not_listed_in_full(self, own_weights: Path):
        with pytest.raises(ValueError, match="and 506 more"):  # 472 missing, 42 unexpected, 8 shown
            load_extractor("inception", weights=own_weights)

    def test_both_file_formats_give_the_same_network(self, own_weights: Path, tmp_path: Path):
        state = torch.load(own_weights, weights_only=True)
        save_file(state, tmp_path / "own.safetensors")
        one = load_extractor("digits", weights=own_weights)(pixels(3))
        other = load_extractor("digits", weights=tmp_path / "own.safetensors")(pixels(3))
        assert torch.equal(one.features, other.features)

    def test_a_missing_file_is_named(self, tmp_path: Path):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.pth"):
            load_extractor("digits", weights=tmp_path / "nowhere.pth")

    @pytest.mark.parametrize(
        ("name", "likeness"),
        [
            ("torn.pth", "is torn"),
            ("torn.safetensors", "is torn"),
            ("empty.pth", "is empty"),
            ("text.pth", "is a text"),
            ("h.txt", "is a text"),  # to an unpickler "h" asks for a note that is not there
            ("page.pth", "is a page of HTML"),
            ("page.safetensors", "is a page of HTML"),
            ("lfs.pth", "is a pointer of Git LFS"),
            ("noise.pth", "is torn, or nothing that torch.save wrote"),
        ],
    )
    def test_what_is_not_a_file_of_weights_is_named(
        self, name: str, likeness: str, own_weights: Path, tmp_path: Path
    ):
        whole = own_weights.read_bytes()
        contents = {
            "torn": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"weights\n",
            "h": b"hello, these are notes\n",
            "page": b"\n<!DOCTYPE html><title>404</title>",
            "lfs": b"version https://git-lfs.github.com/spec/v1\n",
            "noise": bytes(range(256)),
        }
        (tmp_path / name).write_bytes(contents[name.split(".")[0]])
        with pytest.raises(ValueError, match=f"expected named tensors in .*{name}") as refused:
            load_extractor("digits", weights=tmp_path / name)
        assert f"it {likeness}" in str(refused.value)
        assert "weights_only" not in str(refused.value)  # torch's advice to run foreign code

    def test_a_file_with_more_than_tensors_is_named(self, tmp_path: Path):
        torch.save({"state_dict": {}, "epoch": 3}, tmp_path / "training.pth")
        with pytest.raises(ValueError, match=r"training\.pth.*module\.state_dict\(\)"):
            load_extractor("digits", weights=tmp_path / "training.pth")


def corner(x: Tensor) -> Tensor:
    return x.flatten(1)[:, :4]


def scripted(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():  # deprecated, and still given
        warnings.simplefilter("ignore")
        return torch.jit.script(network)


def weight_normed(network: Any, parametrised: bool) -> nn.Module:
    with warnings.catch_warnings():  # deprecated, and in many a network
        warnings.simplefilter("ignore")
        normed = nn.utils.parametrizations.weight_norm if parametrised else nn.utils.weight_norm
        normed(network[1])
    return network


def spectral_normed(network: Any) -> nn.Module:
    nn.utils.parametrizations.spectral_norm(network[1])
    return network.eval()


CHANGES: dict[str, Any] = {
    "half": lambda network: network.half(),
    "bfloat16": lambda network: network.bfloat16(),
    "double": lambda network: network.double(),
    "script": scripted,
    "weight norm": partial(weight_normed, parametrised=False),
    "parametrised": partial(weight_normed, parametrised=True),
    "spectral norm": spectral_normed,
    "DataParallel": nn.DataParallel,
}


class TestOnesOwn:
    def test_a_function_of_raw_pixels_is_an_extractor(self):
        extract = Extractor.of(lambda x: x.flatten(1)[:, :4], name="corner", dimension=4)
        result = extract(pixels(2))
        assert torch.equal(result.features, pixels(2).flatten(1)[:, :4].float())
        assert result.logits.shape == (2, 0)
        assert extract.fd_name == "fd_corner"
        assert extract.fingerprint()["scaling"] == "none"

    def test_a_module_is_named_by_its_weights_and_kept_as_it_was(self):
        torch.manual_seed(4)
        linear = nn.Linear(3 * 8 * 8, 5)
        module = nn.Sequential(nn.Flatten(), nn.Dropout(), linear)
        extract = Extractor.of(module, name="mine", dimension=5, size=8)
        before = extract(pixels(6))
        assert torch.equal(before.features, extract(pixels(6)).features)  # no dropout
        with torch.no_grad():
            linear.weight.zero_()
        assert module.training
        assert torch.equal(before.features, extract(pixels(6)).features)
        assert extract.fd_name == f"fd_mine[{extract.weights_sha256[:8]}]"
        retrained = Extractor.of(module, name="mine", dimension=5, size=8)
        assert retrained.fd_name != extract.fd_name

    def test_features_and_logits_both_come_through(self):
        network = Compact(width=2, classes=7)
        extract = Extractor.of(network, name="both", dimension=8, size=16)
        assert extract(pixels(3)).logits.shape == (3, 7)

    @pytest.mark.parametrize(
        ("network", "output"),
        [
            (lambda x: corner(x)[..., None, None], None),
            (lambda x: [corner(x)[..., None, None]], None),
            (lambda x: (corner(x),), None),
            (lambda x: (corner(x), x[:, 0, 0], x[:, 0, 1]), None),
            (lambda x: {"x_norm_clstoken": corner(x)}, None),
            (lambda x: {"features": corner(x), "logits": x[:, 0, 0], "patches": None}, None),
            (lambda x: {"patches": x, "x_norm_clstoken": corner(x)}, "x_norm_clstoken"),
            (lambda x: [x, corner(x)], 1),
            (lambda x: SimpleNamespace(pooled=corner(x)), "pooled"),
            (lambda x: corner(x).numpy(), None),
            (lambda x: corner(x).double(), None),
            (lambda x: corner(x).half(), None),
        ],
    )
    def test_every_plain_form_of_output_is_taken(self, network: Any, output: str | int | None):
        extract = Extractor.of(network, name="mine", dimension=4, output=output)
        result = extract(pixels(3))
        assert torch.equal(result.features, corner(pixels(3)).float())
        assert {result.features.dtype, result.logits.dtype} == {torch.float32}

    def test_one_number_an_image_is_one_feature(self):
        extract = Extractor.of(lambda x: x.mean((1, 2, 3)), name="mean", dimension=1)
        assert extract(pixels(3)).features.shape == (3, 1)

    @pytest.mark.parametrize(
        ("network", "output", "message"),
        [
            (lambda x: x, None, r"\(2, 4\).*got \(2, 3, 16, 16\); average a map"),
            (lambda x: x.mean((1, 2, 3)), None, r"got \(2,\); return a row for each image"),
            (lambda x: [x, x], None, r"a list of 2; say by `output`"),
            (lambda x: (corner(x),) * 4, None, r"a tuple of 4; say by `output`"),
            (lambda x: (corner(x), x), None, r"logits of shape \(2, any\).*\(2, 3, 16, 16\)"),
            (lambda x: {"a": x, "b": x}, None, r"a dict of 'a', 'b'; name the entry by `output`"),
            (lambda x: {"a": x}, "c", r"an output 'c' of the network, got a dict of 'a'"),
            (lambda x: [x], 1, r"an output 1 of the network, got a list"),
            (lambda x: None, None, r"a tensor or array of real numbers as features, got None"),
            (lambda x: corner(x) * 1j, None, r"real numbers as features, got a tensor of"),
        ],
    )
    def test_what_is_not_plain_is_refused(self, network: Any, output: Any, message: str):
        extract = Extractor.of(network, name="mine", dimension=4, output=output)
        with pytest.raises(ValueError, match=message):
            extract(pixels(2))

    @pytest.mark.parametrize("change", CHANGES)
    def test_networks_are_fed_in_their_own_numbers_and_pickle(self, change: str):
        """And the original is left as it was."""
        torch.manual_seed(5)
        network: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).eval()
        network = CHANGES[change](network)
        dtype = next(network.parameters()).dtype
        scaled = scale(pixels(3, side=8).float(), "tf1").to(dtype)
        expected = network(scaled).detach().float()  # computes what has a graph, too
        extract = Extractor.of(network, name="mine", dimension=4, size=8)
        assert torch.equal(extract(pixels(3, side=8)).features, expected)
        assert torch.equal(network(scaled).detach().float(), expected)
        for other in (copy.deepcopy(extract), pickle.loads(pickle.dumps(extract))):
            assert torch.equal(other(pixels(3, side=8)).features, expected)
            assert other.fingerprint() == extract.fingerprint()

    def test_another_dimension_than_declared_is_refused(self):
        extract = Extractor.of(lambda x: x.flatten(1), name="flat", dimension=4)
        with pytest.raises(ValueError, match=r"\(2, 4\) from extractor flat, got \(2, 768\)"):
            extract(pixels(2))

    def test_our_names_are_taken(self):
        with pytest.raises(ValueError, match="a name of your own, got 'inception'"):
            Extractor.of(lambda x: x, name="inception", dimension=1)


OWN = """
from functools import partial
from ttur.features import extractors
from ttur.features.compact import Compact
from ttur.features.designs import DESIGNS, Design
from ttur.features.extractors import Extractor
import dataclasses

Mine = dataclasses.replace(
    DESIGNS["digits"], protocols=("clean", "tf1"), own_name=lambda kind: kind
)
colour = Extractor.of(lambda x: x.mean(dim=(2, 3)), name="colour", dimension=3)

def made():
    return Mine

digits = Mine
number = 3
"""


class TestFromOutside:
    @pytest.fixture(autouse=True)
    def module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        (tmp_path / "own_networks.py").write_text(OWN)
        monkeypatch.syspath_prepend(tmp_path)
        yield
        sys.modules.pop("own_networks", None)

    @pytest.mark.parametrize("name", ["Mine", "made"])
    def test_a_design_is_loaded_as_ours_are_and_named_apart(self, name: str):
        """With the same weights, and though it claims plain names: they are Inception's."""
        mine = load_extractor(f"own_networks:{name}")
        assert mine.fd_name == f"fd_{name}"
        assert mine.protocol == "clean"  # the first of its own
        ours = load_extractor("digits", protocol="clean")
        assert torch.equal(mine(pixels(3)).features, ours(pixels(3)).features)
        assert load_extractor(f"own_networks:{name}", protocol="tf1").protocol == "tf1"
        with pytest.raises(ValueError, match="a protocol out of clean, tf1, got 'torch'"):
            load_extractor(f"own_networks:{name}", protocol="torch")

    def test_an_extractor_is_taken_as_it_is(self):
        assert load_extractor("own_networks:colour").fd_name == "fd_colour"
        with pytest.raises(ValueError, match=r"made with protocol tf1.*no other `protocol`"):
            load_extractor("own_networks:colour", protocol="clean")

    def test_an_entry_point_gives_its_name(self, monkeypatch: pytest.MonkeyPatch):
        entry = EntryPoint("theirs", "own_networks:Mine", extractors.GROUP)
        monkeypatch.setattr(extractors, "entry_points", lambda group: [entry])
        assert load_extractor("theirs").fd_name == "fd_theirs"
        with pytest.raises(
            ValueError, match=r"out of inception, .*, cifar10, .*, theirs, .*theirs\?"
        ):
            load_extractor("thiers")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("own_networks:digits", "a name of your own, got 'digits', which is one of ours"),
            (
                "own_networks:number",
                "a Design or an Extractor from .*:number, got an int",
            ),
            ("own_networks:nothing", "has no attribute 'nothing'"),
            ("no_networks:Mine", "No module named 'no_networks'"),
            ("own_networks:", "expected an extractor out of"),
        ],
    )
    def test_what_is_none_is_named(self, name: str, said: str):
        with pytest.raises(ValueError, match=said):
            load_extractor(name)


def test_a_new_protocol_is_one_row(monkeypatch: pytest.MonkeyPatch):
    """Of mean and deviation by channel, as networks of photographs are fed."""
    row = ResizeProtocol(
        partial(half_pixel_bilinear, antialias=True),
        scaling="(x/255-mean)/std",
        unit=255.0,
        mean=(0.5, 0.25, 0.0),
        standard_deviation=(0.25, 0.5, 1.0),
        whose="photographers",
    )
    monkeypatch.setitem(PROTOCOLS, "photographs", row)
    design = replace(DESIGNS["digits"], protocols=("tf1", "photographs"))
    monkeypatch.setitem(DESIGNS, "digits", design)
    extract = load_extractor("digits", protocol="photographs")
    assert extract.fingerprint()["scaling"] == "(x/255-mean)/std"
    white = torch.full((1, 3, 4, 4), 255.0)
    assert scale(white, "photographs")[0, :, 0, 0].tolist() == [2, 1.5, 1]
    with pytest.raises(ValueError, match="out of tf1, photographs, got 'photos'"):
        load_extractor("digits", protocol="photos")


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("def broken(:", "name", "SyntaxError"),
        ("raise KeyError('x')", "name", "KeyError: 'x'"),
        ("def name(): raise RuntimeError('boom')", "name", "RuntimeError: boom"),
        ("def name(width): return width", "name", "missing 1 required positional argument"),
    ],
)
def test_an_extractor_whose_own_code_fails_is_named(tmp_path, monkeypatch, text, name, reason):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "failing_extractor.py").write_text(text + "\n")
    monkeypatch.delitem(sys.modules, "failing_extractor", raising=False)
    with pytest.raises(ValueError, match=f"at failing_extractor:{name}, got .*{reason}"):
        load_extractor(f"failing_extractor:{name}")


def test_autocast_around_changes_no_feature():
    """It surrounds whoever evaluates within a training loop; the fingerprint says float32."""
    digits = load_extractor("digits", device="cpu")
    pixels = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    expected = digits(pixels)
    with torch.autocast("cpu", torch.bfloat16):
        got = digits(pixels)
    assert torch.equal(got.features, expected.features)
    assert torch.equal(got.logits, expected.logits)
