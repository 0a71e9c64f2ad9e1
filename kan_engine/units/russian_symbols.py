"""Russian symbols of units (GOST 8.417), translated to the international ones: ``мкс`` is ``µs``."""

from __future__ import annotations

PREFIXES = {
    **{"Э": "E", "П": "P", "Т": "T", "Г": "G", "М": "M", "к": "k", "г": "h", "да": "da"},
    **{"д": "d", "с": "c", "м": "m", "мк": "µ", "н": "n", "п": "p", "ф": "f"},
}
WITH_PREFIX = {
    **{"м": "m", "г": "g", "с": "s", "А": "A", "К": "K", "моль": "mol", "кд": "cd", "л": "L", "т": "t"},
    **{"Гц": "Hz", "Н": "N", "Па": "Pa", "Дж": "J", "Вт": "W", "Кл": "C", "В": "V", "Ф": "F", "Ом": "Ω"},
    **{"См": "S", "Вб": "Wb", "Тл": "T", "Гн": "H", "лм": "lm", "лк": "lx", "Бк": "Bq", "Гр": "Gy"},
    **{"Зв": "Sv", "кат": "kat", "рад": "rad", "ср": "sr", "эВ": "eV", "бар": "bar", "кал": "cal"},
}
WITHOUT_PREFIX = {
    **{"мин": "min", "ч": "h", "сут": "day", "нед": "week", "мес": "month", "год": "year", "лет": "year"},
    **{"град": "degree", "об": "revolution", "га": "hectare", "атм": "atm", "бит": "bit", "байт": "byte"},
}


def translate_symbol(name: str) -> str:
    """Return the international symbol of a Russian one; any other name as it is.

    ``°С`` is often written with the Cyrillic letter, which looks the same.
    """
    if name == "°С":
        return "°C"
    symbols = WITHOUT_PREFIX | WITH_PREFIX
    if name in symbols:
        return symbols[name]
    for prefix in sorted(PREFIXES, key=len, reverse=True):
        symbol = WITH_PREFIX.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if symbol is not None:
            return PREFIXES[prefix] + symbol
    return name
