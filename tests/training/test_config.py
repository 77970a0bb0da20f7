import json

import pytest

from ttur.experiments.paper import EXPERIMENTS
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


@pytest.mark.parametrize("rate", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_rate_that_is_not_positive_is_refused_at_birth(rate):
    with pytest.raises(ValueError, match="generator"):
        LearningRatePair(discriminator=1e-4, generator=rate)
