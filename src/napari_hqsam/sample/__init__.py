"""One real picture with prompts, for the demo and the viewer's samples.

``nuclei.png``: fluorescence nuclei, 360 x 360, uint8, image 7d40ea6ead of the
2018 Data Science Bowl (Broad Bioimage Benchmark Collection BBBC038, CC0; Caicedo
et al., Nature Methods 16, 2019). The bundled model was not trained on it, but its
settings were chosen by looking at it, too: no evidence of quality. ``prompts.json``:
clicks and boxes set by eye.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

FOLDER = Path(str(files(__name__)))
NUCLEI = FOLDER / "nuclei.png"
PROMPTS = FOLDER / "prompts.json"
