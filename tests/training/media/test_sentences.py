import copy
from typing import Any

import numpy as np
import pytest
import torch

from configurations import CPU
from reference import ngrams
from reference.ngrams import divergence
from ttur.data.catalogue import load_text
from ttur.data.vocabulary import Sentences
from ttur.experiments.registry import experiment
from ttur.runtime.randomness import stream
from ttur.training import media
from ttur.training.assembling import networks_of, parts_of
from ttur.training.config import TrainingConfig
from ttur.training.contracts import Evaluator
from ttur.training.drawing import Drawing
from ttur.training.game import TwoPlayerGame
from ttur.training.media.sentences import SentenceScoring, likeliest, lines

CARD = {"splits": {"train": {"sha256": ""}}}
VOCABULARY = ("unk", "`", "a", "b", "c", "d")


def nothing() -> None:
    pass


def counts(codes: np.ndarray, order: int) -> dict[ngrams.Ngram, int]:
    return ngrams.counts(codes.tolist(), order)


def sentences(count: int, seed: int = 0) -> Sentences:
    codes = np.random.default_rng(seed).integers(0, 6, (count, 8), dtype=np.uint8)
    return Sentences("made up", "train", codes, VOCABULARY, CARD)


class Reciter(torch.nn.Module):
    """Answers the latent n with the probabilities of the nth of some sentences, nearly sure."""

    def __init__(self, codes: np.ndarray):
        super().__init__()
        self.codes = torch.from_numpy(codes).long()

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.eye(6)[self.codes[latents[:, 0].long()]] * 0.9 + 0.01


class Row:
    """Latents that count on, from 0 for every generator of random numbers."""

    def __init__(self) -> None:
        self.rng: torch.Generator | None = None
        self.next = 0

    def __call__(self, count: int, rng: torch.Generator) -> torch.Tensor:
        if rng is not self.rng:
            self.rng, self.next = rng, -1  # the first call draws the fixed one
            count = 1
        drawn = torch.arange(self.next, self.next + count)[:, None]
        self.next += count
        return drawn


def scoring(**changes) -> SentenceScoring:
    fields: Any = {
        "evaluation_samples": 30,
        "evaluation_batch_size": 7,
        "fine_evaluation_samples": 50,
        "fine_evaluate_every_updates": 2,
    }
    return SentenceScoring(**(fields | changes))


def evaluator(
    data: Sentences, held_out=None, latents=None, say=print, every=1, **changes
) -> Evaluator:
    unseen = held_out or (lambda: sentences(60, seed=9))
    return media.SentenceMedium(data, unseen).evaluator(
        scoring(**changes),
        Drawing(lambda generator, fixed: generator, latents or Row(), stream(4, "looks"), CPU),
        every=every,
        last=1_000,
        weights=None,
        say=say,
    )


def evaluate(data: Sentences, generator, update=1, **changes):
    """(evaluator, values) for a generator, held against `data`."""
    looking = evaluator(data, **changes)
    assert looking.score is not None
    return looking, looking.score(generator, update, nothing)


def small_demo(label: str, **changes) -> TrainingConfig:
    config = experiment("language_demo").settings[label]
    return config.but(width=4, batch_size=8, **changes)


def speeches() -> media.SentenceMedium:
    return media.SentenceMedium(
        load_text("speeches"), lambda: load_text("speeches", None, "held_out")
    )


def game_of(config: TrainingConfig, data: media.SentenceMedium) -> TwoPlayerGame:
    return parts_of(config, data, CPU).game()


def test_values_are_those_of_the_sentences_drawn():
    data, theirs = sentences(40), sentences(100, seed=1).codes
    looking, values = evaluate(data, Reciter(theirs), update=2)
    names = ["jsd_4", "jsd_6", "jsd_4_fine", "jsd_6_fine"]
    assert (looking.metric, looking.lower_is_better) == ("jsd_4", dict.fromkeys(names, True))
    expected = {
        f"jsd_{n}{suffix}": divergence(counts(data.codes, n), counts(theirs[:drawn], n))
        for suffix, drawn in (("", 30), ("_fine", 50))
        for n in (4, 6)
    }
    assert values == pytest.approx(expected, abs=1e-12)
    assert list(values) == names


