"""The registry of models, their files, and loading them onto a device.

Finding and fetching files needs no torch, so that listing models is instant;
what needs it is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
