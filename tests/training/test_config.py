# pyright: reportAttributeAccessIssue=false
import json
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from configurations import BEGAN, WASSERSTEIN, configuration
from ttur.experiments.registry import EXPERIMENTS
from ttur.losses import R1, Began, GradientPenalty, Hinge
from ttur.models import DCGAN
from ttur.timescales import Halving, LearningRatePair
from ttur.timescales.optimizer_choice import AdamDescription, EachPlayers, SGDDescription
from ttur.training.config import MonitorDescription, TrainingConfig, TrainingData

RATES = {"discriminator": 1e-4, "generator": 5e-4}
HALVING = LearningRatePair(discriminator=Halving(1e-4, 100), generator=5e-5)
BOTH_HALVE = LearningRatePair(discriminator=Halving(1e-4, 100), generator=Halving(5e-5, 200))


def small(**fields: Any) -> TrainingConfig:
    return configuration(rates=RATES, updates=10, image_size=16).but(**fields)


def sentences(**fields: Any) -> TrainingConfig:
    return configuration("wgan_gp_language", "speeches", losses=WASSERSTEIN).but(**fields)


def shared(**fields: Any) -> TrainingConfig:
    """Four images have a score."""
    return configuration("wgan_gp_image", losses=WASSERSTEIN, images_per_score=4).but(**fields)


def began(**fields: Any) -> TrainingConfig:
    return configuration("began", losses="began", updates=10).but(**fields)


def read_back(config: TrainingConfig) -> TrainingConfig:
    return TrainingConfig.from_json(json.loads(json.dumps(config.to_json())))


def check_order(description: Any, document: Any) -> None:
    """Every object of a document has the fields of its description, in their order."""
    if is_dataclass(description):
        assert list(document) == [field.name for field in fields(description)]
        for name, value in document.items():
            check_order(getattr(description, name), value)
    elif isinstance(description, tuple):
        for part, value in zip(description, document, strict=True):
            check_order(part, value)
    else:
        assert document == description


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_configuration_survives_json_in_field_order(name):
    for config in EXPERIMENTS[name]().settings.values():
        assert read_back(config) == config
        check_order(config, config.to_json())


def test_a_sequence_of_step_sizes_survives_json():
    config = small(rates=HALVING)
    assert config.rates == HALVING
    assert read_back(config) == config


@pytest.mark.parametrize(
    "config",
    [
        small(monitor_every_updates=25),
        small(optimizer="each"),
        began(patience=3),
        shared(reference_images=9),
        sentences(fine_evaluation_samples=9),
    ],
)
def test_members_of_every_kind_survive_json(config):
    assert read_back(config) == config
    check_order(config, config.to_json())


def test_what_a_document_leaves_out_has_its_default():
    document = small(width=8).to_json()
    for member in ("losses", "optimizer", "order", "n_critic", "seed", "cadence", "monitor"):
        del document[member]
    del document["model"]["latent"]
    assert TrainingConfig.from_json(document) == small(width=8)


def test_a_word_stands_for_data_and_losses_of_that_name():
    config = configuration("began", "digits", losses="began")
    assert config.data == TrainingData(name="digits", split="train")
    assert config.losses.adversarial == Began()
    assert config.losses.penalties == ()


def test_words_become_numbers():
    config = small(width="8", latent="normal", beta1="0")
    assert (config.model.width, config.model.latent, config.optimizer.beta1) == (8, "normal", 0.0)


def test_numbers_of_numpy_become_pythons():
    config = small(batch_size=np.int64(8), seed=np.uint8(3), beta1=np.float32(0.25))
    found = config.batch_size, config.seed, config.optimizer.beta1
    assert found == (8, 3, 0.25)
    assert [type(number) for number in found] == [int, int, float]
    assert read_back(config) == config


def test_a_field_is_named_by_its_last_part_or_by_its_path():
    """Whatever else stands in the tree stays as it was."""
    assert small(width=8) == small(**{"model.width": 8}) != small()
    assert small(width=8).but(width=DCGAN().width) == small()
    config = small(rates=HALVING)
    config = config.but(**{"rates.floor": "2e-5", "rates.discriminator.every": "10"})
    assert config.rates.discriminator == Halving(1e-4, 10)
    assert config.rates.at(1000) == (2e-5, 5e-5)
    penalised = sentences(weight=5)
    assert penalised.losses.penalties == (GradientPenalty(weight=5.0),)
    assert penalised == sentences(**{"losses.penalties.0.weight": 5})


