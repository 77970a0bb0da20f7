"""What samples are: how they are loaded, streamed, shown and scored. Nothing else asks for it."""

from typing import Annotated

from ttur.runtime.description import ONE_OF
from ttur.training.media.arrays import Arrays, ArrayScoring
from ttur.training.media.images import Images, ImageScoring
from ttur.training.media.medium import Medium as Medium
from ttur.training.media.sentences import Sentences, SentenceScoring

Scoring = Annotated[ImageScoring | SentenceScoring | ArrayScoring, ONE_OF]
MEDIA: dict[str, type[Medium]] = {medium.kind: medium for medium in (Images, Sentences, Arrays)}
