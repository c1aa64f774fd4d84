"""What a file is, by its first bytes. Pure.

What a vendor or a phone claims of a file is no proof, so the type is read from the bytes, and
only types that a text message carries are known here: everything else, programs, archives,
HTML and SVG included, has no type and is refused. The two small libraries for this were tried and
do not fit: ``filetype`` 1.2 does not know a 3GP film (what most phones send), ``puremagic`` 1.30
guesses from any file's first letters and knows neither M4A nor MP3 with a title.
"""

from __future__ import annotations

import re

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"#!AMR\n", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"OggS", "audio/ogg"),
    (b"%PDF-", "application/pdf"),
)

# Chunks (RIFF): the kind stands behind the length.
_CHUNKS = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}

# ISO base media files: the brand stands behind "ftyp" (mp4ra.org lists them).
_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"3gp", "video/3gpp"),
    (b"3g2", "video/3gpp2"),
    (b"qt  ", "video/quicktime"),
    (b"M4A", "audio/mp4"),
    (b"M4V", "video/mp4"),
    (b"mp4", "video/mp4"),
    (b"iso", "video/mp4"),
    (b"avc1", "video/mp4"),
    (b"heic", "image/heic"),
    (b"heix", "image/heic"),
    (b"mif1", "image/heif"),
    (b"avif", "image/avif"),
)

# A frame of MPEG audio, layer III: eleven bits of synchronisation, then version and layer; a bit
# rate and a sampling rate that exist (ISO 11172-3, 2.4.2.3).
_MP3_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xeb]", re.DOTALL)

_CARDS = re.compile(rb"(?:\xef\xbb\xbf)?BEGIN:(VCARD|VCALENDAR)[ \t]*\r?\n", re.IGNORECASE)
_CARD_TYPES = {b"VCARD": "text/vcard", b"VCALENDAR": "text/calendar"}


def type_of(content: bytes) -> str | None:
    r"""The content type that the bytes of a file show.

    Args:
        content: the file, or its first 64 bytes.

    Returns:
        None for anything that a text message does not carry.

    >>> type_of(b"\x00\x00\x00\x18ftyp3gp4")
    'video/3gpp'
    >>> type_of(b"<svg onload=...>") is None
    True
    """
    for start, content_type in _STARTS:
        if content.startswith(start):
            return content_type
    if content[:4] == b"RIFF":
        return _CHUNKS.get(content[8:12])
    if content[4:8] == b"ftyp":
        brand = content[8:12]
        return next((kind for start, kind in _BRANDS if brand.startswith(start)), None)
    if card := _CARDS.match(content):
        return _CARD_TYPES[card[1].upper()]
    return "audio/mpeg" if _MP3_FRAME.match(content) else None
