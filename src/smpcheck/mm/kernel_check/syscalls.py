"""Memory system calls through ctypes, which lets other threads run meanwhile.

Memory is touched by system calls, too: ``preadv(2)`` from /dev/zero into a page is a write access that ends in EFAULT where a
store instruction would end in SIGBUS, and breaks COW in the same way.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Sequence

PAGE = mmap.PAGESIZE

PROT_NONE = 0
MAP_FIXED = 0x10
MADV_REMOVE = 9
MADV_NOHUGEPAGE = 15
MADV_COLD = 20
MADV_PAGEOUT = 21
"""asm-generic/mman-common.h; MADV_COLD and MADV_PAGEOUT are the same on all architectures."""

MLOCK_ONFAULT = 1
"""uapi/asm-generic/mman.h"""

SHM_LOCK, SHM_UNLOCK = 11, 12
SHM_REMAP = 0o40000
"""uapi/linux/shm.h"""

PROCESS_MADVISE = 440
"""Its number in every system call table made since 5.10 (Alpha's, which counts otherwise, apart)."""

_FAILED = ctypes.c_void_p(-1).value


class Iovec(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_libc = ctypes.CDLL(None, use_errno=True)
_size, _address, _int, _off = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64

_mmap = getattr(_libc, "mmap64", None) or _libc.mmap
_mmap.restype, _mmap.argtypes = _address, (_address, _size, _int, _int, _int, _off)
for _name, _arguments in {
    "mlock": (_address, _size),
    "munlock": (_address, _size),
    "munmap": (_address, _size),
    "madvise": (_address, _size, _int),
}.items():
    getattr(_libc, _name).restype, getattr(_libc, _name).argtypes = _int, _arguments
_mlock2 = getattr(_libc, "mlock2", None)
if _mlock2 is not None:
    _mlock2.restype, _mlock2.argtypes = _int, (_address, _size, _int)
_preadv, _pwritev = getattr(_libc, "preadv64", None) or _libc.preadv, getattr(_libc, "pwritev64", None) or _libc.pwritev
for _call in (_preadv, _pwritev):
    _call.restype, _call.argtypes = ctypes.c_ssize_t, (_int, ctypes.POINTER(Iovec), _int, _off)

_libc.shmget.restype, _libc.shmget.argtypes = _int, (_int, _size, _int)
_libc.shmat.restype, _libc.shmat.argtypes = _address, (_int, _address, _int)
_libc.shmctl.restype, _libc.shmctl.argtypes = _int, (_int, _int, _address)
_process_vm_readv, _process_vm_writev = _libc.process_vm_readv, _libc.process_vm_writev
for _call in (_process_vm_readv, _process_vm_writev):
    _call.restype = ctypes.c_ssize_t
    _call.argtypes = (_int, ctypes.POINTER(Iovec), ctypes.c_ulong, ctypes.POINTER(Iovec), ctypes.c_ulong, ctypes.c_ulong)

IOV_MAX = 1024


def _check(failed: bool, call: str) -> None:
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def reserve(length: int) -> int:
    """Address space of ``length`` bytes that nothing can be accessed in, to map into with `map_at`."""
    address = _mmap(None, length, PROT_NONE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    _check(address == _FAILED, "mmap")
    return int(address)


def map_at(address: int, length: int, shared: bool, fd: int = -1) -> None:
    """A readable and writable mapping at ``address``, of the file ``fd`` from its beginning, or anonymous."""
    flags = MAP_FIXED | (mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE) | (mmap.MAP_ANONYMOUS if fd < 0 else 0)
    _check(_mmap(address, length, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0) == _FAILED, "mmap")


def hide(address: int, length: int) -> None:
    """Unmap what is there, and keep the addresses from others: an inaccessible mapping takes its place."""
    flags = MAP_FIXED | mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    _check(_mmap(address, length, PROT_NONE, flags, -1, 0) == _FAILED, "mmap")


def munmap(address: int, length: int) -> None:
    """:raises OSError: as the system call of that name, like all functions here"""
    _check(_libc.munmap(address, length) != 0, "munmap")


def mlock(address: int, length: int) -> None:
    """ENOMEM: past the end of a file, or over RLIMIT_MEMLOCK; EPERM: that limit is 0."""
    _check(_libc.mlock(address, length) != 0, "mlock")


def mlock_on_fault(address: int, length: int) -> None:
    """mlock2() with MLOCK_ONFAULT: the area is locked, and its pages when they come. ENOSYS: a C library without it."""
    if _mlock2 is None:
        raise OSError(errno.ENOSYS, f"mlock2: {os.strerror(errno.ENOSYS)}")
    _check(_mlock2(address, length, MLOCK_ONFAULT) != 0, "mlock2")


def munlock(address: int, length: int) -> None:
    """The reverse."""
    _check(_libc.munlock(address, length) != 0, "munlock")


def madvise(address: int, length: int, advice: int) -> None:
    """EINVAL: advice unknown to this kernel, or (MADV_COLD, MADV_PAGEOUT) a locked area."""
    _check(_libc.madvise(address, length, advice) != 0, "madvise")


def shared_segment(length: int, address: int) -> int:
    """A segment of shared memory, attached at ``address`` (which is given up for it); gone when nobody has it attached."""
    segment: int = _libc.shmget(0, length, os.O_CREAT | 0o600)  # 0: IPC_PRIVATE, nobody else finds it
    _check(segment < 0, "shmget")
    try:
        _check(_libc.shmat(segment, address, SHM_REMAP) == _FAILED, "shmat")
    finally:
        shmctl(segment, 0)  # IPC_RMID
    return segment


def shmctl(segment: int, command: int) -> None:
    """`SHM_LOCK` or `SHM_UNLOCK`."""
    _check(_libc.shmctl(segment, command, None) != 0, "shmctl")


def process_madvise(pid: int, address: int, length: int, advice: int) -> None:
    """`madvise` of another process's area."""
    descriptor = os.pidfd_open(pid)
    try:
        done = _libc.syscall(_int(PROCESS_MADVISE), _int(descriptor), Iovec(address, length), _size(1), _int(advice), _int(0))
        _check(done < 0, "process_madvise")
    finally:
        os.close(descriptor)


def write_to(pid: int, address: int, length: int) -> None:
    """Write to every page of another process's area: its pages are born here, on this CPU."""
    own = ctypes.create_string_buffer(length)
    count = _process_vm_writev(pid, Iovec(ctypes.addressof(own), length), 1, Iovec(address, length), 1, 0)
    _check(count < 0, "process_vm_writev")


def read_from(pid: int, address: int, length: int) -> None:
    """Read every page of another process's area."""
    own = ctypes.create_string_buffer(length)
    count = _process_vm_readv(pid, Iovec(ctypes.addressof(own), length), 1, Iovec(address, length), 1, 0)
    _check(count < 0, "process_vm_readv")


class Touch:
    """Accesses to one byte of each page of an area, by one system call for up to `IOV_MAX` pages."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self._vectors = [
            (Iovec * len(part))(*(Iovec(address, 1) for address in part))
            for part in (addresses[i : i + IOV_MAX] for i in range(0, len(addresses), IOV_MAX))
        ]

    def write(self, zero: int) -> int:
        """Write to the pages in order, out of ``zero``, a descriptor of /dev/zero; how many pages took it."""
        return self._each(_preadv, zero, "preadv")

    def read(self, scratch: int) -> int:
        """Read the pages in order, into ``scratch``, a file; how many pages gave it."""
        return self._each(_pwritev, scratch, "pwritev")

    def _each(self, call: ctypes._NamedFuncPointer, fd: int, name: str) -> int:
        done = 0
        for vector in self._vectors:
            count: int = call(fd, vector, len(vector), 0)
            if count < 0 and ctypes.get_errno() == errno.EFAULT:
                return done
            _check(count < 0, name)
            done += count
            if count < len(vector):
                return done
        return done
