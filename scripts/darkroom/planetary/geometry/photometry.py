"""Photometric correction: what an image would be with the light and the view that every image is given.

Formulas: ISIS's PhotoModel classes, Albedo and NoNormalization; Hapke (1981, 1984, 1986) as in ISIS's Hapke. Angles are
arrays in degrees.
"""

from dataclasses import dataclass

import numpy as np

STEEP = 30.0  # ISIS's Thresh: brighten by no more than this


@dataclass(frozen=True)
class Hapke:
    """Parameters of Hapke's model as ISIS's HapkeHen names them.

    wh -- single scattering albedo; b0, hh -- height and width of the opposition surge; theta -- roughness in degrees;
    hg1, hg2 -- of the double Henyey-Greenstein phase function; zero_b0_standard -- no surge under standard conditions
    """

    wh: float = 0.5
    b0: float = 0.0
    hh: float = 0.0
    theta: float = 0.0
    hg1: float = 0.0
    hg2: float = 0.0
    zero_b0_standard: bool = True

    def __post_init__(self):
        for name, low, high in (("wh", 0, 1), ("hg1", -1, 1), ("hg2", 0, 1), ("theta", 0, 90)):
            if not low <= getattr(self, name) <= high or (name == "wh" and self.wh == 0):
                raise ValueError(f"{name} = {getattr(self, name)}: must be within {low} and {high}")
        for name in ("b0", "hh"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)}: must not be below 0")


def normalise(
    values,
    phase,
    incidence,
    emission,
    model,
    parameters=None,
    normalisation="albedo",
    incref=30.0,
    emaref=0.0,
    pharef=None,
    max_incidence=90.0,
    max_emission=90.0,
):
    """Values as they would be under standard conditions; NaN where they cannot be told.

    model -- "lambert", "lommelseeliger", "lunarlambert" (parameter l), "minnaert" (k), "hapke" (those of Hapke)
    normalisation -- "albedo": times the model at the reference angles over the model at the pixel's; "none": the
        model at the pixel's angles in place of the value, as ISIS's NoNormalization
    incref, emaref, pharef -- the reference angles; the phase is the incidence unless it is given
    max_incidence, max_emission -- what lies beyond is NaN

    Raises ValueError for an unknown model or parameter.
    """
    if normalisation not in ("albedo", "none"):
        raise ValueError(f"normalisation {normalisation!r}: must be albedo or none")
    seen = brightness(phase, incidence, emission, model, parameters)
    with np.errstate(divide="ignore", invalid="ignore"):
        if normalisation == "albedo":
            standard = brightness(
                incref if pharef is None else pharef, incref, emaref, model, parameters, standard=True
            )
            made = np.where(standard <= seen * STEEP, values * standard / seen, np.nan)
        else:
            made = np.where(np.isnan(values), np.nan, seen)
        return np.where((incidence > max_incidence) | (emission > max_emission), np.nan, made)


def brightness(phase, incidence, emission, model, parameters=None, standard=False):
    """The photometric function at angles; `standard` leaves out Hapke's opposition surge if it is to be left out."""
    parameters = dict(parameters or {})
    if model not in MODELS:
        raise ValueError(f"photometric model {model!r}: must be one of {', '.join(MODELS)}")
    function, defaults = MODELS[model]
    for name in set(parameters) - set(defaults):
        raise ValueError(f"{name}: {model} has {', '.join(defaults) or 'no parameters'}")
    phase, incidence, emission = (np.asarray(angle, float) for angle in (phase, incidence, emission))
    if function is hapke:
        given = Hapke(**parameters)
        b0 = 0.0 if standard and given.zero_b0_standard else given.b0
        return hapke(phase, incidence, emission, given, b0)
    mu0, mu = np.cos(np.radians(incidence)), np.cos(np.radians(emission))
    lit = (mu0 > 0) & (incidence != 90)
    if model != "lambert":
        lit &= (mu > 0) & (emission != 90)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lit, function(mu0, mu, **{**defaults, **parameters}), 0.0)


def lambert(mu0, mu):
    """The cosine of incidence; parameters are those of incidence and emission."""
    return mu0


def lommel_seeliger(mu0, mu):
    """Twice that of the textbooks, so that it is 1 under vertical light and view."""
    return 2 * mu0 / (mu0 + mu)


def lunar_lambert(mu0, mu, l):  # noqa: E741 the parameter's name in the literature
    """McEwen (1991): l of Lommel-Seeliger and 1 - l of Lambert."""
    return mu0 * ((1 - l) + 2 * l / (mu0 + mu))


