"""Constants of nature (CODATA, from SciPy) with their units."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import constants

from kan_engine.units.unit import Unit, read_unit


@dataclass(frozen=True)
class NaturalConstant:
    """A constant of nature.

    Attributes:
        name: In words.
        symbol: As it is usually written.
        value: In coherent units of the SI.
        unit_text: These units.
    """

    name: str
    symbol: str
    value: float
    unit_text: str

    @property
    def unit(self) -> Unit:
        """Its unit."""
        unit = read_unit(self.unit_text)
        assert unit is not None, self.unit_text  # noqa: S101 - a test reads them all
        return unit


NATURAL_CONSTANTS = (
    NaturalConstant("speed of light", "c", constants.c, "m/s"),
    NaturalConstant("Planck constant", "h", constants.h, "J*s"),
    NaturalConstant("Boltzmann constant", "k_B", constants.k, "J/K"),
    NaturalConstant("vacuum permittivity", "epsilon_0", constants.epsilon_0, "F/m"),
    NaturalConstant("elementary charge", "e", constants.e, "C"),
    NaturalConstant("gravitational constant", "G", constants.G, "m^3/(kg*s^2)"),
    NaturalConstant("molar gas constant", "R", constants.R, "J/(mol*K)"),
    NaturalConstant("standard gravity", "g", constants.g, "m/s^2"),
    NaturalConstant("electron mass", "m_e", constants.m_e, "kg"),
    NaturalConstant("vacuum permeability", "mu_0", constants.mu_0, "N/A^2"),
    NaturalConstant("Stefan-Boltzmann constant", "sigma", constants.sigma, "W/(m^2*K^4)"),
    NaturalConstant("Avogadro constant", "N_A", constants.N_A, "1/mol"),
    NaturalConstant("proton mass", "m_p", constants.m_p, "kg"),
    NaturalConstant("Faraday constant", "F", constants.value("Faraday constant"), "C/mol"),
    NaturalConstant("reduced Planck constant", "hbar", constants.hbar, "J*s"),
    NaturalConstant("Rydberg constant", "R_inf", constants.Rydberg, "1/m"),
    NaturalConstant("Bohr radius", "a_0", constants.value("Bohr radius"), "m"),
)
