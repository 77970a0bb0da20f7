"""`ttur.compat.cleanfid`: named statistics, generators, refusals; for extras, beside clean-fid."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from compat.conftest import random_images, write_images
from ttur.compat.cleanfid import fid
from ttur.metrics.frechet import frechet_distance_of_samples

CPU = torch.device("cpu")


def patches(pixels: Tensor) -> Tensor:
    """12 features of resized pixels in 0..255, as a `custom_feat_extractor` gets them."""
    return torch.nn.functional.adaptive_avg_pool2d(pixels.double(), 2).flatten(1)


def options(**more: object) -> dict:
    return {
        "custom_feat_extractor": patches,
        "device": CPU,
        "num_workers": 0,
        "verbose": False,
    } | more


@pytest.mark.usefixtures("cheap_inception", "folders")
def test_statistics_have_names_and_stand_for_their_images(tmp_path):
    assert not fid.test_stats_exists("Mine", "clean")
    fid.make_custom_stats("Mine", "photos", num=18, verbose=False)
    for metric in ("FID", "KID"):
        assert fid.test_stats_exists("mine", "clean", metric=metric)
        assert not fid.test_stats_exists("mine", "legacy_pytorch", metric=metric)
    kept = {path.name for path in (tmp_path / "cache" / "cleanfid").iterdir()}
    assert kept == {"mine_clean_custom_na.npz", "mine_clean_custom_na_kid.npz"}
    write_images(tmp_path / "some", random_images(18, seed=0))
    by_name = fid.compute_kid("samples", dataset_name="mine", dataset_split="custom")
    # By folders, whose sides are drawn in another order: all 15 of 15, and the same 15 of 18.
    assert by_name == pytest.approx(fid.compute_kid("samples", "some"), rel=0.2)
    with pytest.raises(FileExistsError, match="remove_custom_stats first"):
        fid.make_custom_stats("mine", "photos")
    fid.remove_custom_stats("mine")
    assert not fid.test_stats_exists("mine", "clean")
    with pytest.raises(FileNotFoundError, match=r"make_custom_stats\('mine', FOLDER, mode='clean'"):
        fid.remove_custom_stats("mine")


@pytest.mark.parametrize("name", ["../mine", "a/b", "..", ".hidden", "", "a\\b", "mine\n", "ä" * 3])
def test_names_are_no_paths(name: str):
    for ask in (
        lambda: fid.test_stats_exists(name, "clean"),
        lambda: fid.remove_custom_stats(name),
        lambda: fid.make_custom_stats(name, "photos"),
    ):
        with pytest.raises(ValueError, match="expected a name of letters"):
            ask()


@pytest.mark.usefixtures("folders")
def test_published_statistics_are_refused_with_what_to_do_and_found_where_they_are_put(tmp_path):
    asked = options(dataset_name="FFHQ", dataset_res=256, dataset_split="trainval70k")
    with pytest.raises(FileNotFoundError, match="copy that file from the folder `stats` of clean-"):
        fid.compute_fid("samples", **asked)
    with pytest.raises(FileNotFoundError, match=r"ffhq_clean_train_1024\.npz"):
        fid.compute_fid("samples", **options())
    file = tmp_path / "cache" / "cleanfid" / "ffhq_clean_trainval70k_256.npz"
    file.parent.mkdir(parents=True)
    np.savez(file, mu=np.zeros(12), sigma=np.eye(12))
    assert fid.compute_fid("samples", **asked) > 12 * 50**2


def test_a_generator_is_asked_in_whole_batches_and_never_rounded(folders):
    made: list[Tensor] = []

    def gen(noise: Tensor) -> Tensor:
        assert noise.shape == (4, 8)
        made.append(noise)
        return (noise.abs()[:, :3, None, None] * 64).clamp(0, 255).expand(-1, 3, 12, 12)

    torch.manual_seed(3)
    value = fid.compute_fid(gen=gen, fdir2="photos", num_gen=6, z_dim=8, batch_size=4, **options())
    torch.manual_seed(3)
    noise = torch.cat([torch.randn(4, 8), torch.randn(4, 8)])
    assert torch.equal(torch.cat(made), noise)
    flat = (noise[:6].abs()[:, :3] * 64).clamp(0, 255).double()
    drawn = flat.repeat_interleave(4, dim=1).numpy()  # a flat image stays one, whatever its size
    real = fid.get_folder_features("photos", patches, device="cpu")
    expected = frechet_distance_of_samples(real.astype(np.float64), drawn)
    assert value == pytest.approx(expected, rel=1e-6)


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize("scale", [lambda x: x, lambda x: 2 * x - 1])
def test_generators_of_another_range_are_refused(scale):
    def gen(noise: Tensor) -> Tensor:
        return scale(torch.rand(len(noise), 3, 16, 16))

    with pytest.raises(ValueError, match=r"expected images in 0\.\.255 from `gen`, got floats"):
        fid.compute_fid(gen=gen, fdir2="photos", num_gen=6, z_dim=8, **options())


def test_folders_and_zips_are_the_same_and_hidden_files_are_left_out(folders: Path):
    expected = fid.compute_fid("samples", "photos", **options())
    deep = folders / "deep" / "a" / "b"
    shutil.copytree(folders / "photos", deep)
    write_images(folders / "deep" / ".hidden", random_images(2, seed=9))
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for file in sorted((folders / "photos").iterdir()):
            archive.write(file)
    for real in ("deep", "photos.zip"):
        assert fid.compute_fid("samples", real, **options()) == expected


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match="out of clean, legacy_pytorch, legacy_tensorflow"):
        fid.compute_fid("a", "b", mode="cleaner")
    with pytest.raises(ValueError, match="`model_name` inception_v3, got 'clip_vit_b_32'"):
        fid.compute_fid("a", "b", model_name="clip_vit_b_32")
    with pytest.raises(ValueError, match="expected `fdir1` or `gen`, got neither"):
        fid.compute_fid(**options())


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated")
@pytest.mark.parametrize("mode", fid.MODES)
def test_distances_are_those_of_clean_fid(folders: Path, peers, mode: str):
    """By a network of the user's; with `legacy_tensorflow` its images are not resized."""
    theirs = peers.cleanfid.fid.compute_fid("samples", "photos", mode=mode, **options())
    ours = fid.compute_fid("samples", "photos", mode=mode, **options())
    assert ours == pytest.approx(theirs, rel=1e-5)
    transformed = options(custom_image_tranform=lambda image: np.ascontiguousarray(image[2:-2]))
    theirs = peers.cleanfid.fid.compute_fid("samples", "photos", mode=mode, **transformed)
    ours = fid.compute_fid("samples", "photos", mode=mode, **transformed)
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.extras
def test_kid_is_that_of_clean_fid_after_its_seed(peers):
    real, fake = (np.random.default_rng(n).normal(n, 1, (50, 8)) for n in (0, 1))
    np.random.seed(0)  # noqa: NPY002 - clean-fid draws from it
    theirs = peers.cleanfid.fid.kernel_distance(fake, real, max_subset_size=20)
    rng = np.random.RandomState(0)
    ours = fid.kernel_distance(
        real, fake, subset_size=20, draw=lambda count, size: rng.choice(count, size, replace=False)
    )
    assert ours.mean == pytest.approx(theirs, rel=1e-9)