def test_a_name_of_several_fields_lists_their_paths():
    config = small(rates=BOTH_HALVE)
    paths = r"'every' .*rates\.discriminator\.every or rates\.generator\.every"
    with pytest.raises(ValueError, match=paths):
        config.but(every=10)
    assert config.but(**{"rates.generator.every": 10}).rates.generator == Halving(5e-5, 10)


def test_a_member_that_is_none_comes_to_be():
    assert small().monitor is None
    config = small(monitor_every_updates=25, tracking_gap_steps=3)
    assert config.monitor == MonitorDescription(monitor_every_updates=25, tracking_gap_steps=3)
    assert config.but(monitor=None) == small()


def test_a_kind_switches_a_member():
    assert small(optimizer="sgd").optimizer == SGDDescription()
    each = small(**{"optimizer": "each", "optimizer.generator": "sgd"}).optimizer
    assert each == EachPlayers(discriminator=AdamDescription(), generator=SGDDescription())
    config = began(**{"losses.adversarial": "began", "losses.adversarial.k": 0.5})
    assert config.losses.adversarial == Began(k=0.5)
    both = {"model": "began", "losses": BEGAN, "model.width": 4, "losses.adversarial.k": 0.5}
    switched = small(**both)
    assert (switched.model.kind, switched.model.width) == ("began", 4)
    assert switched.losses.adversarial == Began(k=0.5)
    assert BEGAN == {"adversarial": "began"}  # what is passed is not written to


def test_what_is_set_as_a_whole_is_not_set_within():
    with pytest.raises(ValueError, match="'model' is set as a whole and within"):
        small(**{"model": DCGAN(), "model.width": 4})
    with pytest.raises(ValueError, match="'penalties' is set as a whole and within"):
        sentences(**{"losses.penalties": ["gradient_penalty"], "losses.penalties.0.weight": 4})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("batchsize", "no field 'batchsize'.*did you mean batch_size"),
        ("rates.flor", r"no field 'rates\.flor'.*did you mean rates\.floor"),
        ("model.width.x", r"no field 'model\.width\.x'"),
        ("losses.penalties.0", r"no field 'losses\.penalties\.0'"),  # there is none
        ("losses.adversarial.k", r"no field 'losses\.adversarial\.k'"),  # of another kind
        ("kind", "no field 'kind'"),
    ],
)
def test_an_unknown_field_offers_the_closest(name, reason):
    with pytest.raises(ValueError, match=reason):
        small(**{name: 1})


