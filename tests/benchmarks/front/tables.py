"""The eleven tables of measurements or of synthetic rows whose fronts of formulas are compared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a numeric target; all columns are numbers.

    Attributes:
        name: As the report names it.
        file: Within the data folder.
    """

    name: str
    file: str
    target: str = "target"


BLACKBOX = (
    *("1027_ESL", "192_vineyard", "197_cpu_act", "207_autoPrice", "503_wind"),
    *("523_analcatdata_neavote", "529_pollen", "597_fri_c2_500_5", "612_fri_c1_1000_5"),
)
TABLES = (
    *(
        Table(name=file.partition("_")[2].removeprefix("analcatdata_"), file=f"blackbox/{file}.csv")
        for file in BLACKBOX
    ),
    Table(name="airfoil", file="airfoil_self_noise.csv", target="scaled_sound_pressure_level_db"),
    Table(name="concrete", file="concrete_strength.csv", target="compressive_strength_mpa"),
)
