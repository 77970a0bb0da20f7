"""The commands that measure images: what they print, write and answer to mistakes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ttur.data.published.digits import digits
from ttur.evaluation.selftest import closed_forms
from ttur.evaluation.selftest.check import Check, Fact


@pytest.fixture
def sides(tmp_path) -> None:
    """`a.npy` and, of other digits, the folder `b` of PNG files."""
    pixels = digits().images
    np.save(tmp_path / "a.npy", pixels[:400])
    (tmp_path / "b").mkdir()
    for index, image in enumerate(pixels[700:1000]):
        Image.fromarray(image).save(tmp_path / "b" / f"{index:03}.png")


@pytest.mark.usefixtures("sides")
class TestEvaluate:
    WORDS = "evaluate a.npy b --extractor digits --device cpu --kid-subset-size 50"

    def test_several_metrics_in_one_json_document(self, ttur):
        metrics = "fid,fid_infinity,is,ind,kid,precision_recall_k4,density_coverage"
        code, out, err = ttur(f"{self.WORDS} --metrics {metrics} --json")
        assert code == 0, err
        document = json.loads(out)
        values = {made["metric"]: made["value"] for made in document["metrics"]}
        assert list(values) == [
            *("fd_digits", "fd_infinity_digits", "is_digits", "ind_digits", "kid_digits"),
            *("precision_k4_digits", "recall_k4_digits"),
            *("density_k5_digits", "coverage_k5_digits"),
        ]
        assert values["ind_digits"] == 300 - values["is_digits"]
        assert document["counts"] == {"real": 400, "generated": 300}
        assert document["audit"]["generated"]["formats"] == {"PNG": 300}
        code, out, err = ttur("fid a.npy b --extractor digits --device cpu --json")
        alone = json.loads(out)
        assert alone["value"] == values["fd_digits"]
        assert alone["interval"]["low"] <= alone["interval"]["estimate"]

    def test_a_table_for_people(self, ttur):
        code, out, err = ttur(f"{self.WORDS} --metrics fid,kid")
        assert code == 0, err
        heading, first, second, last = out.splitlines()
        assert heading.split()[:2] == ["metric", "value"]
        assert first.startswith("fd_digits")
        assert re.search(r"without the bias of so few images \S+ \(95% interval \S+ to", first)
        assert "standard error" in second
        assert last == "(protocol tf1; real 400, generated 300)"
        assert "generated: 300 read; PNG 300; RGB 300; 16x16 300" in err

    def test_an_extractor_of_ones_own_lies_in_the_folder(self, ttur, tmp_path: Path):
        (tmp_path / "networks_of_mine.py").write_text(
            "from ttur.features.extractors import Extractor\n"
            "colour = Extractor.of(lambda x: x.mean(dim=(2, 3)), name='colour', dimension=3)\n"
        )
        code, out, err = ttur("fid a.npy b --extractor networks_of_mine:colour --json")
        assert code == 0, err
        assert json.loads(out)["metric"] == "fd_colour"

    def test_all_names_are_listed_where_none_is_given(self, ttur):
        for option, name in (("metrics", "modes"), ("protocol", "clean"), ("extractor", "cifar10")):
            code, _, err = ttur(f"evaluate a.npy b --{option} ?")
            assert code == 2
            assert name in err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("--metrics fid,kidd", "did you mean kid"),
            ("--metrics kid --kid-subset-size 350", "350"),
            ("--metrics precision_recall_k0", "1 to 9999 neighbours in precision_recall_k0"),
            ("--interval knife", "by influence or jackknife, or none (False), got 'knife'"),
            ("--value-range 1", "expected --value-range as LOW,HIGH"),
            ("--value-range 0,1/-1,1/0,1", "expected --value-range as LOW,HIGH"),
            ("--protocol tf2", "expected a protocol out of tf1"),
            ("--on-error ignore", "expected --on-error fail or skip"),
        ],
    )
    def test_mistakes_are_one_line_and_exit_code_2(self, ttur, words, said):
        code, out, err = ttur(f"{self.WORDS} {words}")
        assert (code, out) == (2, "")
        assert said in err.splitlines()[-1]
        assert err.splitlines()[-1].startswith("error: ")

    def test_warnings_and_remarks_speak_of_flags(self, ttur, tmp_path: Path):
        np.save(tmp_path / "f.npy", digits().images[:50] / 255)
        (tmp_path / "b" / "more").symlink_to(tmp_path.parent, target_is_directory=True)
        words = "fid f.npy b --extractor digits --value-range=-1,1 --on-error skip"
        code, _, err = ttur(words)
        assert code == 0, err
        assert "is --value-range that of these floats?" in err
        assert "follow them by --follow-links" in err

    def test_the_interval_is_by_influence_by_the_jackknife_or_none(self, ttur):
        words = "fid a.npy b --extractor digits --device cpu --json"
        found = {}
        for way in ("", "--interval influence", "--interval jackknife", "--interval none"):
            code, out, err = ttur(f"{words} {way}")
            assert code == 0, err
            found[way] = json.loads(out)
        assert len({made["value"] for made in found.values()}) == 1
        plain, influence, jackknife, none = (made["interval"] for made in found.values())
        assert plain == influence != jackknife
        assert none is None
        assert plain["high"] == pytest.approx(jackknife["high"], rel=0.2)
        _, out, _ = ttur(f"{words} --no-interval")
        assert json.loads(out) == found["--interval none"]
        code, _, err = ttur(f"{words} --interval knife")
        assert code == 2
        assert "expected an --interval by influence or jackknife" in err

    def test_a_score_of_one_side_and_features_that_are_saved(self, ttur):
        code, out, err = ttur("evaluate b --metrics is --extractor digits --device cpu --json")
        assert code == 0, err
        (score,) = json.loads(out)["metrics"]
        for side in ("a.npy", "b"):
            code, out, err = ttur(f"features {side} {side[0]}-features.npz --extractor digits")
            assert code == 0, err
            assert "images, digits, protocol tf1" in out
        words = "--metrics fid,is,kid --kid-subset-size 100 --extractor digits --json"
        _, out, _ = ttur(f"evaluate a.npy b {words}")
        code, saved, err = ttur(f"evaluate a-features.npz b-features.npz {words}")
        assert code == 0, err
        expected = json.loads(out)["metrics"]
        assert json.loads(saved)["metrics"] == expected
        assert expected[1] == score

    def test_classes_are_folders_on_both_sides(self, ttur, tmp_path: Path):
        images = np.load("a.npy")
        for side, start in (("c", 0), ("d", 150)):
            for index in range(100):
                folder = tmp_path / side / ("even", "odd")[index % 2]
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(images[start + index]).save(folder / f"{index}.png")
        (tmp_path / "d" / "odd").rename(tmp_path / "d" / "other")
        words = "evaluate c d --metrics fid --per-class --extractor digits --device cpu"
        code, out, err = ttur(f"{words} --json")
        assert code == 0, err
        made = json.loads(out)
        assert list(made["classes"]) == ["even"]
        _, out, _ = ttur("fid c/even d/even --extractor digits --device cpu --no-cache --json")
        assert made["mean"] == {"fd_digits": json.loads(out)["value"]}
        assert made["lacking"] == {"real": ["other"], "generated": ["odd"]}

    def test_each_side_has_its_range_and_links_are_followed(self, ttur, tmp_path: Path):
        np.save("floats.npy", np.load("a.npy") / 255)
        (tmp_path / "links").mkdir()
        for file in sorted((tmp_path / "b").iterdir()):
            (tmp_path / "links" / file.name).symlink_to(file)
        (tmp_path / "links" / "notes.txt").touch()
        options = "--extractor digits --device cpu --no-interval"
        code, expected, _ = ttur(f"fid a.npy b {options}")
        code, _, err = ttur(f"fid floats.npy links {options} --value-range 0,1/-1,1")
        assert code == 2
        assert "generated: " in err
        assert "follow links by --follow-links" in err
        words = f"{options} --value-range 0,1/-1,1 --follow-links"
        code, out, err = ttur(f"fid floats.npy links {words}")
        assert (code, out) == (0, expected), err
        assert "passed over: .txt 1" in err

    def test_a_damaged_image_is_skipped_on_request_and_counted(self, ttur, tmp_path: Path):
        (tmp_path / "b" / "007.png").write_bytes(b"no image")
        code, _, err = ttur("fid a.npy b --extractor digits --device cpu")
        assert code == 2
        assert "007.png: it is none of" in err
        assert err.endswith("or pass over such images by --on-error skip\n")
        code, out, err = ttur("fid a.npy b --extractor digits --device cpu --on-error skip --json")
        assert code == 0
        audit = json.loads(out)["audit"]["generated"]
        assert (audit["read"], audit["skipped"]) == (299, 1)
        assert audit["skipped_files"][0]["file"].endswith("007.png")
        assert "1 of 300 images could not be read" in err


@pytest.mark.usefixtures("sides")
def test_the_disturbance_study_writes_figures_and_tables(ttur, tmp_path: Path):
    code, out, err = ttur(
        "disturb a.npy --contamination b --extractor digits --samples 20 --device cpu --out study"
    )
    assert code == 0, err
    assert "salt and pepper" in out
    written = {path.name for path in (tmp_path / "study").iterdir()}
    assert {"fid_and_ind.png", "figure_3.png", "disturbances.csv", "disturbances.json"} <= written


class TestSelftest:
    def test_what_holds_exits_with_0(self, ttur, monkeypatch):
        fact = Check("one is one", lambda installation: Fact(1.0, 1.0, 0.0))
        monkeypatch.setattr("ttur.evaluation.selftest.run.checks", lambda: (fact,))
        code, out, _ = ttur("selftest --device cpu")
        assert code == 0
        assert "passed" in out
        assert "1 check: 1 passed, 0 skipped, 0 failed" in out

    def test_what_fails_exits_with_1_and_is_named(self, ttur, monkeypatch):
        lie = Check("one is two", lambda installation: Fact(2.0, 1.0, 0.5))
        monkeypatch.setattr("ttur.evaluation.selftest.run.checks", lambda: (lie,))
        code, out, _ = ttur("selftest --device cpu --json")
        document = json.loads(out)
        assert (code, document["failed"]) == (1, 1)
        assert document["checks"][0]["name"] == "one is two"
        assert document["checks"][0]["got"] == 1.0

    def test_real_checks_are_made(self, ttur, monkeypatch):
        monkeypatch.setattr("ttur.evaluation.selftest.run.checks", lambda: closed_forms.CHECKS[1:])
        code, out, err = ttur("selftest --device cpu --json")
        assert code == 0, out + err