def test_reciting_the_training_sentences_is_perfect_and_another_alphabet_worthless():
    data = sentences(30)
    assert evaluate(data, Reciter(data.codes))[1] == {"jsd_4": 0.0, "jsd_6": 0.0}
    only_a = np.full((30, 8), 2, np.uint8)
    other = Sentences(
        "made up", "train", np.where(data.codes == 2, 3, data.codes), VOCABULARY, CARD
    )
    assert evaluate(other, Reciter(only_a))[1] == {"jsd_4": 1.0, "jsd_6": 1.0}


def test_the_evaluation_with_less_noise_comes_only_when_due():
    theirs = Reciter(sentences(100, seed=1).codes)
    assert list(evaluate(sentences(40), theirs, update=1)[1]) == ["jsd_4", "jsd_6"]
    never = evaluate(sentences(40), theirs, update=2, fine_evaluation_samples=None)
    assert list(never[1]) == ["jsd_4", "jsd_6"]
    assert list(never[0].floor) == list(never[0].lower_is_better) == ["jsd_4", "jsd_6"]


def test_the_floor_is_the_mean_over_disjoint_parts_of_what_is_held_out():
    """A part of 50 of 60 is one; of 30 there are two, which together are all 60 sentences."""
    data, held_out = sentences(40), sentences(60, seed=9)
    floor = evaluate(data, Reciter(data.codes), held_out=lambda: held_out)[0].floor
    assert list(floor) == ["jsd_4", "jsd_6", "jsd_4_fine", "jsd_6_fine"]
    rows = np.random.default_rng(0).permutation(60)
    for n in (4, 6):
        real = counts(data.codes, n)
        halves = [divergence(real, counts(held_out.codes[part], n)) for part in np.split(rows, 2)]
        assert floor[f"jsd_{n}"] == pytest.approx(sum(halves) / 2, abs=1e-12)
        most = divergence(real, counts(held_out.codes[rows[:50]], n))
        assert floor[f"jsd_{n}_fine"] == pytest.approx(most, abs=1e-12)


def test_too_few_held_out_sentences_make_no_floor_and_that_is_said():
    said: list[str] = []
    looking = evaluator(sentences(40), lambda: sentences(45, seed=9), say=said.append)
    assert list(looking.floor) == ["jsd_4", "jsd_6"]
    assert any("no floor of 50 sentences: only 45 are held out" in line for line in said)


def test_a_text_without_a_held_out_part_is_trained_without_a_floor():
    def absent() -> Sentences:
        raise ValueError("expected one of the splits ['train'], got 'held_out'")

    said: list[str] = []
    looking = evaluator(sentences(40), absent, say=said.append)
    assert looking.floor == {}
    assert any("nothing is held out" in line for line in said)


def test_a_metric_of_images_is_refused():
    with pytest.raises(ValueError, match="metric: expected 'jsd' or 'none', got 'fid'"):
        small_demo("orig_1e-3").but(metric="fid")


def test_the_sentences_that_were_scored_are_written_without_the_padding_at_their_end(tmp_path):
    codes = np.array([[2, 1, 3, 1, 1, 1, 1, 1], [0, 2, 2, 2, 2, 2, 2, 2]] * 15, np.uint8)
    for metric in ("jsd", "none"):
        looking = evaluator(sentences(40), metric=metric)
        assert looking.write_samples is not None
        looking.write_samples(Reciter(codes), tmp_path / "update-1")
        written = (tmp_path / "update-1.txt").read_text("utf-8")
        assert written == "a`b\n\N{REPLACEMENT CHARACTER}aaaaaaa\n" * 15


