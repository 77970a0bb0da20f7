"""Two sources become a number: every input path, refusals, names, and the whole FID by hand."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch
from PIL import Image

from reference.frechet import naive_covariance, naive_distance_of_samples, naive_mean
from reference.inception import inception
from reference.resize import tf1_bilinear
from reference.weights import random_inception_weights
from ttur.data.dataset import DataSet
from ttur.evaluation import comparison, evaluate
from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.collector import Collector
from ttur.evaluation.evaluate import compare, fid
from ttur.evaluation.reference import statistics
from ttur.evaluation.statistics import Statistics
from ttur.features.extractors import Extractor, load_extractor


def save_images(images, folder: Path) -> Path:
    for index, image in enumerate(images):
        path = folder / f"class_{index // 10}" / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


@pytest.fixture(scope="module")
def shared_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(random_inception_weights(), path)
    return path


@pytest.mark.long  # the golden values of the peers say it of one side
def test_fid_on_shared_weights_is_the_transcription(shared_weights: Path):
    """Resize, scaling, network, moments, distance: float32 and float64, ours and by hand."""
    # Few pixels brought to 299 differ in shape and colour, so that the distance is no small rest.
    sides = [
        np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8),
        np.random.default_rng(1).integers(0, 256, (2, 3, 3, 3), dtype=np.uint8),
    ]
    network = load_extractor("inception", weights=shared_weights)
    weights = torch.load(shared_weights, weights_only=True)
    features, made = [], [statistics(side, network) for side in sides]
    for side, ours in zip(sides, made, strict=True):
        scaled = (tf1_bilinear(side, 299, np.float64) - 128) / 128
        features.append(inception(weights, torch.from_numpy(scaled).movedim(-1, 1))[0].numpy())
        mean, covariance = naive_mean(features[-1]), naive_covariance(features[-1])
        assert np.linalg.norm(ours.mean - mean) < 1e-5 * np.linalg.norm(mean)
        assert np.linalg.norm(ours.covariance - covariance) < 1e-5 * np.linalg.norm(covariance)
    ours = network(torch.from_numpy(sides[1]).movedim(-1, 1)).features.numpy()
    assert np.linalg.norm(ours - features[1]) < 1e-5 * np.linalg.norm(features[1])

    result = fid(*made)
    assert result.value == pytest.approx(naive_distance_of_samples(*features), rel=1e-5)
    digest = hashlib.sha256(shared_weights.read_bytes()).hexdigest()
    assert result.metric == f"fd_inception[{digest[:8]}]"


def test_every_input_path_gives_the_same_bits(images: np.ndarray, tiny: Extractor, tmp_path: Path):
    folder = save_images(images, tmp_path / "folder")
    shutil.make_archive(str(tmp_path / "archive"), "zip", folder)
    np.save(tmp_path / "array.npy", images)
    np.savez(tmp_path / "array.npz", images)
    card = {"splits": {"train": {"sha256": ""}}}
    expected = statistics(images, tiny)
    for source in (
        folder,
        str(folder),
        tmp_path / "archive.zip",
        tmp_path / "array.npy",
        tmp_path / "array.npz",
        torch.from_numpy(images).movedim(-1, 1),
        torch.from_numpy(images).movedim(-1, 1).contiguous(),
        DataSet("made_up", "train", images, None, card),
    ):
        made = statistics(source, tiny, batch_size=7)
        assert (made.mean == expected.mean).all()
        assert (made.covariance == expected.covariance).all()
        assert made.fingerprint == expected.fingerprint


def test_a_prepared_data_set_is_read_by_its_folder(tiny: Extractor, tmp_path: Path, images):
    from ttur.data.preparing.prepare import prepare

    folder = save_images(images, tmp_path / "folder")
    prepare("images", [folder], tmp_path / "data", target_name="mine", size=10)
    made = statistics(tmp_path / "data" / "mine", tiny)
    assert made.fingerprint == statistics(images, tiny).fingerprint


def test_the_data_fingerprint_is_of_the_pixels_in_any_order(images, tiny: Extractor):
    stated = statistics(images, tiny).fingerprint["data_sha256"]
    sides = np.array(images.shape[1:3], "<u8").tobytes()
    digests = [hashlib.sha256(sides + image.tobytes()).digest()[:8] for image in images]
    ordered = sorted(digests, key=lambda digest: int.from_bytes(digest, "little"))
    assert stated == hashlib.sha256(b"".join(ordered)).hexdigest()
    assert statistics(images[::-1], tiny).fingerprint["data_sha256"] == stated
    assert statistics(images[:-1], tiny).fingerprint["data_sha256"] != stated


@pytest.mark.parametrize("batch_size", [1, 7, 30, 100])
def test_the_batch_size_does_not_change_the_number(
    images, other_images, tiny: Extractor, batch_size: int
):
    expected = fid(images, other_images, extractor=tiny).value
    assert fid(images, other_images, extractor=tiny, batch_size=batch_size).value == expected


def test_images_of_several_sizes_are_resized_one_by_one(tiny: Extractor, tmp_path: Path):
    rng = np.random.default_rng(3)
    shapes = [(10, 10), (10, 10), (8, 8), (12, 9), (3, 30), (10, 10)]
    images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    folder = save_images(images, tmp_path / "mixed")
    alone = [tiny(torch.from_numpy(image).movedim(-1, 0)[None]).features for image in images]
    for batch_size in (2, 50):
        made = statistics(folder, tiny, batch_size=batch_size)
        assert (made.mean == torch.cat(alone).double().numpy().mean(axis=0)).all()
        assert made.fingerprint["quantisation"] == "uint8"


def test_several_sizes_need_an_extractor_with_a_size(tmp_path: Path):
    folder = save_images([np.zeros((4, 4, 3), np.uint8), np.ones((5, 5, 3), np.uint8)], tmp_path)
    sizeless = Extractor.of(lambda x: x.mean(dim=(2, 3)), name="colour", dimension=3)
    with pytest.raises(ValueError, match=r"images of one size.*give Extractor.of a size"):
        statistics(folder, sizeless)


def test_a_side_against_itself_is_zero(images, tiny: Extractor):
    assert fid(images, images[::-1].copy(), extractor=tiny).value < 1e-12


def test_a_known_distance():
    """Colour means shifted by 1, 2, 3 and nothing else: 1 + 4 + 9."""
    colour = Extractor.of(lambda x: x.mean(dim=(2, 3)), name="colour", dimension=3)
    a = np.random.default_rng(0).integers(0, 200, (50, 4, 4, 3), dtype=np.uint8)
    result = fid(a, a + np.array([1, 2, 3], np.uint8), extractor=colour)
    # Features are float32 means of up to 255: 1e-5 each, on a distance of 14.
    assert result.value == pytest.approx(14, abs=1e-3)
    assert result.metric == "fd_colour"


def test_the_result_says_what_was_measured(images, other_images, tiny: Extractor):
    result = fid(images, other_images, extractor=tiny)
    document = result.to_json()
    assert document["metric"] == "fd_patches"
    assert document["value"] == result.value > 0
    assert document["protocol"] == "tf1"
    assert document["counts"] == {"real": 30, "generated": 25}
    assert (
        document["fingerprints"]["real"]["data_sha256"]
        != (document["fingerprints"]["generated"]["data_sha256"])
    )
    assert document["mismatches"] == []
    assert [warning.split(":")[0] for warning in document["warnings"]] == [
        "generated",  # no level of its images is above the middle
        "counts",  # fewer than 5 images a feature
    ]


def test_a_metric_asked_for_twice_is_there_once(images, other_images, tiny: Extractor):
    made = evaluate.evaluate(images, other_images, "fid, precision_recall,fid", extractor=tiny)
    names = [measurement.metric for measurement in made.measurements]
    assert names == ["fd_patches", "precision_k3_patches", "recall_k3_patches"]


def test_unequal_counts_are_said_in_either_direction(images, other_images, tiny: Extractor):
    for a, b in ((images, other_images), (other_images, images)):
        (said,) = [w for w in fid(a, b, extractor=tiny).warnings if w.startswith("counts")]
        assert f"{len(a)} real and {len(b)} generated images are few" in said
    many = np.concatenate([images] * 3)  # 90: enough for 12 features
    (said,) = [w for w in fid(many, many[:-1], extractor=tiny).warnings if w.startswith("counts")]
    assert said.startswith("counts: 89 generated against 90 real images; the bias")


def test_each_side_may_have_its_range(images, other_images, tiny: Extractor):
    """ToTensor gives [0, 1], a tanh [-1, 1]; the same bits as of the uint8 images."""
    sides = images / 255, other_images / 127.5 - 1
    ranges = {"real": (0.0, 1.0), "generated": (-1.0, 1.0)}
    expected = fid(images, other_images, extractor=tiny)
    assert fid(*sides, extractor=tiny, value_range=ranges).value == expected.value
    drawn = Accumulator(sides[0], extractor=tiny, value_range=ranges, cache=False)
    drawn.update(torch.from_numpy(sides[1]).movedim(-1, 1))
    assert drawn.compute().first.value == pytest.approx(expected.value, rel=1e-9)
    with pytest.raises(ValueError, match="one for real and generated, got one for fake"):
        fid(*sides, extractor=tiny, value_range={"fake": (0.0, 1.0)})


def test_a_wrong_range_is_said_before_all_else(images, tiny: Extractor):
    said = fid(images / 255, images / 127.5 - 1, extractor=tiny, value_range=(0.0, 1.0)).warnings
    assert said[0].startswith("generated: ")
    assert "lay outside `value_range`" in said[0]


def test_messages_name_the_side(images, tiny: Extractor):
    with pytest.raises(ValueError, match=r"an? ndarray \(generated\): fid needs at least 2"):
        fid(images, images[:1], extractor=tiny)
    with pytest.raises(ValueError, match=r"real: expected uint8 images in an? ndarray, got float"):
        fid(images / 255, images, extractor=tiny)


def test_too_few_images_for_the_dimension_are_doubted(images, other_images, tiny: Extractor):
    warnings = fid(images, other_images[:12], extractor=tiny).warnings
    (few,) = [warning for warning in warnings if warning.startswith("counts: ")]
    assert few.startswith("counts: 30 real and 12 generated images are few (expected 60) and leave")


class TestStatisticsAsInput:
    @pytest.fixture
    def reference(self, images, tiny: Extractor, tmp_path: Path) -> Path:
        statistics(images, tiny).save(tmp_path / "reference.npz")
        return tmp_path / "reference.npz"

    def test_they_stand_for_their_images(self, images, other_images, reference, tiny):
        expected = fid(images, other_images, extractor=tiny)
        for side in (reference, Statistics.load(reference)):
            assert fid(side, other_images, extractor=tiny) == expected

    def test_two_of_them_need_no_extractor(
        self, images, other_images, reference, tiny, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(comparison, "load_extractor", None)
        statistics(other_images, tiny).save(tmp_path / "generated.npz")
        result = fid(reference, tmp_path / "generated.npz")
        assert result.value == fid(images, other_images, extractor=tiny).value
        assert "no samples" in result.details["no_interval"]

    def test_another_protocol_is_refused_before_an_image_is_read(
        self, reference, tiny_torch, tmp_path
    ):
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "a.png").write_bytes(b"no image")
        with pytest.raises(ValueError, match="protocol tf1 against torch"):
            fid(reference, tmp_path / "broken", extractor=tiny_torch)

    def test_another_extractor_is_refused_before_its_weights_are_loaded(
        self, reference, images, monkeypatch
    ):
        monkeypatch.setattr(comparison, "load_extractor", None)
        with pytest.raises(ValueError, match="extractor patches against inception"):
            fid(reference, images)

    def test_who_insists_gets_a_marked_number(self, images, other_images, tiny, tiny_torch):
        a, b = statistics(images, tiny), statistics(other_images, tiny_torch)
        with pytest.raises(ValueError, match="`allow_protocol_mismatch`"):
            compare(a, b)
        result = compare(a, b, allow_protocol_mismatch=True)
        assert result.protocol == "tf1 against torch"
        assert result.mismatches == (
            "protocol tf1 against torch",
            "scaling (x-128)/128 against x/127.5-1",
        )
        options: Any = {"allow_protocol_mismatch": True, "interval": False}
        assert fid(images, b, extractor=tiny, **options) == result

    def test_a_file_that_does_not_say_how_it_was_made_is_doubted(
        self, images, other_images, tiny, tmp_path
    ):
        made = statistics(images, tiny)
        np.savez(tmp_path / "plain.npz", mu=made.mean, sigma=made.covariance)
        result = fid(tmp_path / "plain.npz", other_images, extractor=tiny)
        assert result.value == fid(images, other_images, extractor=tiny).value
        assert result.counts == {"real": None, "generated": 25}
        assert "real: the statistics do not say how they were made" in result.warnings[1]
        unknown = fid(tmp_path / "plain.npz", tmp_path / "plain.npz")
        assert (unknown.metric, unknown.protocol) == ("fd_unknown", "unknown")

    def test_float_samples_compare_with_uint8_images(self, images, tiny):
        """Samples during training are not quantised; that is stated, and is no mismatch."""
        pixels = torch.from_numpy(images).movedim(-1, 1)
        collector = Collector(tiny)
        for batch in pixels.split(8):
            collector.update(batch.float())
        drawn = collector.side().statistics
        assert drawn.fingerprint["quantisation"] == "float"
        assert compare(statistics(images, tiny), drawn).value < 1e-12


class TestRefusals:
    def test_nothing_there_is_said_before_weights_are_loaded(self, images, monkeypatch):
        monkeypatch.setattr(comparison, "load_extractor", None)
        with pytest.raises(FileNotFoundError, match="no images at /nowhere"):
            fid(images, "/nowhere")

    def test_one_image(self, images, tiny, tmp_path):
        folder = save_images(images[:1], tmp_path / "single")
        with pytest.raises(ValueError, match=r"single \(generated\): .*at least 2 images, got 1"):
            fid(images, folder, extractor=tiny)

    @pytest.mark.parametrize(
        ("metrics", "said"),
        [
            ("kid", r"kid needs at least 1000 images, got 25; .*`kid_subset_size`"),
            ("precision_recall_k25", "precision_recall_k25 needs at least 26 images, got 25"),
            ("fid_infinity", "fid_infinity needs at least 48 images, got 25"),
            ("fid,is", "is needs at least 10 images, got 9"),
        ],
    )
    def test_too_few_images_are_refused_before_one_is_seen(self, images, tiny, metrics, said):
        def unseen(images):
            raise AssertionError("an image was seen")

        blind = Extractor.of(unseen, name="blind", dimension=12)
        generated = images[:9] if "is" in metrics.split(",") else images[:25]
        with pytest.raises(ValueError, match=said):
            evaluate.evaluate(np.repeat(images, 40, axis=0), generated, metrics, extractor=blind)

    def test_classes_that_are_missing_are_missed_at_the_first_batch(self, images):
        seen = []

        def colour(images):
            seen.append(1)
            return images.mean(dim=(2, 3))

        classless = Extractor.of(colour, name="colour", dimension=3)
        with pytest.raises(ValueError, match=r"need the logits of classes.*from colour"):
            evaluate.evaluate(
                Statistics(np.zeros(3), np.eye(3), 30, {}),
                *(images, "is"),
                extractor=classless,
                batch_size=2,
            )
        assert len(seen) == 1

    def test_statistics_of_another_dimension(self, images, tiny):
        with pytest.raises(ValueError, match=r"statistics of 12 features.*got 5"):
            fid(Statistics(np.zeros(5), np.eye(5), None, {}), images, extractor=tiny)

    def test_a_function_that_is_no_extractor_yet(self, images, monkeypatch):
        monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        with pytest.raises(ValueError, match=r"Extractor\.of"):
            fid(images, images, extractor=lambda x: x.mean(dim=(2, 3)))  # pyright: ignore

    @pytest.mark.parametrize("metrics", ["", (), "fid,,is", "fidd"])
    def test_metrics_that_are_none(self, images, tiny, metrics):
        with pytest.raises(ValueError, match=r"metric.*fid"):
            evaluate.evaluate(images, images, metrics, extractor=tiny)

    def test_an_empty_folder(self, images, tiny, tmp_path):
        with pytest.raises(ValueError, match=str(tmp_path)):
            fid(images, tmp_path, extractor=tiny)

    def test_a_corrupt_image_is_named(self, images, tiny, tmp_path):
        folder = save_images(images, tmp_path / "folder")
        damaged = folder / "class_1" / "015.png"
        damaged.write_bytes(damaged.read_bytes()[:60])
        with pytest.raises(ValueError, match=r"015\.png"):
            fid(images, folder, extractor=tiny)

    def test_a_corrupt_member_of_a_zip_is_named(self, images, tiny, tmp_path):
        folder = save_images(images[:2], tmp_path / "folder")
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            archive.write(folder / "class_0" / "000.png", "good.png")
            archive.writestr("bad.png", b"not a picture")
        with pytest.raises(ValueError, match=r"bad\.png"):
            fid(images, tmp_path / "images.zip", extractor=tiny)

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (np.zeros((3, 8, 8, 3), np.float32), "value_range"),
            (np.zeros((3, 3, 8, 8), np.uint8), "move the axes"),
            (torch.zeros(3, 3, 8, 8), "value_range"),
            (torch.zeros(3, 8, 8, 3, dtype=torch.uint8), "move the axes"),
        ],
    )
    def test_arrays_of_another_kind(self, images, tiny, wrong, said):
        with pytest.raises(ValueError, match=said):
            fid(images, wrong, extractor=tiny)

    def test_an_npz_of_something_else(self, images, tiny, tmp_path):
        np.savez(tmp_path / "labels.npz", labels=np.zeros(3))
        with pytest.raises(ValueError, match=r"arr_0.*labels\.npz"):
            fid(images, tmp_path / "labels.npz", extractor=tiny)

    @pytest.mark.parametrize("name", ["torn.npy", "torn.npz", "torn.zip"])
    def test_a_torn_file(self, images, tiny, tmp_path, name):
        (tmp_path / name).write_bytes(b"\x93NUMPY torn")
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            fid(images, tmp_path / name, extractor=tiny)

    def test_features_that_are_not_finite(self, images):
        broken = Extractor.of(lambda x: x.mean(dim=(2, 3)) * torch.nan, name="nan", dimension=3)
        with pytest.raises(ValueError, match="expected finite features"):
            fid(images, images, extractor=broken)

    def test_a_batch_of_nothing(self, images, tiny):
        with pytest.raises(ValueError, match="batch size of 1 or more, got 0"):
            fid(images, images, extractor=tiny, batch_size=0)
