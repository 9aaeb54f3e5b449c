"""The same small chat in three formats, and what it says."""

from pathlib import Path

IRC = """\
[23:58] <ann> hello
=== bob has joined #kafka
[23:58] <bob> [00:01] <ann> is not me
[23:59]  * ann waves
[00:01] <ann> a new day
[00:00] <bob> out of order
[00:03] <@op> <b>two</b>  spaces
[24:00] <ann> no such time

[00:04] <eve>
[22:00] <ann> late
[09:00] <ann> next morning
"""
IRC_SAID = [
    (0.0, 'ann', 'hello'),
    (0.0, 'bob', '[00:01] <ann> is not me'),
    (180.0, 'ann', 'a new day'),
    (180.0, 'bob', 'out of order'),
    (300.0, '@op', '<b>two</b>  spaces'),
    (360.0, 'eve', ''),
    (79320.0, 'ann', 'late'),
    (118920.0, 'ann', 'next morning'),
]
JSONL = """\
{"sender": "ann", "contents": "hello", "timestamp": 1209271560}
not json
{"sender": "bob", "contents": "hi, \\"ann\\"", "timestamp": 1209271561.5, "mood": "good"}
{"sender": "bob"}
{"sender": "bob", "contents": 7}
["sender", "contents"]
null

{"sender": "ann", "contents": "bye\\nbye", "timestamp": 1209271570}
{"sender": "ann", "contents": "when?", "timestamp": "soon"}
"""
CSV = """\
timestamp,sender,contents
1209271560,ann,hello
soon,ann,when?
1209271561.5,bob,"hi, ""ann\"""
1209271562,short
1209271570,ann,"bye
bye"
"""
TABLE_SAID = [(0.0, 'ann', 'hello'), (1.5, 'bob', 'hi, "ann"'), (10.0, 'ann', 'bye\nbye')]


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """A file with this text."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
