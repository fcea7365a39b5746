"""Numbers that print as the words of docs/abi.md."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Word(IntEnum):
    """A number and the word that logs, metrics and JSON use for it. ``str()`` gives the word."""

    word: str
    sentence: str

    def __new__(cls, number: int, word: str = "", sentence: str = "") -> Word:
        member = int.__new__(cls, number)
        member._value_ = number
        member.word = word
        member.sentence = sentence
        return member

    @classmethod
    def _missing_(cls, value: object) -> Word | None:
        """A later minor version of the core may give numbers that are not known here: they print as such."""
        if not isinstance(value, int):
            return None
        unknown = int.__new__(cls, value)
        unknown._name_, unknown._value_, unknown.word, unknown.sentence = f"UNKNOWN_{value}", value, "", ""
        return unknown

    def __str__(self) -> str:
        return self.word or str(self._value_)


class WordSet(IntFlag):
    """A set of bits. ``words`` names its members."""

    @property
    def words(self) -> list[str]:
        """The members of the set, without the name that stands for all of them."""
        members = type(self).__members__.items()
        single = [(name, bit) for name, bit in members if bit and bit & (bit - 1) == 0]
        return [name.lower().replace("_", "-") for name, bit in single if bit in self]
