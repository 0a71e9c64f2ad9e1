"""Encodings of text files: named by the client, marked, or guessed from few words."""

import io

import pytest

from service.errors import Invalid
from service.ingest import IngestedTable, read_upload
from service.ingest.corrections import Corrections
from service.settings import Settings

RUSSIAN = ("cp1251", "koi8-r", "cp866", "mac-cyrillic", "iso8859-5")
HEADERS = [
    *[("температура,давление,город", each) for each in RUSSIAN],
    *[("ДЛИНА,МАССА,ПЕРИОД", each) for each in RUSSIAN],
    *[("длина (м),масса (кг),период (с)", each) for each in RUSSIAN],
    ("довжина,вага,швидкість", "koi8-u"),
    ("Größe,Gewicht,Länge", "cp1252"),
    ("année,densité,pression", "cp1252"),
    ("temp (°C),x ± s,d (µm)", "cp1252"),
    ("długość,prędkość,ciśnienie", "cp1250"),
    ("délka,šířka,výška", "iso8859-2"),
    ("μήκος,θερμοκρασία,πίεση", "cp1253"),
    ("uzunluk,ağırlık,hız", "cp1254"),
    ("温度,压力,速度", "gb18030"),
    ("温度,圧力,速さ", "shift_jis"),
    ("온도,압력,속도", "cp949"),
    ("длина,масса,период", "utf-16"),
    ("длина,масса,период", "utf-16-le"),
]


def read(content: bytes, settings: Settings, encoding: str | None = None) -> IngestedTable:
    return read_upload(io.BytesIO(content), "a.csv", settings, corrections=Corrections(encoding=encoding))


def table_under(header: str) -> str:
    return "\n".join([header, *(f"{row},{row / 7:.2f},{row % 5}" for row in range(20))])


@pytest.mark.parametrize(("header", "encoding"), HEADERS)
def test_a_table_is_read_in_its_encoding_with_a_warning(
    header: str, encoding: str, settings: Settings
) -> None:
    table = read(table_under(header).encode(encoding), settings)
    assert table.frame.columns == header.split(",")
    assert table.warnings[0].code == "encoding"


def test_words_far_from_the_beginning_tell_the_encoding(settings: Settings) -> None:
    content = "x,y\n" + "1,a\n" * 30_000 + "2,красный\n3,синий\n"
    table = read(content.encode("koi8-r"), settings)
    assert table.frame["y"][-1] == "синий"
    assert table.warnings[0].line == 30_002


def test_an_encoding_that_is_named_is_taken_without_a_warning(settings: Settings) -> None:
    table = read("кг,y\n1,2\n".encode("mac-cyrillic"), settings, "mac-cyrillic")
    assert table.frame.columns == ["кг", "y"]
    assert "encoding" not in {warning.code for warning in table.warnings}


def test_a_named_utf8_may_have_a_byte_order_mark(settings: Settings) -> None:
    assert read("x,y\n1,2\n".encode("utf-8-sig"), settings, "utf-8").frame.columns == ["x", "y"]


def test_bytes_that_do_not_fit_the_named_encoding_are_refused_with_their_line(settings: Settings) -> None:
    with pytest.raises(Invalid, match="line 2 is not utf-8 text") as caught:
        read("x,y\n1,ü\n".encode("cp1252"), settings, "utf-8")
    assert (caught.value.code, caught.value.extra["line"]) == ("not_text", 2)


def test_a_damaged_line_does_not_make_utf8_another_encoding(settings: Settings) -> None:
    content = table_under("температура,давление,город").encode() + b"\n1,2,\xd1\n"
    with pytest.raises(Invalid, match="is UTF-8, except for line 22") as caught:
        read(content, settings)
    assert caught.value.code == "not_text"
