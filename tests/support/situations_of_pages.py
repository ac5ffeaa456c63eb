"""The situations of every page."""
from support import situations_of_cells, situations_of_platform, situations_of_sites  # noqa: F401
