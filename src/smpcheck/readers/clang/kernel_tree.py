"""A kernel tree: its folders of headers, its configuration, and where our own headers stand before its own.

A tree that was configured has ``include/generated/autoconf.h``. For an unpacked source a distribution's headers of the same
version give the configuration (``linux-headers-*`` beside the tree or in ``/usr/src``, or what ``headers`` names).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.readers.clang import headers

AUTOCONF = "include/generated/autoconf.h"
LAYERS = (
    *("include/asm-generic/", "include/linux/atomic/", "include/linux/compiler", "arch/"),
    *("include/linux/page-flags.h", "include/linux/page_ref.h"),
)
"""Folders and files whose functions are how primitives are made, or give them another name for one bit or one counter."""
INSTALLED = "/usr/src"


class KernelTree(Struct, frozen=True):
    """``tree``: the source; ``configured``: the folder with what the build makes; ``config``: where it is from, for answers."""

    tree: str
    configured: str

    @classmethod
    def find(cls, tree: str, configured: str = "") -> KernelTree:
        """The tree in a folder. :raises InputError: it is none, or nothing says how it is configured"""
        root = os.path.abspath(tree)
        if not os.path.isfile(os.path.join(root, "include/linux/kernel.h")):
            raise InputError(f"{tree} is no kernel tree: it has no include/linux/kernel.h")
        places = [configured] if configured else [root, *cls.installed(root)]
        for place in places:
            if os.path.isfile(os.path.join(place, AUTOCONF)):
                return cls(root, os.path.abspath(place))
        if configured:
            raise InputError(
                f"{configured} has no {AUTOCONF}: it is no configured tree, nor a distribution's linux-headers folder"
            )
        raise InputError(
            f"{tree} is not configured (it has no {AUTOCONF}), and there are no headers of Linux {version(root)} beside it or in "
            f"{INSTALLED}: configure it (make defconfig prepare), or name a configured tree or a distribution's headers with "
            "--kernel-headers"
        )

    @staticmethod
    def installed(root: str) -> list[str]:
        """A distribution's headers of the same version, beside the tree or where they are installed."""
        name = f"linux-headers-{version(root)}.*-amd64"
        return [
            found for folder in (os.path.dirname(root), INSTALLED) for found in sorted(glob(f"{folder}/{name}"), reverse=True)
        ]

    def arguments(self, virtual: str) -> tuple[str, ...]:
        """clang's arguments, as the kernel's build gives them."""
        arch = f"{self.tree}/arch/x86/include"
        made = f"{self.configured}/arch/x86/include/generated"
        folders = (
            str(headers.FOLDER / "arch"),
            virtual,
            arch,
            made,
            f"{self.tree}/include",
            f"{self.configured}/include",
            f"{arch}/uapi",
            f"{made}/uapi",
            f"{self.tree}/include/uapi",
            f"{self.configured}/include/generated/uapi",
            self.tree,
        )
        first = (
            "linux/compiler-version.h",
            "linux/kconfig.h",
            str(headers.FOLDER / "arch" / "config.h"),
            "linux/compiler_types.h",
        )
        return (
            *(f"-I{folder}" for folder in folders),
            *(word for name in first for word in ("-include", name)),
            *("-D__KERNEL__", "-DCC_USING_FENTRY", '-DKBUILD_MODNAME="smpcheck"', '-DKBUILD_BASENAME="smpcheck"'),
            '-DKBUILD_MODFILE="smpcheck"',
        )

    def generated(self) -> Iterator[tuple[str, str]]:
        """Headers that are made from the table of primitives."""
        yield "smpcheck_barriers.h", headers.barriers()
        yield "smpcheck_exchange.h", headers.exchanges()


def version(root: str) -> str:
    """``6.1``."""
    try:
        text = (Path(root) / "Makefile").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "?"
    found = [re.search(rf"^{name} *= *(\d+)", text, re.MULTILINE) for name in ("VERSION", "PATCHLEVEL")]
    return ".".join(match[1] for match in found if match)
