"""The sections of the dock widget: they show models and call controllers."""

from napari_hqsam.viewer.sections.batch import BatchSection
from napari_hqsam.viewer.sections.channel_question import ChannelQuestion
from napari_hqsam.viewer.sections.image import ImageSection
from napari_hqsam.viewer.sections.keys import KeysSection
from napari_hqsam.viewer.sections.labels import LabelsSection
from napari_hqsam.viewer.sections.model import ModelSection
from napari_hqsam.viewer.sections.object import ObjectSection
from napari_hqsam.viewer.sections.place_question import PlaceQuestion
from napari_hqsam.viewer.sections.prompts import PromptSection
from napari_hqsam.viewer.sections.session import SessionSection
from napari_hqsam.viewer.sections.stack import StackSection

__all__ = [
    "BatchSection",
    "ChannelQuestion",
    "ImageSection",
    "KeysSection",
    "LabelsSection",
    "ModelSection",
    "ObjectSection",
    "PlaceQuestion",
    "PromptSection",
    "SessionSection",
    "StackSection",
]
