"""`Config`: the sections together, and look-up of a parameter by its key.

The readers, the error messages, ``--print-config``, the XSD of the XML format, the shipped files of ``conf/`` and the
documentation are all derived from here (see `sen2like.config.generate`). Keys are unique over all sections, because
look-up ignores sections (spec 01 section 2.1).
"""

import hashlib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from pydantic.fields import FieldInfo

from sen2like.config.sections import (
    Atmcor,
    COGoptions,
    DEMRepository,
    Directories,
    Fusion,
    Geometry,
    InputProductArchive,
    JPEG2000options,
    Masks,
    Multiprocessing,
    Nbar,
    OutputFormat,
    Packager,
    Processing,
    RunTime,
    Sbaf,
    Section,
    Stitching,
    TopographicCorrection,
)
from sen2like.config.sources import Source
from sen2like.config.types import bare


class Config(BaseModel):
    """The whole configuration, validated and immutable; made by `sen2like.config.load`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    processing: Processing = Processing()
    directories: Directories = Directories()
    input_product_archive: InputProductArchive = InputProductArchive()
    geometry: Geometry = Geometry()
    masks: Masks = Masks()
    atmcor: Atmcor = Atmcor()
    nbar: Nbar = Nbar()
    sbaf: Sbaf = Sbaf()
    fusion: Fusion = Fusion()
    stitching: Stitching = Stitching()
    topographic_correction: TopographicCorrection = TopographicCorrection()
    dem_repository: DEMRepository = DEMRepository()
    output_format: OutputFormat = OutputFormat()
    cog_options: COGoptions = COGoptions()
    jpeg2000_options: JPEG2000options = JPEG2000options()
    multiprocessing: Multiprocessing = Field(default_factory=Multiprocessing)
    packager: Packager = Packager()
    run_time: RunTime = RunTime()
    sources: tuple[Source, ...] = ()
    """Named sources of input products."""
    _name: str = PrivateAttr(default="")
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _notices: tuple[str, ...] = PrivateAttr(default=())

    @property
    def name(self) -> str:
        """File name of the configuration; empty when it was not read from a file."""
        return self._name

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of every value that can change an output: equal digests, equal results."""
        values = self.model_dump_json(
            exclude={
                "run_time": True,
                "multiprocessing": True,
                "input_product_archive": True,
                "sources": True,
                "directories": {"archive_dir"},
                "packager": {"if_exists"},
            }
        )
        return hashlib.sha256(values.encode()).hexdigest()

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value comes from, by key: ``file:line``, ``--confParams`` or an option; keys at their default are absent.

        A named source is under ``Source NAME``.
        """
        return self._origins

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should be told once: old names, values without effect."""
        return self._notices

    def value(self, key: str) -> object:
        """Value of a key, whatever its section; an unknown key is a `KeyError`."""
        return getattr(getattr(self, SECTION_OF[key]), key)


def sections() -> dict[str, type[Section]]:
    """Attribute of `Config` -> model of the section, in file order; without the named sources, which are any number."""
    return {name: bare(field.annotation)[0] for name, field in Config.model_fields.items() if name != "sources"}


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """(attribute of the section, key, field) of every parameter, in file order."""
    for attribute, model in sections().items():
        for key, field in model.model_fields.items():
            yield attribute, key, field


SECTION_OF = {key: attribute for attribute, key, _ in fields()}
"""Key -> attribute of its section."""
FIELDS = {key: field for _, key, field in fields()}
"""Key -> declaration."""
