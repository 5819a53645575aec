"""YAML as thb and DVC both read it: thb goes by YAML 1.1, DVC by 1.2, and a setting must be the same to both.

So a word that one reads as a number, a date or a boolean, and the other as something else, is refused; so are keys that
stand twice, of which one reader would take the last. Oversized and self-referring files are refused while being read.
"""

from __future__ import annotations

import copy
import math
import re
import unicodedata
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from thb.core.errors import HIDDEN, ParamsError
from thb.core.ranges import shown

LARGEST = 1_000_000  # bytes of a file
DEEPEST = 20  # levels, one in the other
MOST = 20_000  # values, each counted as often as it is referred to

# What both readers take for the same.
PLAIN = re.compile(
    r"""~|null|Null|NULL|
    true|True|TRUE|false|False|FALSE|
    [-+]?(0|[1-9][0-9]{0,29})|
    [-+]?[0-9]{1,30}\.[0-9]{0,30}([eE][-+][0-9]{1,3})?|\.[0-9]{1,30}([eE][-+][0-9]{1,3})?""",
    re.VERBOSE,
)
# What YAML 1.2 takes for more than text; what 1.1 does, the reader itself says.
TYPED_IN_1_2 = re.compile(
    r"""[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+|
    [-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+([eE][-+][0-9]+)?|
    [-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|=|[!&*]|
    [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\s].*)?""",
    re.VERBOSE,
)
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


def load(path: Path) -> Any:
    """The file's content; any fault is one line that names the file."""
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except OSError as e:
        raise ParamsError(f"cannot read {path.name}: {e.strerror}") from e
    if content is None:
        raise ParamsError(f"{path.name} is larger than {LARGEST:,} bytes: it is no file of settings")
    try:
        return parse(content.decode("utf-8"), path.name)
    except UnicodeDecodeError as e:
        line = content.count(b"\n", 0, e.start) + 1
        raise ParamsError(
            f"{path.name} line {line}: byte {content[e.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from e


def parse(text: str, name: str) -> Any:
    """The one document that the text holds, the caller's own; `name` is what errors call it."""
    return copy.deepcopy(_parsed(text, name))


@lru_cache(maxsize=8)
def _parsed(text: str, name: str) -> Any:
    """The same text is read once a process: reading takes many times as long as copying what was read."""
    try:
        return _Reader(text).get_single_data()
    except _Refused as e:
        raise ParamsError(f"{name} line {e.line}: {e}") from None
    except yaml.YAMLError as e:
        raise ParamsError(f"{name} is not YAML: {' '.join(str(e).split())[:200]}") from e


class _Refused(Exception):
    """Valid YAML that is not accepted; `line` counts from 1."""

    def __init__(self, why: str, mark: yaml.Mark) -> None:
        super().__init__(why)
        self.line = mark.line + 1


class _Reader(yaml.SafeLoader):
    """Refuses while it composes: before anything is built, and before a fork that grows without end has grown."""

    depth = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.sizes: dict[Node, int] = {}  # of nodes that are whole, what they refer to counted in

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()
        if getattr(event, "tag", None) is not None:
            raise _Refused(f"tag {shown(event.tag)}: settings are plain values without tags", event.start_mark)
        if self.depth >= DEEPEST:
            raise _Refused(f"more than {DEEPEST} levels, one in the other", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is None:
            return None
        if isinstance(event, yaml.AliasEvent):
            if node not in self.sizes:
                raise _Refused(f"*{event.anchor} refers to itself", event.start_mark)
        else:
            self.sizes[node] = self._size(node)
        if self.sizes[node] > MOST:
            raise _Refused(f"more than {MOST:,} values, with all that is referred to", event.start_mark)
        return node

    def _size(self, node: Node) -> int:
        if isinstance(node, ScalarNode):
            return 1
        parts = chain.from_iterable(node.value) if isinstance(node, MappingNode) else node.value
        return 1 + sum(self.sizes[part] for part in parts)

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        plain = self.peek_event().implicit[0]
        node = super().compose_scalar_node(anchor)
        if plain and node.tag != MERGE:
            _refuse_two_meanings(node)
        if odd := next((c for c in node.value if unicodedata.category(c) in HIDDEN), None):
            raise _Refused(f"character {odd!r} cannot be shown", node.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if key.tag not in (TEXT, MERGE):
                what = shown(key.value) if isinstance(key, ScalarNode) else "a list or a mapping"
                raise _Refused(f"key {what} is not text", key.start_mark)
            if (key.tag, key.value) in seen:
                raise _Refused(f"key {shown(key.value)} stands twice in one mapping; keep one of them", key.start_mark)
            seen.add((key.tag, key.value))
        return node


def _refuse_two_meanings(node: ScalarNode) -> None:
    word, typed = node.value, node.tag != TEXT or TYPED_IN_1_2.fullmatch(node.value)
    if not word or not typed:
        return
    if not PLAIN.fullmatch(word):
        raise _Refused(
            f"{shown(word)} is not the same to every reader of YAML: write true or false, a plain number "
            "(1000, 0.001, 1.0e-3), or text in quotes",
            node.start_mark,
        )
    if node.tag.endswith(":float") and math.isinf(float(word)):
        raise _Refused(f"{shown(word)} is no finite number", node.start_mark)
