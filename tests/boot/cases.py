# SPDX-License-Identifier: GPL-2.0-only
"""The registry of boot cases, in the order they are written down."""

CASES = {}


def case(name, *args):
    """Register a function as a case. With arguments, the function is called with
    them after the name, so that one function makes a row of cases."""
    def register(function):
        if name in CASES:
            raise ValueError(f"two boot cases are called {name}")
        CASES[name] = lambda log: function(log, *args)
        return function
    return register