def minnaert(mu0, mu, k):
    """Minnaert (1941)."""
    return mu0 * (mu0 * mu) ** (k - 1)


def hapke(phase, incidence, emission, given, b0):
    """Hapke's function with macroscopic roughness, as ISIS's HapkeHen; `b0` is the surge that is put in."""
    i, e, g = (np.radians(angle) for angle in (incidence, emission, phase))
    mu0, mu, cos_g = np.cos(i), np.cos(e), np.cos(g)
    surge = b0 / (1 + np.tan(g / 2) / given.hh) if given.hh else 0.0
    square = given.hg1**2
    lobes = (1 - given.hg2, 1), (given.hg2, -1)
    grain = sum(share * (1 - square) / (1 + square + sign * 2 * given.hg1 * cos_g) ** 1.5 for share, sign in lobes)

    def smooth(mu0, mu):
        gamma = np.sqrt(1 - given.wh)
        multiple = _chandrasekhar(mu0, gamma) * _chandrasekhar(mu, gamma) - 1
        return given.wh / 4 * mu0 / (mu0 + mu) * ((1 + surge) * grain + multiple)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if given.theta == 0:
            reflectance = smooth(mu0, mu)
        else:
            mu0_effective, mu_effective, shadow = _rough(incidence, emission, i, e, cos_g, np.radians(given.theta))
            reflectance = smooth(mu0_effective, mu_effective) * shadow
    return np.where(incidence >= 90, 0.0, reflectance)


def _chandrasekhar(mu, gamma):
    """Hapke's approximation of the H function."""
    return (1 + 2 * mu) / (1 + 2 * mu * gamma)


def _rough(incidence, emission, i, e, cos_g, theta):
    """Effective cosines of incidence and emission, and the shadowing, of a rough surface (Hapke 1984)."""
    tan = np.tan(theta)
    cot = 1 / max(tan, 1e-10)
    norm = 1 / np.sqrt(1 + np.pi * tan**2)
    mu0, mu, sin_i, sin_e = np.cos(i), np.cos(e), np.sin(i), np.sin(e)
    first_i, first_e = (_facets(mu0, sin_i, cot), _facets(mu, sin_e, cot))
    cos_azimuth = np.where(sin_i * sin_e == 0, 1.0, (cos_g - mu * mu0) / (sin_e * sin_i))
    azimuth = np.arccos(np.clip(cos_azimuth, -1, 1))
    cos_azimuth = np.where(sin_i * sin_e == 0, 1.0, cos_azimuth)
    half = np.sin(azimuth / 2) ** 2
    share = azimuth / np.pi
    seen = np.where(azimuth >= np.pi, 0.0, np.exp(np.minimum(-2 * np.tan(azimuth / 2), 23)))

    def effective(mu, sine, slope, other):
        return norm * (mu + sine * tan * slope / other)

    upright_i = effective(mu0, sin_i, first_i[0], 2 - first_i[1])
    upright_e = effective(mu, sin_e, first_e[0], 2 - first_e[1])
    low_sun = incidence > emission
    steep, flat = _swap(low_sun, first_i, first_e), _swap(~low_sun, first_i, first_e)
    between = 2 - steep[1] - share * flat[1]
    # The side that is inclined more keeps its facets; the other sees part of them.
    own = steep[0] - half * flat[0]
    other = cos_azimuth * steep[0] + half * flat[0]
    mu0_effective = effective(mu0, sin_i, np.where(low_sun, own, other), between)
    mu_effective = effective(mu, sin_e, np.where(low_sun, other, own), between)
    ratio = norm * np.where(low_sun, mu / upright_e, mu0 / upright_i)
    shadow = mu_effective * mu0 * norm / (upright_e * upright_i * (1 - seen + seen * ratio))
    return mu0_effective, mu_effective, shadow


def _facets(mu, sine, cot):
    """Hapke's E2 and E1 of a slope, without their factors."""
    slope = mu / np.maximum(sine, 1e-10)
    return np.exp(np.minimum(-(cot**2) * slope**2 / np.pi, 23)), np.exp(np.minimum(-2 * cot * slope / np.pi, 23))


def _swap(condition, first, second):
    return tuple(np.where(condition, one, other) for one, other in zip(first, second, strict=True))


MODELS = {
    "lambert": (lambert, {}),
    "lommelseeliger": (lommel_seeliger, {}),
    "lunarlambert": (lunar_lambert, {"l": 1.0}),
    "minnaert": (minnaert, {"k": 1.0}),
    "hapke": (hapke, vars(Hapke())),
}
