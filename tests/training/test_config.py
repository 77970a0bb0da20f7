import json

import pytest

from ttur.experiments.registry import EXPERIMENTS
from ttur.timescales import Halving, LearningRatePair
from ttur.training.config import TrainingConfig


def small(**fields) -> TrainingConfig:
    rates = LearningRatePair(discriminator=1e-4, generator=5e-4)
    return TrainingConfig(
        **({"data": "digits", "image_size": 16, "rates": rates, "updates": 10} | fields)
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_configuration_survives_json(name):
    for config in EXPERIMENTS[name]().settings.values():
        assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_sequence_of_step_sizes_survives_json():
    rates = LearningRatePair(discriminator=Halving(1e-4, 100), generator=5e-5)
    config = small(rates=rates)
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_set_reads_numbers_and_words():
    config = small().with_settings({"width": "8", "latent": "normal", "adam_beta1": "0"})
    assert (config.width, config.latent, config.adam_beta1) == (8, "normal", 0.0)


def test_a_dot_leads_into_a_field():
    rates = LearningRatePair(discriminator=Halving(1e-4, 100), generator=5e-5)
    config = small(rates=rates).with_settings(
        {"rates.floor": "2e-5", "rates.discriminator.every": "10"}
    )
    assert config.rates.discriminator == Halving(1e-4, 10)
    assert config.rates.at(1000) == (2e-5, 5e-5)
    with pytest.raises(ValueError, match=r"no field 'rates.flor'.*did you mean floor"):
        config.with_settings({"rates.flor": "1"})
    with pytest.raises(ValueError, match="'width' has no fields of its own"):
        config.with_settings({"width.x": "1"})


@pytest.mark.parametrize("settings", [{"rates.generator.value": "1e-3"}, {"rates.floor": "1e-3"}])
def test_the_first_rates_stay_as_they_are_in_the_name_of_the_run(settings):
    with pytest.raises(ValueError, match="use --d-lr and --g-lr"):
        small().with_settings(settings)


BEGAN = {"model": "began", "losses": "began"}
TEXT = {"data": "speeches", "model": "wgan_gp_language", "image_size": None, "length": 32}
SHARED = {"model": "wgan_gp_image", "images_per_score": 4}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "began"}, "got the losses non_saturating for began"),
        ({"losses": "began"}, "got the losses began for dcgan"),
        ({"began_k_rate": 0.1}, "non_saturating has no began_k_rate, got 0.1"),
        (BEGAN | {"began_k": 1.5}, "began_k: .*got 1.5"),
        ({"tracking_gap_steps": 9}, "run without monitor_every_updates has no tracking_gap_steps"),
        ({"images_per_score": 4}, "dcgan has no images_per_score, got 4"),
        (SHARED | {"batch_size": 6}, "multiple of it, got 6"),
        ({"patience": 3, "metric": "none"}, "needs evaluations, got the metric none"),
        ({"patience": 0}, "patience"),
        (TEXT | {"jpeg_round_trip": True}, "sentences have no jpeg_round_trip, got True"),
        (TEXT | {"reference_images": 9}, "sentences have no reference_images, got 9"),
        ({"pixels": "dithered"}, "pixels: .*got 'dithered'"),
        ({"reference_images": 1}, "reference_images"),
        ({"updates": True}, "updates: expected a number, got a truth value, got True"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        small().from_json(small().to_json() | fields)


@pytest.mark.parametrize(
    ("fields", "batches"),
    [
        ({"n_critic": 5}, 5),
        (BEGAN | {"order": "simultaneous"}, 2),
        (BEGAN | {"began_k_batch": "same"}, 1),
        (BEGAN | {"began_k_rate": 0.0}, 1),
    ],
)
def test_real_samples_are_those_that_a_run_draws(fields, batches):
    """BEGAN's k takes a batch of its own (D.3), unless it is fixed or shares that of the update."""
    assert small(**fields).real_samples == 10 * batches * 64


def test_an_unknown_field_offers_the_closest():
    with pytest.raises(ValueError, match=r"no field 'batchsize'.*did you mean batch_size"):
        small().with_settings({"batchsize": "8"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", "0"),
        ("batch_size", "-1"),
        ("updates", "2.5"),
        ("latent", "gaussian"),
        ("adam_beta2", "1.0"),
        ("adam_epsilon", "0"),
        ("model", "stylegan"),
    ],
)
def test_a_refused_value_names_the_field_and_what_it_got(field, value):
    with pytest.raises(ValueError, match=f"{field}: .*got '?{value}") as refused:
        small().with_settings({field: value})
    assert "pydantic" not in str(refused.value)


def sentences(**fields) -> TrainingConfig:
    words = {"data": "speeches", "model": "wgan_gp_language", "image_size": None, "length": 32}
    return small(**(words | fields))


@pytest.mark.parametrize(
    ("build", "fields", "message"),
    [
        (small, {"image_size": None}, "dcgan has an image_size, got None"),
        (small, {"length": 32}, "dcgan has no length, got 32"),
        (sentences, {"length": None}, "wgan_gp_language has a length, got None"),
        (sentences, {"image_size": 16}, "wgan_gp_language has no image_size, got 16"),
        (small, {"fine_evaluation_samples": 9}, "only sentences have fine_evaluation_samples"),
    ],
)
def test_images_have_a_side_and_sentences_a_length(build, fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)


def test_a_configuration_from_before_there_were_sentences_is_read_as_it_was():
    document = small(width=8).to_json()
    for younger in ("length", "fine_evaluation_samples", "fine_evaluate_every_updates"):
        del document[younger]
    assert TrainingConfig.from_json(document) == small(width=8)


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
    assert [u for u in evaluated if config.evaluates_finely(u)] == expected
    assert config.fine_evaluations == len(expected)
    assert not sentences().evaluates_finely(10)


@pytest.mark.parametrize("rate", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_rate_that_is_not_positive_is_refused_at_birth(rate):
    with pytest.raises(ValueError, match="generator"):
        LearningRatePair(discriminator=1e-4, generator=rate)
