import hashlib
import json

import numpy as np
import pytest

from ttur.data.images.decode import Picture
from ttur.evaluation.audit import Audit
from ttur.evaluation.findings import contradictions, findings


def audited(images: np.ndarray, **facts) -> Audit:
    audit = Audit()
    for image in images:
        audit.add(Picture(image, **facts))
    return audit


def random_images(count: int, seed: int = 0, height: int = 4, width: int = 5) -> np.ndarray:
    shape = (count, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_the_digests_are_those_of_the_docstring():
    """Written out: SHA-256 over height and width as 64-bit numbers, then the rows of RGB."""
    (image,) = random_images(1)
    written = (4).to_bytes(8, "little") + (5).to_bytes(8, "little") + image.tobytes()
    short = hashlib.sha256(written).digest()[:8]
    audit = audited(image[None])
    assert audit.image_digests.tolist() == [int.from_bytes(short, "little")]
    assert audit.data_sha256 == hashlib.sha256(short).hexdigest()


def test_the_digest_of_the_data_knows_the_images_and_not_their_order():
    images = random_images(6)
    original = audited(images)
    assert audited(images[::-1]).data_sha256 == original.data_sha256
    assert audited(images[:3]).merge(audited(images[3:])).data_sha256 == original.data_sha256
    changed = images.copy()
    changed[2, 1, 1, 1] ^= 1
    assert audited(changed).data_sha256 != original.data_sha256
    assert audited(images.reshape(6, 5, 4, 3)).data_sha256 != original.data_sha256


def test_an_audit_survives_json_with_its_digests():
    audit = audited(random_images(3), format="PNG", mode="P", rotated=True)
    audit.skip("b.png", "truncated")
    audit.ignored["hidden"] += 2
    document = json.loads(json.dumps(audit.to_json()))
    again = Audit.from_json(document, audit.image_digests)
    assert again == audit
    assert again.to_json() == audit.to_json()
    assert document["skipped_files"] == [{"file": "b.png", "reason": "truncated"}]


def test_digests_of_other_images_are_refused():
    audit, other = audited(random_images(3)), audited(random_images(3, seed=1))
    with pytest.raises(ValueError, match="do not belong"):
        Audit.from_json(audit.to_json(), other.image_digests)
    with pytest.raises(ValueError, match="expected the audit"):
        Audit.from_json({"read": 3}, audit.image_digests)


def test_names_of_files_that_are_no_text_survive_json():
    audit = audited(random_images(1))
    audit.skip("\udc80.png", "torn")
    audit.ignored[".\udcff"] += 1
    document = json.loads(json.dumps(audit.to_json()))
    assert Audit.from_json(document, audit.image_digests) == audit


@pytest.mark.parametrize(
    ("field", "foreign", "named"),
    [
        *(("read", value, "read: ") for value in (-1, "3", True, 2.5, float("nan"), 10**30, None)),
        *(("sizes", {"5x4": value}, "sizes.5x4: ") for value in (-1, "3", True, 10**30)),
        ("formats", ["PNG"], "formats: "),
        ("skipped_files", [["a.png", "torn"]], "skipped_files.0: "),
        ("skipped_files", [{"file": "a.png"}], "skipped_files.0.reason: "),
        ("data_sha256", 3, "do not belong"),
    ],
)
def test_a_foreign_audit_is_refused_and_its_field_named(field, foreign, named):
    audit = audited(random_images(3))
    with pytest.raises(ValueError, match=named):
        Audit.from_json(audit.to_json() | {field: foreign}, audit.image_digests)
    document = audit.to_json()
    del document[field]
    with pytest.raises(ValueError, match="do not belong" if field == "data_sha256" else field):
        Audit.from_json(document, audit.image_digests)


def test_tables_and_lists_stay_short_and_the_counts_whole():
    audit = Audit()
    for side in range(2, 202):
        audit.add(Picture(np.zeros((side, 2, 3), np.uint8)))
        audit.skip(f"{side}.png", "torn")
    assert len(audit.sizes) == 51
    assert audit.sizes.total() == audit.read == audit.skipped == 200
    assert audit.sizes["other"] == 150
    assert len(audit.skipped_files) == 100
    assert len(json.dumps(audit.to_json())) < 10_000


def test_merging_counts_both():
    a = audited(random_images(2), format="PNG", transparent=True)
    b = audited(random_images(3, seed=1), format="JPEG", several_frames=True)
    b.skip("x.jpg", "torn")
    merged = a.merge(b)
    assert (merged.read, merged.skipped, merged.transparent, merged.several_frames) == (5, 1, 2, 3)
    assert merged.formats == {"PNG": 2, "JPEG": 3}
    assert (a.read, b.read) == (2, 3)


def test_audits_of_the_first_version_are_read():
    """They counted neither floats nor levels."""
    audit = audited(random_images(3))
    document = audit.to_json()
    for later in ("floats", "dark", "levels"):
        del document[later]
    again = Audit.from_json(document, audit.image_digests)
    assert again == audit
    assert again.levels.sum() == 0
    assert contradictions(again, audit) == []
    assert np.array_equal(again.merge(audit).levels, audit.levels)


def test_levels_of_small_images_are_counted_whole_and_survive():
    images = random_images(5, height=18, width=18)
    audit = audited(images[:2]).merge(audited(images[2:]))
    assert np.array_equal(audit.levels, np.bincount(images.ravel(), minlength=256))
    again = Audit.from_json(json.loads(json.dumps(audit.to_json())), audit.image_digests)
    assert np.array_equal(again.levels, audit.levels)


@pytest.mark.parametrize("side", [64, 96, 256, 299])
def test_levels_of_large_images_come_from_all_of_them(side):
    """Columns, rows and channels weigh alike, within the noise of a thousand values."""
    y, x, channel = np.indices((side, side, 3))
    for axis in (x * 4 // side, y * 4 // side, channel):
        (counts,) = [audited(axis[None].astype(np.uint8)).levels[: axis.max() + 1]]
        assert 500 < counts.sum() < 1200
        assert abs(counts / counts.sum() * len(counts) - 1).max() < 0.2


def ranged(low: float, high: float, **facts) -> Audit:
    images = random_images(20, height=16, width=16) / 255.0
    return audited(np.rint(low + images * (high - low)).astype(np.uint8), **facts)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 1, "generated: 20 of 20 images have no values but 0 and 1"),
        (0, 15, "generated: 20 of 20 images have no level of 16 or more"),
        (0, 63, "generated: hardly any value lies in the brighter half of the levels"),
        (128, 255, "generated: hardly any value lies in the darker half of the levels"),
        (60, 190, "real images use the levels 0 to 255, generated ones 60 to 190"),
    ],
)
def test_a_range_that_is_not_used_is_said(low, high, said):
    """[0, 1] cast to uint8; 12 and 14 bits in 16; [0, 1] called [-1, 1]; another range."""
    (sentence,) = contradictions(audited(random_images(20)), ranged(low, high))
    assert sentence.startswith(said)
    assert contradictions(ranged(0, 255), ranged(10, 250)) == []