def test_every_look_has_the_same_latents_and_the_one_with_less_noise_others():
    seen: list[torch.Tensor] = []

    class Likeliest(torch.nn.Module):
        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            seen.append(latents)
            return latents[:, None, :].expand(-1, 8, -1)

    looking = evaluator(
        sentences(40),
        latents=lambda count, rng: torch.rand(count, 6, generator=rng),
        fine_evaluation_samples=30,
    )
    assert looking.score is not None
    looking.score(Likeliest(), 1, nothing)
    one, _ = torch.cat(seen), seen.clear()
    looking.score(Likeliest(), 2, nothing)
    both = torch.cat(seen)
    assert len(one) == 30
    assert torch.equal(both[:30], one)
    assert len(both) == 60
    assert not torch.equal(both[30:], one)


def test_drawing_stops_where_the_loop_wants_to():
    calls = []
    looking = evaluator(sentences(40))
    assert looking.score is not None
    looking.score(Reciter(sentences(30).codes), 1, lambda: calls.append(None))
    assert len(calls) == 5  # batches of 7


def test_looking_leaves_the_game_as_it_is(tmp_path):
    config = small_demo(
        "ttur_3e-3_1e-3", evaluation_samples=20, fine_evaluation_samples=30, updates=1
    )
    parts = parts_of(config, speeches(), CPU)
    game = parts.game()
    game.play()
    looking = parts.evaluator(None, print)
    before = copy.deepcopy(game.state_dict())
    assert looking.score is not None
    assert looking.write_samples is not None
    first = looking.score(game.generator, 1, nothing)
    looking.write_samples(game.generator, tmp_path / "update-1")
    assert len(first) == 4
    assert looking.score(game.generator, 1, nothing) == first  # the same latents, whatever before
    assert len((tmp_path / "update-1.txt").read_text().splitlines()) == 20
    after = game.state_dict()
    assert torch.equal(before["rng"], after["rng"])
    assert before["real"] == after["real"]
    for name, value in before["generator"].items():
        assert torch.equal(value, after["generator"][name]), name
    assert game.generator.training


def test_the_game_is_the_papers():
    """Real sentences one-hot, in float; the generator rests in the first iteration (spec B.4)."""
    game = game_of(small_demo("orig_1e-3"), speeches())
    real = game.next_real()
    assert real.shape == (8, 32, 81)
    assert real.dtype == torch.float32
    assert torch.equal(real.sum(2), torch.ones(8, 32))
    assert set(real.unique().tolist()) == {0.0, 1.0}
    before = [p.detach().clone() for p in game.generator.parameters()]
    game.play()
    assert game.discriminator_updates == 10
    assert all(torch.equal(a, b) for a, b in zip(before, game.generator.parameters(), strict=True))


def test_a_vocabulary_of_two_bytes_trains(tmp_path):
    """Codes of more than 256 symbols are uint16 on disk."""
    codes = np.random.default_rng(0).integers(0, 300, (20, 32)).astype(np.uint16)
    np.save(tmp_path / "codes.npy", codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    vocabulary = ("unk", *map(chr, range(1000, 1299)))
    data = Sentences("x", "train", mapped, vocabulary, CARD)
    game = game_of(small_demo("ttur_3e-3_1e-3"), media.SentenceMedium(data, lambda: data))
    assert game.next_real().shape == (8, 32, 300)
    game.play()
    assert likeliest(game.generator(game.draw_latents().detach())).max() < 300


def test_sentences_of_another_length_are_refused():
    config = small_demo("ttur_3e-3_1e-3", length=16)
    with pytest.raises(ValueError, match=r"sentences of 32 characters.*set `length` to 32"):
        config.medium.load("speeches", "train", None, config.model)


def test_lines_keep_the_padding_within():
    codes = np.array([[1, 2, 1, 1], [1, 1, 1, 1]], np.uint8)
    assert lines(codes, VOCABULARY) == ["`a", ""]


def test_networks_follow_from_the_seed_alone():
    config = small_demo("orig_1e-3")
    ours, again, other = (
        next(networks_of(config.with_seed(seed), (32, 9)).generator.parameters())
        for seed in (0, 0, 1)
    )
    assert torch.equal(ours, again)
    assert not torch.equal(ours, other)
