"""Photometric models and normalisations against the numbers of ISIS's unit tests (isis/src/base/objs/*/*.truth)."""

import numpy as np
import pytest

from darkroom.planetary.geometry import photometry

ROUGH = {"wh": 0.52, "b0": 1.0, "hh": 1.0, "theta": 30.0, "hg1": 0.213, "hg2": 1.0}


@pytest.mark.parametrize(
    "model, parameters, overhead, oblique",
    [
        ("lambert", {}, 1, 0.707107),
        ("lommelseeliger", {}, 1, 0.898979),
        ("lunarlambert", {"l": 1.0}, 1, 0.898979),
        ("lunarlambert", {"l": 0.0}, 1, 0.707107),
        ("lunarlambert", {"l": 0.5}, 1, 0.803043),
        ("minnaert", {"k": 1.0}, 1, 0.707107),
        ("minnaert", {"k": 0.0}, 1, 1.1547),
        ("minnaert", {"k": 0.5}, 1, 0.903602),
        ("hapke", {}, 0.0965097, 0.0832883),
        ("hapke", ROUGH, 0.286048, 0.1342),
    ],
)
def test_models(model, parameters, overhead, oblique):
    """At phase, incidence, emission of 0, 0, 0; of 60, 45, 30; of 180, 90, 90, where nothing is seen."""
    angles = np.array([[0, 60, 180], [0, 45, 90], [0, 30, 90]], float)
    assert photometry.brightness(*angles, model, parameters) == pytest.approx([overhead, oblique, 0], rel=5e-6)


def test_albedo():
    values, angles = (
        np.array([0.0800618902, 0.0797334611, 0.0794225037]),
        np.array([[0.0, 86.7207248, 180.0], [0.0, 51.7031305, 90.0], [0.0, 38.9372914, 90.0]]),
    )
    albedo = photometry.normalise(values, *angles, "lambert", incref=0.0)
    assert albedo == pytest.approx([0.0800619, 0.128657, np.nan], rel=5e-6, nan_ok=True)


def test_no_surge_under_standard_conditions_unless_asked_for():
    plain = [
        photometry.brightness(0.0, 0.0, 0.0, "hapke", ROUGH | change, standard=True) for change in ({}, {"b0": 0.0})
    ]
    kept = photometry.brightness(0.0, 0.0, 0.0, "hapke", ROUGH | {"zero_b0_standard": False}, standard=True)
    assert plain[0] == plain[1]
    assert kept == pytest.approx(0.286048, rel=5e-6)


def test_what_lies_too_flat_is_left_out():
    reflectance = photometry.normalise(
        np.ones(2), np.zeros(2), np.array([60.0, 70.0]), np.zeros(2), "lambert", max_incidence=65
    )
    assert np.isnan(reflectance).tolist() == [False, True]


@pytest.mark.parametrize(
    "model, options, message",
    [
        ("moonlight", {}, "photometric model 'moonlight': must be one of lambert"),
        ("minnaert", {"parameters": {"l": 1}}, "l: minnaert has k"),
        ("hapke", {"parameters": {"wh": 2.0}}, "wh = 2.0: must be within 0 and 1"),
        ("lambert", {"normalisation": "topo"}, "normalisation 'topo': must be albedo or none"),
    ],
)
def test_errors_name_what_would_be_right(model, options, message):
    with pytest.raises(ValueError, match=message):
        photometry.normalise(np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1), model, **options)