def test_floats_that_use_half_their_range_are_asked_for_it():
    (sentence,) = contradictions(ranged(128, 255, floats=768), None)
    assert sentence.endswith("is `value_range` that of these floats?")


def test_a_few_dark_images_are_none_of_note():
    bright, dark = random_images(199, height=8), np.zeros((2, 8, 5, 3), np.uint8)
    assert contradictions(audited(np.concatenate([bright, dark[:1]])), None) == []
    assert len(contradictions(audited(np.concatenate([bright[:99], dark])), None)) == 1


def test_a_large_share_outside_the_range_is_said_once_and_as_a_contradiction():
    few, many = (audited(random_images(4), clipped=n, floats=1000) for n in (10, 11))
    assert contradictions(few, None) == []
    assert "40 values outside `value_range`" in findings(few, None)[0]
    (sentence,) = contradictions(many, None)
    assert sentence.startswith("real: 1.1% of the values lay outside `value_range`")
    assert findings(many, None) == []


def test_files_passed_over_are_named_where_they_are_many():
    audit = audited(random_images(19))
    audit.ignored.update({".txt": 1, "hidden": 30})
    assert findings(audit, None) == []  # 5 %
    audit.ignored.update({".svg": 2, "linked folder": 1})
    many, links = findings(audit, None)
    assert many.startswith("real: 3 files beside 19 images are no images that can be read here")
    assert many.endswith("(.svg 2, .txt 1)")
    assert links == "real: 1 links to folders outside, not followed; follow them by `follow_links`"


def test_nothing_odd_gives_no_sentence():
    assert findings(audited(random_images(4)), audited(random_images(3, seed=1))) == []
    assert findings(None, audited(random_images(3))) == []


def test_images_on_both_sides_are_counted():
    images = random_images(5)
    (sentence,) = findings(audited(images[:4]), audited(images[2:]))
    assert sentence.startswith("2 different images stand on both sides")


def test_one_image_on_both_sides_is_said_in_the_singular():
    images = random_images(5)
    (sentence,) = findings(audited(images[:3]), audited(images[2:]))
    assert sentence.startswith("1 image stands on both sides")


def test_repeated_images_are_counted():
    images = random_images(3)
    (sentence,) = findings(audited(images[[0, 1, 0, 0]]), audited(random_images(2, seed=1)))
    assert sentence == "real: 2 of 4 images repeat another one exactly"


def test_jpeg_against_png_is_said():
    real = audited(random_images(4), format="JPEG")
    generated = audited(random_images(3, seed=1), format="PNG")
    (sentence,) = findings(real, generated)
    assert sentence.startswith("4 of 4 real images are JPEG, 0 of 3 generated ones")
    assert findings(real, audited(random_images(3, seed=1), format="JPEG")) == []


def test_sizes_that_differ_are_said():
    real, generated = audited(random_images(3)), audited(random_images(3, seed=1, height=8))
    (sentence,) = findings(real, generated)
    assert "mostly 5x4, generated ones 5x8" in sentence
    odd = real.merge(audited(random_images(1, seed=2, height=9)))
    (sentence,) = [
        each for each in findings(audited(random_images(3, seed=3)), odd) if "both" in each
    ]
    assert sentence.startswith("images are mostly 5x4 on both sides, but 1 generated as 5x9 on one")
    mixed = audited(random_images(3)).merge(audited(random_images(1, seed=2, height=8)))
    assert findings(mixed, None) == [
        "real: images of several sizes, 5x4 (3), 5x8 (1); each was resized on its own"
    ]


def test_grey_against_colour_is_said():
    real, generated = audited(random_images(2), mode="L"), audited(random_images(2, seed=1))
    assert findings(real, generated) == ["2 of 2 real images are grey, 0 of 2 generated ones"]


def test_skipped_composited_and_clipped_are_said():
    audit = audited(random_images(2), transparent=True, clipped=7)
    audit.skip("folder/a.png", "torn")
    assert findings(None, audit) == [
        "generated: 1 of 3 images could not be read and were skipped; the first is folder/a.png",
        "generated: 2 images with transparency, composited on black",
        "generated: 14 values outside `value_range`, clipped to it",
    ]
