"""What samples are: how they are loaded, streamed, shown and scored. Nothing else asks for it."""

from typing import Annotated

from ttur.runtime.description import ONE_OF
from ttur.training.media.arrays import ArrayMedium, ArrayScoring
from ttur.training.media.images import ImageMedium, ImageScoring
from ttur.training.media.medium import Medium as Medium
from ttur.training.media.sentences import SentenceMedium, SentenceScoring

Scoring = Annotated[ImageScoring | SentenceScoring | ArrayScoring, ONE_OF]
MEDIA: dict[str, type[Medium]] = {
    medium.kind: medium for medium in (ImageMedium, SentenceMedium, ArrayMedium)
}