@pytest.mark.parametrize(
    ("build", "fields", "message"),
    [
        (small, {"model": "began"}, "losses non_saturating are for .* scores, that of began gives"),
        (small, {"losses": "began"}, "losses began are for .* that of dcgan gives scores"),
        (small, {"scoring": "sentences"}, "dcgan makes images, .* got one of sentences"),
        (sentences, {"scoring": "images"}, "makes sentences, .* got one of images"),
        (small, {"scoring": "arrays"}, "dcgan makes images, .* got one of arrays"),
        (small, {"k_rate": 0.1}, "no field 'k_rate'"),
        (began, {"k": 1.5}, "k: .*got 1.5"),
        (small, {"tracking_gap_steps": 9}, "monitor.monitor_every_updates: Field required"),
        (small, {"images_per_score": 4}, "no field 'images_per_score'"),
        (shared, {"batch_size": 6}, "4 images share a score; .*multiple of it, got 6"),
        (small, {"order": "simultaneous", "n_critic": 2}, "have n_critic 1, got 2"),
        (small, {"order": "alternating"}, "order: no order 'alternating'"),
        (small, {"patience": 3, "metric": "none"}, "needs evaluations, got the metric none"),
        (small, {"patience": 0}, "patience"),
        (sentences, {"jpeg_round_trip": True}, "no field 'jpeg_round_trip'"),
        (sentences, {"reference_images": 9}, "no field 'reference_images'"),
        (small, {"pixels": "dithered"}, "pixels: .*got 'dithered'"),
        (small, {"protocol": "tf3"}, "protocol: .*got 'tf3'"),
        (small, {"reference_images": 1}, "reference_images"),
        (small, {"image_size": None}, "image_size: .*got None"),
        (small, {"length": 32}, "no field 'length'"),
        (sentences, {"length": None}, "length: .*got None"),
        (sentences, {"image_size": 16}, "no field 'image_size'"),
        (small, {"fine_evaluation_samples": 9}, "no field 'fine_evaluation_samples'"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(build, fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)


@pytest.mark.parametrize("truth", [True, np.True_])
@pytest.mark.parametrize(
    "name", ["updates", "n_critic", "seed", "width", "evaluation_samples", "beta1", "patience"]
)
def test_a_truth_value_is_no_number(name, truth):
    with pytest.raises(ValueError, match=f"{name}: expected a number, got a truth value"):
        small(**{name: truth})


def test_a_document_with_an_unknown_field_is_refused_by_its_place():
    document = small().to_json()
    document["model"]["adam_beta1"] = 0.5
    with pytest.raises(ValueError, match=r"model\.dcgan\.adam_beta1"):
        TrainingConfig.from_json(document)


@pytest.mark.parametrize(
    ("config", "batches"),
    [
        (small(n_critic=5), 5),
        (began(order="simultaneous"), 2),
        (began(k_batch="same"), 1),
        (began(k_rate=0.0), 1),
    ],
)
def test_real_samples_are_those_that_a_run_draws(config, batches):
    """BEGAN's k takes a batch of its own (D.3), unless it is fixed or shares that of the update."""
    assert config.real_samples == 10 * batches * 64


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", "0"),
        ("batch_size", "-1"),
        ("updates", "2.5"),
        ("latent", "gaussian"),
        ("beta2", "1.0"),
        ("epsilon", "0"),
        ("model", "stylegan"),
    ],
)
def test_a_refused_value_names_the_field_and_what_it_got(field, value):
    with pytest.raises(ValueError, match=f"{field}: .*got '?{value}") as refused:
        small(**{field: value})
    assert "pydantic" not in str(refused.value)


@pytest.mark.parametrize(
    ("every", "fine_every", "expected"),
    [
        (100, 1000, [1000, 2000, 2500]),  # the first evaluation is too early for any
        (400, 1000, [1200, 2000, 2500]),  # 1000 lies between 800 and 1200
        (2000, 1000, [2000, 2500]),
        (1, 1200, [1200, 2400, 2500]),
    ],
)
def test_the_evaluation_with_less_noise_joins_the_first_one_due(every, fine_every, expected):
    config = sentences(
        updates=2500,
        evaluate_every_updates=every,
        fine_evaluate_every_updates=fine_every,
        fine_evaluation_samples=10,
    )
    evaluated = sorted({1, 2500, *range(every, 2501, every)})
    assert config.cadence.evaluations(2500) == evaluated
    assert [u for u in evaluated if config.scoring.is_fine(u, every, 2500)] == expected
    assert config.evaluations == {640: len(evaluated), 10: len(expected)}
    assert not sentences().scoring.is_fine(10, every, 10)


def test_a_run_that_is_not_scored_has_no_evaluations():
    assert small(metric="none").evaluations == {}
    assert small(evaluate_every_updates=4).evaluations == {50_000: 4}  # 1, 4, 8 and 10


@pytest.mark.parametrize("rate", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_rate_that_is_not_positive_is_refused_at_birth(rate):
    with pytest.raises(ValueError, match="generator"):
        LearningRatePair(discriminator=1e-4, generator=rate)


def test_a_word_stands_for_losses_and_data_beside_their_other_fields():
    config = configuration(image_size=16)
    alone = config.but(losses="hinge", data="mine")
    assert (alone.losses.adversarial.kind, alone.data.name) == ("hinge", "mine")
    both = config.but(**{"losses": "hinge", "losses.penalties": [{"kind": "r1", "gamma": 1}]})
    assert both.losses == Hinge() + R1(1)
    assert config.but(**{"data": "mine", "data.split": "test"}).data.split == "test"
