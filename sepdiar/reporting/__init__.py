"""What people look at: one page about a run, in a file of its own that needs nothing else and asks nobody for anything."""

from __future__ import annotations

from sepdiar.reporting.page import html

__all__ = ["html"]
