"""Names of columns that must not break out of the text of a picture."""

HOSTILE_NAMES = (
    "</text><script>alert(1)</script>",
    "\"' onload=alert(1) x='",
    "]]>&amp;&#0;<!--",
    "nul\x00 bell\x07 half\ud800 none\uffff",
    "x" * 5_000,
    "",
)
