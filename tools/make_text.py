"""Write src/ttur/data/published/speeches.txt.xz from a file of sentences, one a line.

    python tools/make_text.py us-presidential-addresses.txt

Kept are the first 32 characters, all that the language model sees, of the first 12,000 lines that
begin differently: 390 kB, 130 kB packed. The lines of the source are in random order, so that any
part of it is like any other.

Data: addresses of presidents of the United States, works of its government, in the public domain.
"""

import hashlib
import lzma
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/ttur/data/published/speeches.txt.xz"
LENGTH, COUNT = 32, 12_000


def main(source: Path) -> None:
    lines = source.read_bytes().decode("utf-8").split("\n")
    beginnings = list(dict.fromkeys(line[:LENGTH] for line in lines if line))[:COUNT]
    assert len(beginnings) == COUNT, f"expected {COUNT} different lines, got {len(beginnings)}"
    content = "".join(f"{line}\n" for line in beginnings).encode()
    TARGET.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
    print(f"{TARGET.name}: {len(content)} bytes, {TARGET.stat().st_size} packed")
    print(f"SHA-256 of the text: {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
