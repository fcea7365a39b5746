"""One instance of mta-sts.wasm: octets in, octets out (docs/abi.md, "Calling convention")."""

from __future__ import annotations

import ctypes
import struct
from importlib.resources import files
from threading import Lock
from typing import NamedTuple

from wasmtime import Engine, Func, Instance, Memory, Module, Store
from wasmtime import _ffi

from . import abi

_HEADER = struct.Struct("<iIII")
_PAIR = struct.Struct("<II")

# Func.__call__ costs ten times as much: it looks at the types anew each time. This prototype takes addresses, which
# ctypes passes on as they are, and keeps the interpreter lock: a call is over before another thread could use it.
# The types are those of docs/abi.md, which the version check vouches for.
_call_unchecked = ctypes.PYFUNCTYPE(
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
)(("wasmtime_func_call_unchecked", _ffi.dll))


class CoreError(ValueError):
    """A refusal of the core: a record, policy or request is not what it should be.

    ``offset`` is the octet at which reading stopped, in the text or request that was given.
    """

    def __init__(self, code: abi.Code, offset: int) -> None:
        super().__init__(f"{code.sentence or code} (at octet {offset})")
        self.code = code
        self.offset = offset


class TrapError(RuntimeError):
    """The module trapped, which is a bug of it. The instance was replaced; nothing was decided."""


class Reply(NamedTuple):
    """OUT after a call, copied: the next call overwrites it."""

    status: int
    offset: int
    payload: bytes

    def u32(self, at: int) -> int:
        """A number of the payload, which the core promises to be there."""
        return int.from_bytes(self.payload[at : at + 4], "little")

    def pairs(self, at: int) -> list[tuple[int, int]]:
        """The offsets and lengths from ``at`` to the end."""
        return list(_PAIR.iter_unpack(self.payload[at:]))


def shipped_module() -> bytes:
    """The octets of mta-sts.wasm in this package."""
    return files(__package__).joinpath("mta-sts.wasm").read_bytes()


class CoreInstance:
    """Calls the exports of the module. Threads may share it: their calls are made one after another."""

    def __init__(self, wasm: bytes | None = None) -> None:
        """Compiles the module, which takes some milliseconds.

        :raises RuntimeError: the module has an ABI that this package does not know
        """
        self._engine = Engine()
        self._module = Module(self._engine, shipped_module() if wasm is None else wasm)
        self._lock = Lock()
        self._instantiate()

    def _instantiate(self) -> None:
        self._store = Store(self._engine)
        exports = Instance(self._store, self._module, []).exports(self._store)
        self._functions = {name: item._func for name, item in exports.items() if isinstance(item, Func)}
        self._addresses = {name: ctypes.addressof(function) for name, function in self._functions.items()}
        self._context = ctypes.cast(self._store._context(), ctypes.c_void_p).value
        # Four values of 16 octets, as the longest call needs; the result comes back in the first.
        self._values = (ctypes.c_int32 * 16)()
        self._trap = ctypes.c_void_p()
        self._results = ctypes.addressof(self._values), 4, ctypes.addressof(self._trap)
        version = self._call("mtasts_abi_version", ())
        if version >> 16 != abi.ABI_MAJOR or version & 0xFFFF < abi.ABI_MINOR:
            raise RuntimeError(
                f"mta-sts.wasm has ABI {version >> 16}.{version & 0xFFFF},"
                f" this package needs {abi.ABI_MAJOR}.{abi.ABI_MINOR}"
            )
        memory = exports["memory"]
        assert isinstance(memory, Memory)
        # The memory never grows, so this view stays good as long as the store lives.
        start = ctypes.addressof(memory.data_ptr(self._store).contents)
        octets = (ctypes.c_ubyte * memory.data_len(self._store)).from_address(start)
        self._memory = memoryview(octets).cast("B")
        self._in, self._in_cap = self._call("mtasts_in_ptr", ()), self._call("mtasts_in_cap", ())
        self._out = self._call("mtasts_out_ptr", ())

    def _call(self, name: str, arguments: tuple[int, ...]) -> int:
        for i, argument in enumerate(arguments):
            self._values[4 * i] = argument
        error = _call_unchecked(self._context, self._addresses[name], *self._results)
        if error or self._trap:
            self._instantiate()
            raise TrapError(f"{name} trapped; please report it with the request")
        return self._values[0]

    def _exchange(self, name: str, request: bytes, arguments: tuple[int, ...]) -> Reply:
        self._memory[self._in : self._in + len(request)] = request
        self._call(name, arguments)
        status, offset, _, length = _HEADER.unpack_from(self._memory, self._out)
        if status < 0:
            raise CoreError(abi.Code(status), offset)
        payload = self._out + abi.OUT_HEADER
        return Reply(status, offset, bytes(self._memory[payload : payload + length]))

    def ask(self, name: str, request: bytes, *more: int) -> Reply:
        """Writes a request and calls an export with its address, its length and further arguments.

        :raises CoreError: the core refuses it, or it does not fit the IN area (192 KiB)
        """
        with self._lock:
            self._must_fit(request)
            return self._exchange(name, request, (self._in, len(request), *more))

    def ask_pair(self, name: str, first: bytes, second: bytes) -> Reply:
        """Calls an export that takes two texts: both are written, one behind the other."""
        request = first + second
        with self._lock:
            self._must_fit(request)
            addresses = (self._in, len(first), self._in + len(first), len(second))
            return self._exchange(name, request, addresses)

    def ask_numbers(self, name: str, *numbers: int) -> Reply:
        """Calls an export that takes no octets."""
        with self._lock:
            return self._exchange(name, b"", numbers)

    def _must_fit(self, request: bytes) -> None:
        if len(request) > self._in_cap:
            raise CoreError(abi.Code.BOUNDS, self._in_cap)
