"""Data in pickles, read without running what is in them.

A pickle is a program for a machine with a stack, which may call any function there is. This
machine knows the instructions that make data, and calls the functions that its user names.
"""

import pickletools
from collections.abc import Callable
from typing import Any

_VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class PickledData:
    """A machine that reads pickles.

    Args:
        find: what stands for a name, given its module and the name; only what is callable can be
            called. Raises where there is none.
        load: what stands for an identifier of something outside of the pickle.
    """

    def __init__(self, find: Callable[[str, str], Any], load: Callable[[Any], Any]) -> None:
        self._find, self._load = find, load
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def read(self, content: bytes) -> Any:
        """Return the value that a pickle describes.

        Raises:
            ValueError: if there is an instruction of another kind.
            Exception: whatever damaged content leads to, and what `find` and `load` raise.
        """
        for instruction, argument, _ in pickletools.genops(content):
            self._run(instruction.name, argument)
        return self._stack.pop()

    def _run(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _SIZES:
            stack.append(tuple(self._pop(_SIZES[name])))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            self._memo[len(self._memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("TUPLE", "LIST", "DICT"):
            items = self._pop_to_mark()
            stack.append(
                tuple(items) if name == "TUPLE" else items if name == "LIST" else _pairs(items)
            )
        elif name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._pop_to_mark()
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._pop_to_mark()
            stack[-1].update(_pairs(items))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, attribute = argument.split(" ") if argument else self._pop(2)
            stack.append(self._find(module, attribute))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(function(*arguments))
        elif name == "BUILD":
            self._pop(1)  # attributes, such as the versions of modules that a state dict has
        elif name == "BINPERSID":
            stack.append(self._load(stack.pop()))
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"an instruction {name}, which makes no data")

    def _pop(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise ValueError("an instruction without its arguments")
        items = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return items

    def _pop_to_mark(self) -> list[Any]:
        return self._pop(len(self._stack) - self._marks.pop())


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))
